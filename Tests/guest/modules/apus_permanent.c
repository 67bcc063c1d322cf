// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// Has no exit function.
#include <linux/module.h>

static int __init permanent_init(void) { return 0; }

module_init(permanent_init);
MODULE_LICENSE("Proprietary");
