// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// Has parameters.
#include <linux/module.h>

static int number;
static char *word = "";
module_param(number, int, 0444);
module_param(word, charp, 0444);

static int __init parameters_init(void) { return 0; }
static void __exit parameters_exit(void) {}

module_init(parameters_init);
module_exit(parameters_exit);
MODULE_LICENSE("GPL");
