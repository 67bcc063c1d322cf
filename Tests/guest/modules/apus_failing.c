// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// Its init function fails.
#include <linux/module.h>

static int __init failing_init(void) { return -ENODEV; }
static void __exit failing_exit(void) {}

module_init(failing_init);
module_exit(failing_exit);
MODULE_LICENSE("GPL");
