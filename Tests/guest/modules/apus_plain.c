// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// Loads.
#include <linux/module.h>

static int __init plain_init(void) { return 0; }
static void __exit plain_exit(void) {}

module_init(plain_init);
module_exit(plain_exit);
MODULE_LICENSE("Dual BSD/GPL");
MODULE_VERSION("1.7");
