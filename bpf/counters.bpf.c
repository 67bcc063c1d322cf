// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * One set of counters for each CPU. At every switch, and wherever a thread
 * changes between user and kernel, what they counted since the last reading is
 * charged to the thread that ran, and to the mode that it was in.
 */
#include "counters_charge.bpf.h"
#include "counters_mode.bpf.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

/* ---- The scheduler ---- */

/* Whether the counters were read. */
static __always_inline bool leave_cpu(struct counters_base *base, struct counters_thread *thread,
				      struct task_struct *task, __u32 slot)
{
	__u64 switches = task->nvcsw + task->nivcsw;
	bool is_whole = base->owner == slot && switches == thread->switches + 1;

	if (is_whole)
		charge(base, thread);
	else if (!thread->is_new)
		increment(missed_switches);
	thread->is_new = false;
	thread->switches = switches;
	base->owner = 0;
	if (!(task_state(task) & TASK_DEAD))
		return is_whole;
	/* Its end was not told, or comes too early: the last one is not in perf's count. */
	if (!thread->has_exited)
		thread->switches_at_last = switches - 1;
	thread->end_ns = bpf_ktime_get_ns();
	close_thread(thread, task, slot);
	return is_whole;
}

static __always_inline void enter_cpu(struct counters_base *base, struct counters_thread *thread,
				      struct task_struct *task, __u32 slot)
{
	__u64 switches = task->nvcsw + task->nivcsw;

	if (switches != thread->switches && !thread->is_new)
		increment(missed_switches);
	thread->is_new = false;
	thread->switches = switches;
	if (thread->mode == COUNTERS_MODES)
		thread->mode = find_mode(task);
	base->owner = slot;
}

SEC("tp_btf/sched_switch")
int BPF_PROG(sched_switch, bool preempt, struct task_struct *prev, struct task_struct *next)
{
	__u32 slot = slot_of(prev), next_slot = slot_of(next);
	struct counters_thread *leaving = thread_in(slot), *entering = thread_in(next_slot);
	struct counters_base *base = this_base();
	bool is_read = false;

	this_cpu()->slot = next_slot;
	if (!base)
		return 0;
	if (leaving) {
		is_read = leave_cpu(base, leaving, prev, slot);
	} else if (base->owner) {
		increment(missed_switches);
		base->owner = 0;
	}
	if (entering) {
		/* What was read for the one is where the other begins. */
		if (!is_read)
			read_until(base, NULL, read_count);
		enter_cpu(base, entering, next, next_slot);
	}
	return 0;
}

/* ---- A thread's life ---- */

static __always_inline struct counters_thread *track(struct task_struct *task, __u32 mode)
{
	struct counters_thread *thread;
	__u32 slot = free_slot();

	thread = thread_in(slot);
	if (!thread)
		return NULL;
	thread->slot = slot;
	thread->mode = mode;
	thread->first_ns = bpf_ktime_get_ns();
	thread->switches = BPF_CORE_READ(task, nvcsw) + BPF_CORE_READ(task, nivcsw);
	thread->switches_at_first = thread->switches;
	thread->switches_at_last = thread->switches;
	return open_thread(thread, task, slot) ? thread : NULL;
}

/* Follows a child of the target. False: there is no room for it. */
static __always_inline bool adopt(struct task_struct *child)
{
	/* It comes to life in the kernel, and leaves its parent's clone() like a system call. */
	return !is_followed(child) || track(child, COUNTERS_KERNEL);
}

SEC("tp_btf/sched_process_fork")
int BPF_PROG(sched_process_fork, struct task_struct *parent, struct task_struct *child)
{
	adopt(child);
	return 0;
}

/* Some microseconds later, still in the parent: a birth that was not told is made good here. */
SEC("tp_btf/sched_wakeup_new")
int BPF_PROG(sched_wakeup_new, struct task_struct *child)
{
	if (slot_of(child))
		this_cpu();
	else if (!adopt(child))
		increment(untracked_threads);
	return 0;
}

/* Begins with the launched program, which is the current thread. */
static __always_inline void begin_launched(struct task_struct *task)
{
	struct counters_base *base;
	struct counters_thread *thread;

	if (!launched_pid || observed_pid(task) != launched_pid)
		return;
	launched_pid = 0;
	thread = track(task, COUNTERS_KERNEL);
	if (!thread) {
		increment(untracked_threads);
		return;
	}
	thread->is_new = true;
	hold_cpu();
	base = this_base();
	if (base) {
		base->busy = true;
		barrier();
		begin(base, thread);
		barrier();
		base->busy = false;
	}
	let_cpu_go();
}

/*
 * begin_new_exec() names the thread right after perf_event_exec(), where perf's
 * counters of a launched program begin; pages that exec itself then touches are
 * in both.
 */
