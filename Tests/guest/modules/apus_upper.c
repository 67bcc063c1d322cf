// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// Stands on apus_base.
#include <linux/module.h>

int apus_base_answer(void);

static int __init upper_init(void) { return apus_base_answer() == 42 ? 0 : -EINVAL; }
static void __exit upper_exit(void) {}

module_init(upper_init);
module_exit(upper_exit);
MODULE_LICENSE("GPL");
