/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The ledger of a thread: where it lies, how time is charged to it, its life.
 *
 * No lock is needed. A running thread's ledger is written on its own CPU; a
 * waiting one's under the lock of its run queue, which orders sched_wakeup
 * after the switch out and before the switch in. Interrupts write fields of
 * their own (ns[IRQ], ns[SOFTIRQ]), which charge() takes off by difference, so
 * that one that strikes in the middle of an update moves no time out of the sum.
 */
#ifndef APUS_TIME_LEDGER_H
#define APUS_TIME_LEDGER_H

#include "time.h"

#define THREAD struct time_thread
#define CPU    struct time_cpu
#include "threads.bpf.h"

/* ---- Charging time ---- */

/* A moment of a thread: the time, and what interrupts had taken from it by then. */
struct instant {
	__u64 now;
	__u64 stolen;
};

static __always_inline __u64 stolen_from(struct time_thread *thread)
{
	return thread->ns[TIME_IRQ] + thread->ns[TIME_SOFTIRQ];
}

/*
 * Now, for a thread in whose midst an interrupt can strike: one between the two
 * readings would be taken off the state before it, to which it does not belong.
 */
static __always_inline struct instant instant(struct time_thread *thread)
{
	struct instant at = {.stolen = stolen_from(thread)};

	barrier();
	at.now = bpf_ktime_get_ns();
	barrier();
	/* Twice within 100 ns they do not come. */
	if (at.stolen != stolen_from(thread)) {
		at.stolen = stolen_from(thread);
		barrier();
		at.now = bpf_ktime_get_ns();
	}
	return at;
}

/* The same, where the clock was read before the ledger was found: an interrupt since then shows. */
static __always_inline struct instant instant_since(struct time_thread *thread, __u64 now)
{
	struct instant at = {.now = now, .stolen = stolen_from(thread)};

	barrier();
	return thread->interrupted_ns < now ? at : instant(thread);
}

static __always_inline __u64 charge_until(struct time_thread *thread, struct instant at)
{
	__u64 ns = at.now - thread->since_ns, stolen = at.stolen - thread->stolen_ns;

	/* A program that was preempted after it had read the clock: all is charged already. */
	if ((__s64)ns < 0)
		return 0;
	/* An interrupt is charged at its end: of one that began before, the rest is taken from what
	 * follows. */
	if (stolen > ns)
		stolen = ns;
	ns -= stolen;
	thread->ns[bounded(thread->state, TIME_STATES)] += ns;
	thread->since_ns = at.now;
	thread->stolen_ns += stolen;
	return ns;
}

/* For a thread that no interrupt strikes: off the CPU, or with interrupts off. */
static __always_inline __u64 charge(struct time_thread *thread, __u64 now)
{
	return charge_until(thread, (struct instant){.now = now, .stolen = stolen_from(thread)});
}

/* Ends a wait: charges it, to the system call by number if it has no cause of its own. */
static __always_inline void charge_wait(struct time_thread *thread, __u64 now)
{
	__u64 ns = charge(thread, now);

	if (thread->state == TIME_BLOCKED_OTHER)
		thread->others[bounded(thread->other, TIME_OTHER_SLOTS)].ns += ns;
}

static __always_inline __u32 other_slot(struct time_thread *thread, __s32 syscall)
{
	/* An entry is taken where ns is 0 as well: then nothing has been charged to it. */
	for (int i = 0; i < TIME_OTHER_SLOTS - 1; i++) {
		struct time_other *other = &thread->others[i];

		if (other->ns && other->syscall != syscall)
			continue;
		other->syscall = syscall;
		return i;
	}
	/* The last one takes all that found no place. */
	thread->others[TIME_OTHER_SLOTS - 1].syscall = TIME_NO_SYSCALL - 1;
	return TIME_OTHER_SLOTS - 1;
}

static __always_inline void count_latency(struct time_thread *thread, __u64 ns)
{
	__u64 units = ns >> TIME_LATENCY_SHIFT;
	__u32 value = units > 0xffffffff ? 0xffffffff : units;
	__u32 octave = 0, rest = value, bucket;

	if (rest >> 16) {
		octave += 16;
		rest >>= 16;
	}
	if (rest >> 8) {
		octave += 8;
		rest >>= 8;
	}
	if (rest >> 4) {
		octave += 4;
		rest >>= 4;
	}
	if (rest >> 2) {
		octave += 2;
		rest >>= 2;
	}
	octave += rest >> 1;
	bucket = octave < 2 ? value : (octave - 1) * 4 + ((value >> (octave - 2)) & 3);
	thread->latency[bounded(bucket, TIME_LATENCY_BUCKETS)]++;
	if (ns > thread->latency_max_ns)
		thread->latency_max_ns = ns;
}

/* ---- Its life ---- */

static __always_inline void read_counts(struct task_struct *task, struct time_kernel_counts *counts)
{
	counts->minor_faults = BPF_CORE_READ(task, min_flt);
	counts->major_faults = BPF_CORE_READ(task, maj_flt);
	counts->migrations = BPF_CORE_READ(task, se.nr_migrations);
	counts->utime_ns = BPF_CORE_READ(task, utime);
	counts->stime_ns = BPF_CORE_READ(task, stime);
	counts->runtime_ns = BPF_CORE_READ(task, se.sum_exec_runtime);
}

/* Gives a thread a ledger; its slot, or 0 when there is none left. */
static __always_inline __u32 track(struct task_struct *task, __u32 state, __u64 now)
{
	struct time_thread *thread;
	__u32 slot = free_slot();

	thread = thread_in(slot);
	if (!thread)
		return 0;
	thread->state = state;
	thread->at.mode = state;
	thread->at.syscall = TIME_NO_SYSCALL;
	read_counts(task, &thread->at_first);
	thread->counts = thread->at_first;
	thread->first_ns = now;
	thread->since_ns = now;
	return open_thread(thread, task, slot);
}

static __always_inline void end(struct time_thread *thread, struct task_struct *task, __u32 slot)
{
	read_counts(task, &thread->counts);
	close_thread(thread, task, slot);
}

#endif
