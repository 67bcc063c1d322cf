// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// Asks for another module from its init function.
#include <linux/kmod.h>
#include <linux/module.h>

static int __init asking_init(void) {
    request_module("apus_plain");
    return 0;
}
static void __exit asking_exit(void) {}

module_init(asking_init);
module_exit(asking_exit);
MODULE_LICENSE("GPL");
