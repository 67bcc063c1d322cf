// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// Is larger than all the memory that there is for modules.
#include <linux/module.h>

char apus_huge_memory[1600UL << 20];

static int __init huge_init(void) { return 0; }
static void __exit huge_exit(void) {}

module_init(huge_init);
module_exit(huge_exit);
MODULE_LICENSE("GPL");
