/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* A thread that leaves its CPU, and why; one that gets one. */
#ifndef APUS_TIME_SWITCH_H
#define APUS_TIME_SWITCH_H

#include "time_context.bpf.h"

/* Waits that ended without a wakeup. */
__u64 missed_wakeups = 0;

static __always_inline void leave_cpu(struct time_thread *thread, struct task_struct *task,
				      bool preempt, __u32 slot, __u64 now)
{
	long state = task_state(task);

	if (thread->state > TIME_FAULT) {
		find_context(&thread->at, task);
		settle(thread, thread->at.mode, (struct instant){now, stolen_from(thread)});
	}
	charge(thread, now);
	if (state & TASK_DEAD) {
		end(thread, task, slot);
		return;
	}
	thread->at.mode = thread->state;
	if (preempt || !state) {
		thread->involuntary_switches++;
		thread->state = TIME_PREEMPTED;
		return;
	}
	thread->voluntary_switches++;
	thread->state = cause_of_wait(&thread->at, task, state);
	if (thread->state == TIME_BLOCKED_OTHER)
		thread->other = other_slot(thread, named_syscall(&thread->at, task));
}

static __always_inline void enter_cpu(struct time_thread *thread, struct task_struct *task,
				      __u64 now)
{
	switch (thread->state) {
	case TIME_PREEMPTED:
	case TIME_WOKEN:
		count_latency(thread, now - thread->since_ns);
		break;
	case TIME_UNATTRIBUTED:
		find_context(&thread->at, task);
		break;
	case TIME_USER:
	case TIME_SYSTEM:
	case TIME_FAULT:
		miss_switch(thread, (struct instant){now, stolen_from(thread)});
		find_context(&thread->at, task);
		break;
	default:
		increment(missed_wakeups);
	}
	charge_wait(thread, now);
	thread->state = thread->at.mode;
}

/*
 * The clock that samples a CPU does not strike while it idles. What was due before that and did not
 * come is known here: of a CPU that idles at every tick the kernel begins its count of strokes in a
 * tick never anew, and throttles the clock (__perf_event_account_interrupt(),
 * kernel/events/core.c).
 */
static __always_inline void note_idling(struct time_cpu *cpu, struct task_struct *prev,
					struct task_struct *next, __u64 now)
{
	__u64 due;

	if (next->flags & PF_IDLE) {
		due = strokes_due(&cpu->due_ns, now, cpu->period_ns);
		/* The last can be on its way. */
		if (due && !cpu->idle)
			cpu->missed_strokes += due - 1;
		cpu->idle = 1;
	} else if (prev->flags & PF_IDLE) {
		cpu->idle = 0;
		strokes_due(&cpu->due_ns, now, cpu->period_ns);
	}
}

#endif
