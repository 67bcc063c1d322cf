// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * System calls of the target's threads: each a record at its return, or a sum.
 * What is not wanted is left by the first lines of a program.
 */
#include "syscalls_call.bpf.h"
#include "syscalls_life.bpf.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

/* Once the target's threads have been found, all that come are followed from their birth. */
bool found = false;
__u64 found_threads = 0;

/* The processes to observe, for the iterator. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1024);
	__type(key, __u32);
	__type(value, __u8);
} targets SEC(".maps");

/* ---- Calls ---- */

SEC("tp_btf/sys_enter")
int BPF_PROG(sys_enter, struct pt_regs *registers, long number)
{
	if (!may_be_wanted(number))
		return 0;
	hold_cpu();
	enter(registers, number);
	let_cpu_go();
	return 0;
}

SEC("tp_btf/sys_exit")
int BPF_PROG(sys_exit, struct pt_regs *registers, long result)
{
	/* Of rt_sigreturn() the number is not there any more. */
	if (!may_be_wanted(registers->orig_ax))
		return 0;
	hold_cpu();
	leave(result);
	let_cpu_go();
	return 0;
}

/* ---- Lives ---- */

SEC("tp_btf/sched_process_fork")
int BPF_PROG(sched_process_fork, struct task_struct *parent, struct task_struct *child)
{
	hold_cpu();
	adopt(child);
	let_cpu_go();
	return 0;
}

/* Some microseconds later, still in the parent: a birth that was not told is made good here. */
SEC("tp_btf/sched_wakeup_new")
int BPF_PROG(sched_wakeup_new, struct task_struct *child)
{
	hold_cpu();
	if (!thread_of(child))
		adopt(child);
	let_cpu_go();
	return 0;
}

SEC("tp_btf/sched_process_exec")
int BPF_PROG(sched_process_exec, struct task_struct *task, int old_pid)
{
	hold_cpu();
	executed(task, old_pid);
	let_cpu_go();
	return 0;
}

SEC("tp_btf/sched_process_exit")
int BPF_PROG(sched_process_exit, struct task_struct *task)
{
	hold_cpu();
	ended(task);
	let_cpu_go();
	return 0;
}

SEC("tp_btf/signal_deliver")
int BPF_PROG(signal_deliver, int number, struct kernel_siginfo *info)
{
	hold_cpu();
	delivered(number, info);
	let_cpu_go();
	return 0;
}

/* ---- Where a call's time goes; attached for a summary alone ---- */

SEC("tp_btf/sched_switch")
int BPF_PROG(sched_switch, bool preempt, struct task_struct *prev, struct task_struct *next)
{
	struct thread *thread = thread_of(prev);

	if (thread && thread->state & THREAD_IN_CALL) {
		thread->off_cpu_ns = bpf_ktime_get_ns();
		thread->is_blocked = !preempt && task_state(prev);
	}
	thread = thread_of(next);
	if (thread) {
		charge_off_cpu(thread, bpf_ktime_get_ns());
		thread->off_cpu_ns = 0;
	}
	return 0;
}

/* From here on it waits for a CPU, and for nothing else. */
SEC("tp_btf/sched_wakeup")
int BPF_PROG(sched_wakeup, struct task_struct *task)
{
	struct thread *thread = thread_of(task);
	__u64 now;

	if (!thread || !thread->off_cpu_ns || !thread->is_blocked)
		return 0;
	now = bpf_ktime_get_ns();
	charge_off_cpu(thread, now);
	thread->off_cpu_ns = now;
	thread->is_blocked = 0;
	return 0;
}

/* ---- Threads that were there before us, and calls that are under way at the end ---- */

/* Run for each task: at first to find the target's threads, and at the end for calls under way. */
SEC("iter/task")
int visit(struct bpf_iter__task *context)
{
	struct task_struct *task = context->task;
	struct thread *thread;
	__u32 pid;

	if (!task || !BPF_CORE_READ(task, pid))
		return 0;
	thread = thread_of(task);
	if (thread || found) {
		if (!found || !thread || !(thread->state & THREAD_IN_CALL) ||
		    thread->state & THREAD_NOT_YET)
			return 0;
		/* The programs of calls are not attached any more. */
		thread->record.flags |= SYSCALL_UNFINISHED;
		thread->record.duration_ns = bpf_ktime_get_ns() - thread->record.ts_ns;
		charge_off_cpu(thread, thread->record.ts_ns + thread->record.duration_ns);
		thread->state &= ~THREAD_IN_CALL;
		/* Of a sum it does not matter at which end it is cut. */
		if (summary)
			thread->record.flags |= SYSCALL_RESUMED;
		finish(thread, task, true);
		return 0;
	}
	pid = observed_pid(BPF_CORE_READ(task, group_leader));
	if (everything || BPF_CORE_READ(task, exit_state) || !bpf_map_lookup_elem(&targets, &pid))
		return 0;
	thread = track(task);
	if (!thread)
		return 0;
	increment(found_threads);
	find_call(thread, task);
	return 0;
}
