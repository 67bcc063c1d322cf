// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// Has a symbol for apus_upper, and takes one from nobody.
#include <linux/module.h>

int apus_base_answer(void);
int apus_base_answer(void) { return 42; }
EXPORT_SYMBOL_GPL(apus_base_answer);

static int __init base_init(void) { return 0; }
static void __exit base_exit(void) {}

module_init(base_init);
module_exit(base_exit);
MODULE_LICENSE("GPL");
