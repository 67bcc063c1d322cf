// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// Logs what would clear a terminal, and end a JSON string.
#include <linux/module.h>

static int __init hostile_init(void) {
    pr_info("apus_hostile: \033[2J\033]0;owned\007 \"quoted\" \\ \xff\xfe end\n");
    return 0;
}
static void __exit hostile_exit(void) {}

module_init(hostile_init);
module_exit(hostile_exit);
MODULE_LICENSE("GPL");
