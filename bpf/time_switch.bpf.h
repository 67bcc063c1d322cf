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

/* When a CPU comes out of idling: the clock that samples it does not strike before that. */
static __always_inline void note_idling(struct time_cpu *cpu, struct task_struct *prev,
					struct task_struct *next, __u64 now)
{
	if (next->flags & PF_IDLE) {
		cpu->idle = 1;
	} else if (prev->flags & PF_IDLE) {
		cpu->idle = 0;
		strokes_due(&cpu->due_ns, now, cpu->period_ns);
	}
}

#endif
