// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Stacks by how often a clock met them on a CPU, or by how long threads waited
 * in them. A stack crosses to user space once; counting it stays here.
 */
#include "profile_stack.bpf.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

/* Every process of the machine, not the target's alone. */
const volatile bool everything = false;
/* New processes of a target are targets. */
const volatile bool follow = true;
/* Weigh stacks by blocked time, not by samples. */
const volatile bool off_cpu = false;
/* Of a clock whose period is fixed, nanoseconds; else 0. */
const volatile __u64 period_ns = 0;

/* The PID that the launched program has; it is a target from its exec. */
__u32 launched_pid = 0;
/* Targets that found no place. */
__u64 untracked_processes = 0;

/* The processes to look for, by the observer's PIDs. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1024);
	__type(key, __u32);
	__type(value, __u8);
} wanted SEC(".maps");

/* The processes that are observed: from the kernel's PID to when its first thread was made. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 65536);
	__type(key, __u32);
	__type(value, __u64);
} targets SEC(".maps");

/* Threads that wait. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct profile_wait);
} waits SEC(".maps");

static __always_inline bool is_target(__u32 process)
{
	return everything || bpf_map_lookup_elem(&targets, &process);
}

static __always_inline void observe(struct task_struct *task)
{
	__u64 start = BPF_CORE_READ(task, group_leader, start_time);
	__u32 process = BPF_CORE_READ(task, tgid);

	if (!everything && bpf_map_update_elem(&targets, &process, &start, BPF_ANY))
		increment(untracked_processes);
}

/* ---- On a CPU ---- */

/*
 * Strokes that did not come while a thread ran on: the kernel throttled the clock, or the CPU was
 * away, as a virtual one can be. What ran between two threads that were met is not known.
 */
static __always_inline void count_missed(struct profile_cpu *cpu, struct task_struct *task)
{
	__u64 switches = BPF_CORE_READ(task, nvcsw) + BPF_CORE_READ(task, nivcsw), missed;

	missed = strokes_missed(&cpu->due_ns, bpf_ktime_get_ns(), period_ns);
	if (cpu->task == (__u64)task && cpu->switches == switches)
		cpu->missed += missed;
	cpu->task = (__u64)task;
	cpu->switches = switches;
}

/* Taken in user mode, where the kernel gave no frame of user mode. */
__u64 unwalked_samples = 0;

SEC("perf_event")
int sample(struct sample_context *context)
{
	struct profile_cpu *cpu = this_cpu();
	struct task_struct *task = (struct task_struct *)bpf_get_current_task();
	__u64 thread = bpf_get_current_pid_tgid();
	struct profile_stack *stack;

	/* The idle task, which a counter of cycles strikes, too. */
	if (!(__u32)thread || !is_target(thread >> 32))
		return 0;
	if (period_ns)
		count_missed(cpu, task);
	cpu->samples++;
	stack = take_stack(context, task);
	/* arch/x86: the two low bits of CS are the ring. Not the registers of who runs: in an
	 * interrupt's handler these are the kernel's. */
	if (!(context->cs & 3))
		cpu->kernel_samples++;
	else if (stack && parts & PROFILE_USER && !stack->user_frames)
		increment(unwalked_samples);
	if (!stack || !count_stack(stack, task))
		cpu->dropped++;
	return 0;
}

/* ---- Off a CPU ---- */

/* A stack that was taken begins to wait. */
static __always_inline void begin_wait(struct profile_stack *stack, struct task_struct *task)
{
	struct profile_wait wait = {.since_ns = bpf_ktime_get_ns()};
	__u32 thread = BPF_CORE_READ(task, pid);

	if (!stack || !count_stack(stack, task)) {
		this_cpu()->dropped++;
		return;
	}
	wait.key = stack->key;
	if (bpf_map_update_elem(&waits, &thread, &wait, BPF_ANY))
		this_cpu()->dropped++;
}

static __always_inline void end_wait(__u32 thread)
{
	struct profile_wait *wait = bpf_map_lookup_elem(&waits, &thread);
	struct profile_count *count;

	if (!wait)
		return;
	count = bpf_map_lookup_elem(&counts, &wait->key);
	if (count)
		increase(count->blocked_ns, bpf_ktime_get_ns() - wait->since_ns);
	bpf_map_delete_elem(&waits, &thread);
}

SEC("tp_btf/sched_switch")
int BPF_PROG(sched_switch, bool preempt, struct task_struct *prev, struct task_struct *next)
{
	long state = task_state(prev);

	this_cpu();
	/* One that was woken, and the kernel did not tell. */
	end_wait(next->pid);
	if (preempt || !state || !prev->pid || !is_target(prev->tgid))
		return 0;
	if (!(state & TASK_DEAD))
		begin_wait(take_stack(ctx, prev), prev);
	return 0;
}

SEC("tp_btf/sched_wakeup")
int BPF_PROG(sched_wakeup, struct task_struct *task)
{
	this_cpu();
	/* One that was woken on its way to sleep has not begun to wait. */
	if (!is_on_cpu(task))
		end_wait(task->pid);
	return 0;
}

/* ---- Following ---- */

SEC("tp_btf/sched_process_fork")
int BPF_PROG(sched_process_fork, struct task_struct *parent, struct task_struct *child)
{
	this_cpu();
	if (!everything && follow && child->tgid != parent->tgid && is_target(parent->tgid))
		observe(child);
	return 0;
}

SEC("tp_btf/sched_process_exec")
int BPF_PROG(sched_process_exec, struct task_struct *task)
{
	this_cpu();
	if (launched_pid && observed_pid(task) == launched_pid) {
		launched_pid = 0;
		observe(task);
	}
	return 0;
}

/* When a process is gone for good, its number may come again. */
SEC("tp_btf/sched_process_free")
int BPF_PROG(sched_process_free, struct task_struct *task)
{
	__u32 process = task->pid;
	__u64 *start;

	this_cpu();
	if (task->pid != task->tgid)
		return 0;
	start = bpf_map_lookup_elem(&targets, &process);
	if (start && *start == task->start_time)
		bpf_map_delete_elem(&targets, &process);
	return 0;
}

/*
 * Run for each task of the observer's PID namespace, once: finds the target's
 * processes, and those of their threads that wait already.
 */
SEC("iter/task")
int visit(struct bpf_iter__task *context)
{
	struct task_struct *task = context->task;
	struct profile_wait *waiting;
	__u32 pid, thread;

	if (!task || !BPF_CORE_READ(task, pid))
		return 0;
	pid = observed_pid(BPF_CORE_READ(task, group_leader));
	if (!everything && !bpf_map_lookup_elem(&wanted, &pid))
		return 0;
	bpf_seq_write(context->meta->seq, &pid, sizeof(pid));
	observe(task);
	if (!off_cpu || is_on_cpu(task) || !task_state(task) || (task_state(task) & TASK_DEAD))
		return 0;
	thread = BPF_CORE_READ(task, pid);
	waiting = bpf_map_lookup_elem(&waits, &thread);
	if (waiting)
		return 0;
	begin_wait(take_stack_of_waiter(task), task);
	return 0;
}
