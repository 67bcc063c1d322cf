/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* A thread's birth, programs and end, and the signals that it gets. */
#ifndef APUS_SYSCALLS_LIFE_H
#define APUS_SYSCALLS_LIFE_H

#include "syscalls_call.bpf.h"

/* New processes of a target are targets. */
const volatile bool follow = true;

enum {
	SI_KERNEL = 0x80,
};

/* A record of another kind than a call, which keeps the call under way. */
static __noinline void tell(struct thread *thread, __u32 type, __s32 number, __s64 result,
			    __u64 first)
{
	struct {
		struct syscall_record record;
	} event = {{
		.ts_ns = bpf_ktime_get_ns(),
		.lost = thread->lost,
		.arguments = {first},
		.result = result,
		.number = number,
		.pid = thread->record.pid,
		.tid = thread->record.tid,
		.size = sizeof(struct syscall_record),
		.type = type,
	}};

	if (summary)
		return;
	if (bpf_ringbuf_output(&events, &event, sizeof(event),
			       wakeup_flags(bpf_ringbuf_query(&events, BPF_RB_AVAIL_DATA)))) {
		this_cpu()->lost_events++;
		return;
	}
	thread->lost = 0;
}

static __always_inline void adopt(struct task_struct *child)
{
	struct thread *parent = current_thread(), *thread;
	__u32 process = bpf_get_current_pid_tgid() >> 32;

	if (!parent || parent->state & THREAD_NOT_YET || (!follow && (__u32)child->tgid != process))
		return;
	thread = track(child);
	if (thread)
		tell(thread, SYSCALL_RECORD_BIRTH, 0, 0, parent->record.tid);
}

static __always_inline void executed(struct task_struct *task, __u32 old)
{
	struct thread *thread, *moved;
	__u32 tid = task->pid, told;

	/* A thread that is not the leader takes the leader's number. */
	if (!task_storage && old != tid && (moved = bpf_map_lookup_elem(&thread_of_tid, &old))) {
		bpf_map_update_elem(&thread_of_tid, &tid, moved, BPF_ANY);
		bpf_map_delete_elem(&thread_of_tid, &old);
	}
	thread = thread_of(task);
	if (!thread) {
		if (!launched_pid || observed_pid(task) != launched_pid)
			return;
		thread = track(task);
		if (!thread)
			return;
	}
	if (launched_pid && thread->record.pid == launched_pid)
		launched_pid = 0;
	thread->state &= ~THREAD_NOT_YET;
	told = thread->record.tid;
	identify(thread, task);
	tell(thread, SYSCALL_RECORD_EXEC, 0, 0, told);
}

static __always_inline void ended(struct task_struct *task)
{
	struct thread *thread = thread_of(task);
	__u32 tid = task->pid;

	if (!thread)
		return;
	if (!(thread->state & THREAD_NOT_YET)) {
		if (thread->state & THREAD_IN_CALL) {
			thread->record.flags |= SYSCALL_UNFINISHED;
			thread->record.duration_ns = bpf_ktime_get_ns() - thread->record.ts_ns;
			finish(thread, task, true);
		}
		thread->state = 0;
		if (sum_by_process)
			name_process(thread->record.pid, task);
		tell(thread, SYSCALL_RECORD_EXIT, 0, task->exit_code, 0);
	}
	if (task_storage)
		bpf_task_storage_delete(&thread_of_task, task);
	else
		bpf_map_delete_elem(&thread_of_tid, &tid);
}

/* The first words of a siginfo_t, whose layout user space knows. */
struct signal_info {
	__s32 signal;
	__s32 error;
	__s32 code;
	__s32 _pad;
	__u32 pid;
	__u32 uid;
	__s32 status;
	__u32 _rest;
};

static __always_inline void delivered(int number, struct kernel_siginfo *info)
{
	struct thread *thread = current_thread();
	struct signal_info from = {};
	struct syscall_record event = {};

	if (!thread || thread->state & THREAD_NOT_YET || summary)
		return;
	/* One that kills comes as a SIGKILL from nowhere (complete_signal()): the end tells it. */
	if (!info)
		return;
	bpf_probe_read_kernel(&from, sizeof(from), info);
	/* Our own stop. */
	if (number == SIGSTOP && stop_bytes && from.code == SI_KERNEL)
		return;
	event.ts_ns = bpf_ktime_get_ns();
	event.lost = thread->lost;
	event.number = number;
	event.pid = thread->record.pid;
	event.tid = thread->record.tid;
	event.size = sizeof(event);
	event.type = SYSCALL_RECORD_SIGNAL;
	event.arguments[SYSCALL_SIGNAL_CODE] = from.code;
	event.arguments[SYSCALL_SIGNAL_PID] = from.pid;
	event.arguments[SYSCALL_SIGNAL_UID] = from.uid;
	event.arguments[SYSCALL_SIGNAL_STATUS] = from.status;
	event.arguments[SYSCALL_SIGNAL_ADDRESS] = from.pid | (__u64)from.uid << 32;
	if (bpf_ringbuf_output(&events, &event, sizeof(event),
			       wakeup_flags(bpf_ringbuf_query(&events, BPF_RB_AVAIL_DATA))))
		this_cpu()->lost_events++;
	else
		thread->lost = 0;
}

#endif