SEC("tp_btf/task_rename")
int BPF_PROG(task_rename, struct task_struct *task, const char *command)
{
	struct counters_thread *thread = thread_of(task);

	this_cpu();
	if (!thread) {
		begin_launched(task);
		thread = thread_of(task);
	}
	if (thread)
		bpf_probe_read_kernel_str(&thread->command, sizeof(thread->command), command);
	return 0;
}

SEC("tp_btf/sched_process_exec")
int BPF_PROG(sched_process_exec, struct task_struct *task, int old_pid)
{
	struct counters_thread *thread;

	this_cpu();
	renumber(task, old_pid);
	thread = thread_of(task);
	if (thread)
		identify(thread, task);
	else
		begin_launched(task);
	return 0;
}

/*
 * Since 6.16 do_exit() comes by here with the thread's memory, right before
 * perf_event_exit_task(), where perf's counters go: switches are counted until
 * here. Before, it came later, without, and perf_event_exit_task() only after files
 * and the like were closed: all but the last are. What the kernel does to tear the
 * thread down is still charged to it.
 */
SEC("tp_btf/sched_process_exit")
int BPF_PROG(sched_process_exit, struct task_struct *task)
{
	struct counters_thread *thread = thread_of(task);

	this_cpu();
	if (thread && task->mm) {
		thread->switches_at_last = task->nvcsw + task->nivcsw;
		thread->has_exited = true;
	}
	return 0;
}

/* ---- Between user and kernel ---- */

SEC("tp_btf/sys_enter")
int BPF_PROG(sys_enter, struct pt_regs *registers)
{
	cross(registers, COUNTERS_KERNEL);
	return 0;
}

SEC("tp_btf/sys_exit")
int BPF_PROG(sys_exit, struct pt_regs *registers)
{
	cross(registers, COUNTERS_USER);
	return 0;
}

SEC("fentry/handle_mm_fault")
int BPF_PROG(fault_enter)
{
	struct counters_base *base;
	struct counters_thread *thread;

	hold_cpu();
	base = this_base();
	thread = struck(base);
	if (thread && thread->mode == COUNTERS_USER) {
		go(base, thread, COUNTERS_KERNEL);
		thread->faulted = true;
	}
	let_cpu_go();
	return 0;
}

SEC("fexit/handle_mm_fault")
int BPF_PROG(fault_exit)
{
	struct counters_base *base;
	struct counters_thread *thread;

	hold_cpu();
	base = this_base();
	thread = struck(base);
	if (thread && thread->faulted) {
		go(base, thread, COUNTERS_USER);
		thread->faulted = false;
	}
	let_cpu_go();
	return 0;
}

#define INTERRUPT(name)                                                                            \
	SEC("tp_btf/" #name "_entry") int BPF_PROG(name##_entry)                                   \
	{                                                                                          \
		interrupt_enter();                                                                 \
		return 0;                                                                          \
	}                                                                                          \
	SEC("tp_btf/" #name "_exit") int BPF_PROG(name##_exit)                                     \
	{                                                                                          \
		interrupt_exit();                                                                  \
		return 0;                                                                          \
	}

INTERRUPT(softirq)
INTERRUPT(irq_handler)
INTERRUPT(local_timer)
INTERRUPT(reschedule)
INTERRUPT(call_function)
INTERRUPT(call_function_single)
INTERRUPT(irq_work)

/* ---- Before a report ---- */

/*
 * Not attached, but called on each CPU: charges the thread that runs there up to
 * now. 1: it is in the midst of that by itself, to be called again.
 */
SEC("raw_tp")
int flush(void *context)
{
	struct counters_base *base = this_base();
	struct counters_thread *thread = current_thread();

	if (!thread || !base)
		return 0;
	if (base->busy)
		return 1;
	base->busy = true;
	barrier();
	if (is_counting(base, thread))
		charge(base, thread);
	else
		begin_anywhere(base, thread);
	barrier();
	base->busy = false;
	return 0;
}

/*
 * Run for each task of the observer's PID namespace, once to find the target's
 * threads and again before each report. It writes the slots of those that live.
 */
SEC("iter/task")
int visit(struct bpf_iter__task *context)
{
	struct task_struct *task = context->task;
	struct counters_thread *thread;
	__u32 slot;

	if (!task || !BPF_CORE_READ(task, pid))
		return 0;
	slot = slot_of(task);
	if (!slot) {
		if (!is_sought(task))
			return 0;
		thread = track(task, COUNTERS_MODES);
		if (!thread) {
			increment(untracked_threads);
			return 0;
		}
		thread->is_new = true;
		slot = thread->slot;
		increment(found_threads);
	}
	thread = thread_in(slot);
	if (!thread)
		return 0;
	/* A zombie's slot can have gone to another thread. */
	if (thread->life != THREAD_ALIVE || thread->tid != observed_pid(task))
		return 0;
	bpf_seq_write(context->meta->seq, &slot, sizeof(slot));
	if (!thread->has_exited)
		thread->switches_at_last = BPF_CORE_READ(task, nvcsw) + BPF_CORE_READ(task, nivcsw);
	return 0;
}
