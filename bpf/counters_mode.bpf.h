/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* A thread that goes from user mode to the kernel and back: by calls, interrupts and faults. */
#ifndef APUS_COUNTERS_MODE_H
#define APUS_COUNTERS_MODE_H

#include "counters_charge.bpf.h"

static __always_inline void cross(struct pt_regs *registers, __u32 mode)
{
	struct counters_base *base;
	struct counters_thread *thread;

	hold_cpu();
	base = this_base();
	thread = calling_thread(registers);
	if (thread && base) {
		base->busy = true;
		barrier();
		if (is_counting(base, thread))
			change_mode(base, thread, mode);
		else
			begin(base, thread);
		thread->mode = mode;
		thread->interrupts = 0;
		thread->faulted = false;
		barrier();
		base->busy = false;
	}
	let_cpu_go();
}

/* Begins for a current thread of which it is not known what it does. */
static __always_inline void begin_anywhere(struct counters_base *base,
					   struct counters_thread *thread)
{
	begin(base, thread);
	thread->mode = find_mode(task_storage ? bpf_get_current_task_btf()
					      : (struct task_struct *)bpf_get_current_task());
	thread->interrupts = 0;
	thread->faulted = false;
}

/*
 * What strikes user mode (an interrupt, deferred work, a fault) is the kernel's;
 * in the kernel nothing changes. To be called on its CPU, with it held.
 */
static __always_inline struct counters_thread *struck(struct counters_base *base)
{
	struct counters_thread *thread = current_thread();

	if (!thread || !base || base->busy || !is_counting(base, thread))
		return NULL;
	return thread;
}

static __always_inline void go(struct counters_base *base, struct counters_thread *thread,
			       __u32 mode)
{
	base->busy = true;
	barrier();
	change_mode(base, thread, mode);
	barrier();
	base->busy = false;
}

static __always_inline void interrupt_enter(void)
{
	struct counters_base *base = this_base();
	struct counters_thread *thread = current_thread();

	if (!thread || !base || base->busy)
		return;
	/* Its switch in was not told: a thread that computes may have no other event for long. */
	if (!is_counting(base, thread)) {
		base->busy = true;
		barrier();
		begin_anywhere(base, thread);
		barrier();
		base->busy = false;
	}
	if (thread->mode == COUNTERS_USER)
		go(base, thread, COUNTERS_KERNEL);
	else if (!thread->interrupts)
		return;
	thread->interrupts++;
}

static __always_inline void interrupt_exit(void)
{
	struct counters_base *base = this_base();
	struct counters_thread *thread = struck(base);

	if (!thread || !thread->interrupts)
		return;
	thread->interrupts--;
	if (!thread->interrupts)
		go(base, thread, COUNTERS_USER);
}

#endif
