/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What every tracer that keeps something for each thread shares with Swift. */
#ifndef APUS_THREADS_H
#define APUS_THREADS_H

/* Whether a slot of `threads` is in use, and whether its thread is over. */
enum thread_life {
	THREAD_FREE,
	THREAD_ALIVE,
	THREAD_ENDED,
};

enum {
	/* What CPUs keep for themselves; beyond that two CPUs share one. */
	THREAD_CPUS = 512,
};

#endif
