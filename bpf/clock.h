/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What `apus clock` shares between the kernel and Swift: global variables. */
#ifndef APUS_CLOCK_H
#define APUS_CLOCK_H

#ifdef __bpf__
#include "kernel.h"
#else
#include <linux/types.h>
#endif

enum {
	/* How often a program reads its clock each time that it is called. */
	CLOCK_READS = 1024,
};

/* What happened to the observing thread. */
struct clock_counts {
	__u64 switches;
	__u64 interrupts;
	__u64 softirqs;
	/* While its program is attached. */
	__u64 syscalls;
};
_Static_assert(sizeof(struct clock_counts) == 32, "layout of struct clock_counts");

/* What the programs that read a clock found, over all calls. */
struct clock_readings {
	__u64 elapsed_ns;
	/* The smallest difference other than 0 between two in a row; 0: there was none. */
	__u64 step_ns;
};
_Static_assert(sizeof(struct clock_readings) == 16, "layout of struct clock_readings");

#endif
