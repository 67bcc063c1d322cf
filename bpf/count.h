/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What counting shares between the kernel and Swift. */
#ifndef APUS_COUNT_H
#define APUS_COUNT_H

enum {
	/* System calls have numbers below this; the last counter is of all others. */
	COUNT_CALLS = 512,
	/* Threads of the target at one time. */
	COUNT_THREADS = 16384,
};

#endif
