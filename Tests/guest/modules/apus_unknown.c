// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// Wants a symbol that nobody has.
#include <linux/module.h>

int apus_nobody_has_this(void);

static int __init unknown_init(void) { return apus_nobody_has_this(); }
static void __exit unknown_exit(void) {}

module_init(unknown_init);
module_exit(unknown_exit);
MODULE_LICENSE("GPL");
