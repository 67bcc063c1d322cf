/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What `apus counters` shares between the kernel and Swift: for each thread an
 * account in the array `threads`, and for each of its events a row in `sums`.
 */
#ifndef APUS_COUNTERS_H
#define APUS_COUNTERS_H

#ifdef __bpf__
#include "kernel.h"
#else
#include <linux/types.h>
#endif
#include "threads.h"

enum {
	/* Counters that a CPU has open at once. */
	COUNTERS_READS = 64,
	COUNTERS_COMMAND_SIZE = 16,
};

/* What a count is charged to. */
enum counters_mode {
	COUNTERS_USER,
	COUNTERS_KERNEL,
	COUNTERS_MODES,
	/* Of a counter: to the mode that the thread was in. */
	COUNTERS_BY_MODE = COUNTERS_MODES,
};

/* Which event a counter is for, by its row in `sums`; and one of enum counters_mode. */
struct counters_read {
	__u16 event;
	__u16 mode;
};

/* As struct bpf_perf_event_value: a count, and for how long it was wanted and was had. */
struct counters_sum {
	__u64 count;
	__u64 enabled_ns;
	__u64 running_ns;
};

/* An event of a thread. A row of `sums`: slot * events + event. */
struct counters_event {
	struct counters_sum in[COUNTERS_MODES];
};

struct counters_thread {
	/* Whose account it is: the task's address and when it was made, together unique. */
	__u64 task;
	__u64 task_start_ns;
	/* On a CPU, by mode. */
	__u64 ns[COUNTERS_MODES];
	/* All its switches that the kernel had counted (nvcsw + nivcsw) when it was seen last. */
	__u64 switches;
	__u64 first_ns;
	__u64 end_ns;
	__u64 process_start_ns;
	/* The same when it was seen first, and at its end or the last look at it. */
	__u64 switches_at_first;
	__u64 switches_at_last;
	__u32 slot;
	__u32 pid;
	__u32 tid;
	__u32 parent_pid;
	/* An enum thread_life. */
	__u32 life;
	/* USER, KERNEL, or MODES as long as it is not known. */
	__u32 mode;
	/* How deep in interrupts that struck user mode; whether in a fault that did. */
	__u32 interrupts;
	__u32 faulted;
	/* It ran when it was found, and has had no event. */
	__u32 is_new;
	/* switches_at_last will not change any more: perf's counters of it go now. */
	__u32 has_exited;
	/* Where its registers of user mode lie, once it has made a system call. */
	__u64 registers;
	char command[COUNTERS_COMMAND_SIZE];
	/* An odd number of cache lines, so that equal fields of many threads spread over the cache.
	 */
	__u64 _pad_to_line[6];
};

/* What a CPU keeps for itself, in a cache line of its own. */
struct counters_cpu {
	/* Runs of the programs. */
	__u64 runs;
	/* The account that was found last, which is likely to be wanted next. */
	__u32 slot;
	__u32 _pad[13];
};

/* Where a CPU's counters were when they were charged last. */
struct counters_base {
	__u64 ns;
	/* The slot of the thread that runs there; 0: none of the target's. */
	__u32 owner;
	/* A program is in the midst of charging: what an interrupt finds here is half done. */
	__u32 busy;
	struct counters_sum at[COUNTERS_READS];
};

_Static_assert(sizeof(struct counters_read) == 4, "layout");
_Static_assert(sizeof(struct counters_sum) == 24, "struct bpf_perf_event_value");
_Static_assert(sizeof(struct counters_event) == 48, "layout");
_Static_assert(sizeof(struct counters_cpu) == 64, "one line");
_Static_assert(sizeof(struct counters_thread) % 128 == 64, "an odd number of lines");
_Static_assert(sizeof(struct counters_base) == 16 + 64 * 24, "layout");

#endif
