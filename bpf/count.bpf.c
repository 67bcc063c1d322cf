// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * How often a program, its threads and its children make each system call: the
 * least that an observer can do that tells the target from others.
 */
#include "common.bpf.h"
#include "count.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

/* The process whose child is the target, as the kernel numbers it. */
__u32 observer = 0;
/* The target was found: no other is looked for. */
bool has_target = false;
/* Threads for which there was no room. */
__u64 lost_threads = 0;

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, COUNT_THREADS);
	__type(key, __u32);
	__type(value, __u8);
} threads SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, COUNT_CALLS + 1);
	__type(key, __u32);
	__type(value, __u64);
} calls SEC(".maps");

SEC("raw_tp")
int introduce(void *context)
{
	observer = bpf_get_current_pid_tgid() >> 32;
	return 0;
}

static __always_inline void follow(__u32 thread)
{
	__u8 present = 1;

	if (bpf_map_update_elem(&threads, &thread, &present, BPF_ANY))
		increment(lost_threads);
}

static __always_inline bool is_target(__u32 thread)
{
	struct task_struct *task;

	if (bpf_map_lookup_elem(&threads, &thread))
		return true;
	if (has_target)
		return false;
	task = (struct task_struct *)bpf_get_current_task();
	if ((__u32)BPF_CORE_READ(task, real_parent, tgid) != observer)
		return false;
	has_target = true;
	follow(thread);
	return true;
}

SEC("tp_btf/sys_enter")
int BPF_PROG(sys_enter, struct pt_regs *registers, long number)
{
	__u32 index = (__u64)number < COUNT_CALLS ? number : COUNT_CALLS;
	__u64 *count;

	hold_cpu();
	if (is_target((__u32)bpf_get_current_pid_tgid()) &&
	    (count = bpf_map_lookup_elem(&calls, &index)))
		increment(*count);
	let_cpu_go();
	return 0;
}

SEC("tp_btf/sched_process_fork")
int BPF_PROG(sched_process_fork, struct task_struct *parent, struct task_struct *child)
{
	__u32 maker = parent->pid;

	if (bpf_map_lookup_elem(&threads, &maker))
		follow(child->pid);
	return 0;
}

/* A thread that is not the leader takes the leader's number, whose end was told before. */
SEC("tp_btf/sched_process_exec")
int BPF_PROG(sched_process_exec, struct task_struct *task, int old_pid)
{
	__u32 old = old_pid, now = task->pid;

	if (old == now || !bpf_map_lookup_elem(&threads, &old))
		return 0;
	bpf_map_delete_elem(&threads, &old);
	follow(now);
	return 0;
}

SEC("tp_btf/sched_process_exit")
int BPF_PROG(sched_process_exit, struct task_struct *task)
{
	__u32 thread = task->pid;

	bpf_map_delete_elem(&threads, &thread);
	return 0;
}
