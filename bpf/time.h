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
#include "threads.h"

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
	TIME_SYSCALLS = 1024,
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
	/* Whose ledger it is: the task's address and when it was made, together unique. */
	__u64 task;
	__u64 task_start_ns;

	__u64 ns[TIME_STATES];

	__u64 first_ns;
	__u64 irq_start_ns;
	/* Less the time in interrupts by then. */
	__u64 softirq_start_ns;
	/* The end of the last interrupt. */
	__u64 interrupted_ns;
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
	__u16 blocked_in;
	/* The entry of others[] that is being charged. */
	__u16 other;
	__s32 blocked_syscall;
	/* Where its registers of user mode lie, once it has made a system call. */
	__u64 registers;
	struct time_other others[TIME_OTHER_SLOTS];
	__u32 latency[TIME_LATENCY_BUCKETS];
	/* Samples that found it on a CPU, by the mode that its registers were of. */
	__u64 user_samples;
	__u64 system_samples;
};

/* What a CPU keeps for itself, in a cache line of its own. */
struct time_cpu {
	/* Runs of the programs. */
	__u64 runs;
	/* The ledger that was found last, which is likely to be wanted next. */
	__u32 slot;
	/* The sampling clock rests while the CPU is idle. When was it due last, and how long is it
	 * until the next time?
	 */
	__u32 idle;
	__u64 due_ns;
	__u64 period_ns;
	/* Strokes that were taken as samples, and strokes that did not come, at least. */
	__u64 samples;
	__u64 missed_strokes;
	/* Of a jittered clock: how long until the next sample. */
	__s64 until_sample_ns;
	__u64 _pad_to_line;
};

_Static_assert(sizeof(struct time_kernel_counts) == 48, "layout");
_Static_assert(sizeof(struct time_cpu) == 64, "one line");
_Static_assert(sizeof(struct time_other) == 16, "layout");
_Static_assert(__builtin_offsetof(struct time_thread, ns) == 64, "one line");
/* An odd number, so that equal fields of many threads spread over the cache. */
_Static_assert(sizeof(struct time_thread) == 17 * 64, "whole lines");

#endif
