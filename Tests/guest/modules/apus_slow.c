// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// Its init function takes 50 ms unless told otherwise, and its exit function 20 ms.
#include <linux/delay.h>
#include <linux/ktime.h>
#include <linux/module.h>

// What its init function took by its own clock.
static unsigned long init_ns;
module_param(init_ns, ulong, 0444);

static unsigned int init_ms = 50;
module_param(init_ms, uint, 0444);

static int __init slow_init(void) {
    const ktime_t begin = ktime_get();
    msleep(init_ms);
    init_ns = ktime_to_ns(ktime_sub(ktime_get(), begin));
    return 0;
}
static void __exit slow_exit(void) { msleep(20); }

module_init(slow_init);
module_exit(slow_exit);
MODULE_LICENSE("GPL");
