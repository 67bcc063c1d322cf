/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What `apus time` shares between the kernel and Swift: one ledger for each
 * thread, in the array `threads`, which user space maps and reads while the
 * programs write it.
 */
#ifndef APUS_TIME_H
#define APUS_TIME_H

#ifdef __bpf__
#include "kernel.h"
#else
#include <linux/types.h>
#endif

/* The states of a thread. It is in exactly one at any moment. */
enum time_state {
	TIME_USER,
	TIME_SYSTEM,
	TIME_FAULT,
	TIME_IRQ,
	TIME_SOFTIRQ,
	TIME_PREEMPTED,
	TIME_WOKEN,
	/* Before the first event of a thread that ran already. */
	TIME_UNATTRIBUTED,
	/* From here on: off the CPU, by cause. */
	TIME_BLOCKED_FUTEX,
	TIME_BLOCKED_PIPE_READ,
	TIME_BLOCKED_PIPE_WRITE,
	TIME_BLOCKED_SOCKET,
	TIME_BLOCKED_POLL,
	TIME_BLOCKED_SLEEP,
	TIME_BLOCKED_CHILD,
	TIME_BLOCKED_FILE,
	TIME_BLOCKED_PAGE_FAULT,
	TIME_BLOCKED_STOPPED,
	TIME_BLOCKED_KERNEL_THREAD,
	TIME_BLOCKED_OTHER,
	TIME_STATES,
};

/* How a wait in a system call is to be called; indexed by the call's number. */
enum time_syscall_class {
	TIME_CLASS_OTHER,
	TIME_CLASS_FUTEX,
	TIME_CLASS_SOCKET,
	TIME_CLASS_POLL,
	TIME_CLASS_SLEEP,
	TIME_CLASS_CHILD,
	TIME_CLASS_FILE,
	/* The first argument is a descriptor, and its kind decides. */
	TIME_CLASS_READ,
	TIME_CLASS_WRITE,
};

enum {
	/* Powers of two, so that a mask bounds an index for the verifier. */
	TIME_STATE_SLOTS = 32,
	TIME_SYSCALLS = 1024,
	/* Counters by CPU; beyond that two CPUs share one. */
	TIME_CPUS = 512,
	TIME_OTHER_SLOTS = 8,
	/* Run-queue latency: 4 buckets an octave, in units of 64 ns. */
	TIME_LATENCY_BUCKETS = 128,
	TIME_LATENCY_SHIFT = 6,
	TIME_COMMAND_SIZE = 16,
	/* No system call is under way. */
	TIME_NO_SYSCALL = -1,
};

/* What the kernel keeps of a thread by itself. Times are nanoseconds. */
struct time_kernel_counts {
	__u64 minor_faults;
	__u64 major_faults;
	__u64 migrations;
	__u64 utime_ns;
	__u64 stime_ns;
	__u64 runtime_ns;
};

/* Where a thread is in the kernel: what it goes on with, and the call under way. */
struct time_context {
	/* The state to go on with when it gets a CPU again. */
	__u32 mode;
	__s32 syscall;
	__u64 argument;
};

struct time_other {
	__u64 ns;
	__s32 syscall;
	__u32 _pad;
};

/*
 * A thread's ledger. At rest, and for every thread,
 *     ns[] without IRQ and SOFTIRQ, summed, + stolen_ns == since_ns - first_ns
 * and a reader that finds it untrue has read in the middle of an update.
 */
struct time_thread {
	/* Until when time is charged; when the thread was seen first. */
	__u64 since_ns;
	/* ns[IRQ] + ns[SOFTIRQ] as it was at since_ns. */
	__u64 stolen_ns;
	__u32 state;
	/* The state that a page fault interrupted. */
	__u32 faulted;
	struct time_context at;
	__u64 syscalls;
	__u64 first_ns;
	__u64 irq_start_ns;

	__u64 ns[TIME_STATE_SLOTS];

	__u64 softirq_start_ns;
	__u64 softirq_irq_ns;
	__u64 voluntary_switches;
	__u64 involuntary_switches;
	__u64 latency_max_ns;
	__u64 process_start_ns;
	__u32 pid;
	__u32 tid;
	__u32 parent_pid;
	/* Not 0: the slot is in use, and from when it is 2 the thread is over. */
	__u32 life;
	char command[TIME_COMMAND_SIZE];
	struct time_kernel_counts at_first;
	struct time_kernel_counts counts;
	/* For a thread still UNATTRIBUTED: what it is blocked in, or 0. */
	__u32 blocked_in;
	/* The entry of other[] that is being charged. */
	__u32 other;
	__s32 blocked_syscall;
	__u32 _pad;
	struct time_other others[TIME_OTHER_SLOTS];
	__u32 latency[TIME_LATENCY_BUCKETS];
};

enum time_life {
	TIME_FREE,
	TIME_ALIVE,
	TIME_ENDED,
};

_Static_assert(sizeof(struct time_kernel_counts) == 48, "layout");
_Static_assert(sizeof(struct time_other) == 16, "layout");
_Static_assert(__builtin_offsetof(struct time_thread, ns) == 64, "one line");
_Static_assert(sizeof(struct time_thread) == 1152, "layout");
_Static_assert(TIME_STATES <= TIME_STATE_SLOTS, "states fit");

#endif
