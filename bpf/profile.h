/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What `apus profile` shares between the kernel and Swift: each distinct stack,
 * which crosses once, and how often it was met, which stays in the kernel.
 */
#ifndef APUS_PROFILE_H
#define APUS_PROFILE_H

#ifdef __bpf__
#include "kernel.h"
#else
#include <linux/types.h>
#endif

enum {
	/* Of the kernel, and again of user space; the kernel's own limit is perf_event_max_stack,
	   127 by default. */
	PROFILE_FRAMES = 256,
	/* Counters by CPU; beyond that two CPUs share one. */
	PROFILE_CPUS = 512,
	PROFILE_COMMAND_SIZE = 16,
};

/* Which of a stack's frames are wanted. */
enum profile_parts {
	PROFILE_KERNEL = 1,
	PROFILE_USER = 2,
};

/*
 * 128 bits of a keyed hash of a process, its stack and its mode. Two stacks of a million share it
 * with a probability of 10^-27.
 */
struct profile_key {
	__u64 hash[2];
};

struct profile_count {
	/* Samples, or waits. */
	__u64 count;
	/* Nanoseconds that the waits took which are over. */
	__u64 blocked_ns;
};

/* A thread that waits, by its kernel PID. */
struct profile_wait {
	struct profile_key key;
	__u64 since_ns;
};

enum profile_flags {
	/* It waited when it was found, and only the kernel's part of its stack could be taken. */
	PROFILE_FOUND_WAITING = 1,
};

/* A stack when it is met first. It ends after the last of its frames. */
struct profile_stack {
	struct profile_key key;
	/* CLOCK_MONOTONIC. */
	__u64 seen_ns;
	/* When the process was made: with pid and executions, which address space it is. */
	__u64 process_start_ns;
	/* For one that was found waiting: where its user frames begin. */
	__u64 frame_pointer;
	__u32 pid;
	__u32 tid;
	__u32 executions;
	__u32 user;
	__u32 flags;
	__u16 kernel_frames;
	__u16 user_frames;
	char command[PROFILE_COMMAND_SIZE];
	/* The kernel's first, the leaf first. */
	__u64 frames[2 * PROFILE_FRAMES];
};

/* What a CPU counts for itself, in a cache line of its own. */
struct profile_cpu {
	/* Runs of the programs. */
	__u64 runs;
	/* Samples of the target: in all, in kernel mode. */
	__u64 samples;
	__u64 kernel_samples;
	/* Samples that were due and not taken, at least. */
	__u64 missed;
	/* Samples or waits that no place was found for. */
	__u64 dropped;
	/* When the clock was due last; what it met then, and how often that had been switched out.
	 */
	__u64 due_ns;
	__u64 task;
	__u64 switches;
};

_Static_assert(sizeof(struct profile_key) == 16, "layout");
_Static_assert(sizeof(struct profile_wait) == 24, "layout");
_Static_assert(__builtin_offsetof(struct profile_stack, frames) == 80, "layout");
_Static_assert(sizeof(struct profile_stack) == 80 + 16 * PROFILE_FRAMES, "layout");
_Static_assert(sizeof(struct profile_cpu) == 64, "one line");

#endif
