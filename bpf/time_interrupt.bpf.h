/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Interrupts and deferred work, whose time is not that of the thread that they strike. */
#ifndef APUS_TIME_INTERRUPT_H
#define APUS_TIME_INTERRUPT_H

#include "time_context.bpf.h"

/*
 * A thread that computes and is never preempted has no other event: the first
 * interrupt tells whether it strikes user code or a system call.
 */
static __always_inline struct time_thread *interrupted_thread(void)
{
	struct time_thread *thread = current_thread();

	if (thread && thread->state > TIME_FAULT) {
		if (task_storage)
			find_context(&thread->at, bpf_get_current_task_btf());
		else
			find_context(&thread->at, (struct task_struct *)bpf_get_current_task());
		settle(thread, thread->at.mode, instant(thread));
	}
	return thread;
}

static __always_inline void irq_enter(void)
{
	struct time_thread *thread = interrupted_thread();

	if (thread)
		thread->irq_start_ns = bpf_ktime_get_ns();
}

static __always_inline void irq_exit(void)
{
	struct time_thread *thread = current_thread();
	__u64 now;

	/* 0: it began before the first event of this thread. */
	if (!thread || !thread->irq_start_ns)
		return;
	now = bpf_ktime_get_ns();
	thread->ns[TIME_IRQ] += now - thread->irq_start_ns;
	thread->irq_start_ns = 0;
	thread->interrupted_ns = now;
}

/*
 * The time without that in interrupts, so far. One between the two readings
 * would count twice, so they are taken again.
 */
static __always_inline __u64 softirq_clock(struct time_thread *thread)
{
	volatile __u64 *irq_ns = &thread->ns[TIME_IRQ];
	__u64 before = *irq_ns, now = bpf_ktime_get_ns();

	if (before != *irq_ns) {
		before = *irq_ns;
		barrier();
		now = bpf_ktime_get_ns();
	}
	return now - before;
}

#endif
