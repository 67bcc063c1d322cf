// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * A ledger for each thread: at every change of state the time since the last
 * one is charged to the state that ends. Nothing is streamed.
 */
#include "time_context.bpf.h"
#include "time_interrupt.bpf.h"
#include "time_switch.bpf.h"
#include "time_ledger.bpf.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

/* Samples are counted beside the ledger. */
const volatile bool sampling = false;
/* The mean of the random intervals between samples; 0: each stroke of the clock is a sample. */
const volatile __u64 jittered_interval_ns = 0;

/* The observer's own thread, while it measures what a system call costs around its two programs. */
__u32 measured_tid = 0;

/* ---- The scheduler ---- */

SEC("tp_btf/sched_switch")
int BPF_PROG(sched_switch, bool preempt, struct task_struct *prev, struct task_struct *next)
{
	__u32 slot = slot_of(prev), next_slot = slot_of(next);
	struct time_thread *leaving = thread_in(slot), *entering = thread_in(next_slot);
	struct time_cpu *cpu;
	/* After the ledgers: one that the iterator opens meanwhile begins no later than this. */
	__u64 now = bpf_ktime_get_ns();

	cpu = this_cpu();
	cpu->slot = next_slot;
	if (sampling)
		note_idling(cpu, prev, next, now);
	if (leaving)
		leave_cpu(leaving, prev, preempt, slot, now);
	if (entering)
		enter_cpu(entering, next, now);
	return 0;
}

SEC("tp_btf/sched_wakeup")
int BPF_PROG(sched_wakeup, struct task_struct *task)
{
	struct time_thread *thread = thread_of(task);

	this_cpu();
	if (!thread)
		return 0;
	if (thread->state == TIME_UNATTRIBUTED && !is_on_cpu(task)) {
		/* Its first event is the end of a wait, so it waited all the time. */
		find_context(&thread->at, task);
		thread->state = cause_of_wait(&thread->at, task, 0);
		if (thread->state == TIME_BLOCKED_OTHER)
			thread->other = other_slot(thread, named_syscall(&thread->at, task));
	}
	/* A thread that was woken on its way to sleep is on the CPU still. */
	if (thread->state < TIME_BLOCKED_FUTEX)
		return 0;
	charge_wait(thread, bpf_ktime_get_ns());
	thread->state = TIME_WOKEN;
	return 0;
}

/* Follows a child of the target. False: there is no room for it. */
static __always_inline bool adopt(struct task_struct *child)
{
	struct time_thread *thread;

	if (!is_followed(child))
		return true;
	thread = thread_in(track(child, TIME_WOKEN, bpf_ktime_get_ns()));
	/* It comes to life in the kernel, and leaves its parent's clone() like a system call. */
	if (thread)
		thread->at.mode = TIME_SYSTEM;
	return thread;
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

SEC("tp_btf/sched_process_exec")
int BPF_PROG(sched_process_exec, struct task_struct *task, int old_pid)
{
	struct time_thread *thread;

	this_cpu();
	renumber(task, old_pid);
	thread = thread_of(task);
	if (thread) {
		identify(thread, task);
		return 0;
	}
	if (!launched_pid || observed_pid(task) != launched_pid)
		return 0;
	launched_pid = 0;
	if (!track(task, TIME_SYSTEM, bpf_ktime_get_ns()))
		increment(untracked_threads);
	return 0;
}

SEC("tp_btf/task_rename")
int BPF_PROG(task_rename, struct task_struct *task, const char *command)
{
	struct time_thread *thread = thread_of(task);

	this_cpu();
	if (thread)
		bpf_probe_read_kernel_str(&thread->command, sizeof(thread->command), command);
	return 0;
}

/* ---- Between user and kernel ---- */

SEC("tp_btf/sys_enter")
int BPF_PROG(sys_enter, struct pt_regs *registers, long number)
{
	struct time_thread *thread;
	struct instant at;

	hold_cpu();
	/* First of all, so that finding the ledger is in the system call, not in user time. */
	at.now = bpf_ktime_get_ns();
	thread = calling_thread(registers);
	if (thread) {
		at = instant_since(thread, at.now);
		settle(thread, TIME_USER, at);
		charge_until(thread, at);
		thread->state = TIME_SYSTEM;
		thread->at.syscall = number;
		thread->at.argument = registers->di;
		thread->syscalls++;
	}
	let_cpu_go();
	return 0;
}

SEC("tp_btf/sys_exit")
int BPF_PROG(sys_exit, struct pt_regs *registers)
{
	struct time_thread *thread;
	struct instant at;

	hold_cpu();
	thread = calling_thread(registers);
	if (thread) {
		at = instant(thread);
		settle(thread, TIME_SYSTEM, at);
		charge_until(thread, at);
		thread->state = TIME_USER;
		thread->at.syscall = TIME_NO_SYSCALL;
	}
	let_cpu_go();
	return 0;
}

SEC("fentry/handle_mm_fault")
int BPF_PROG(fault_enter)
{
	struct time_thread *thread;

	hold_cpu();
	thread = current_thread();
	if (thread && thread->state <= TIME_SYSTEM) {
		charge_until(thread, instant(thread));
		thread->faulted = thread->state;
		thread->state = TIME_FAULT;
	}
	let_cpu_go();
	return 0;
}

SEC("fexit/handle_mm_fault")
int BPF_PROG(fault_exit)
{
	struct time_thread *thread;

	hold_cpu();
	thread = current_thread();
	if (thread && thread->state == TIME_FAULT) {
		charge_until(thread, instant(thread));
		thread->state = thread->faulted;
	}
	let_cpu_go();
	return 0;
}

/* ---- Interrupts ---- */

SEC("tp_btf/softirq_entry")
int BPF_PROG(softirq_entry)
{
	struct time_thread *thread = interrupted_thread();

	if (thread)
		thread->softirq_start_ns = softirq_clock(thread);
	return 0;
}

SEC("tp_btf/softirq_exit")
int BPF_PROG(softirq_exit)
{
	struct time_thread *thread = current_thread();
	__u64 now;

	if (!thread || !thread->softirq_start_ns)
		return 0;
	now = softirq_clock(thread);
	thread->ns[TIME_SOFTIRQ] += now - thread->softirq_start_ns;
	thread->softirq_start_ns = 0;
	thread->interrupted_ns = now + thread->ns[TIME_IRQ];
	return 0;
}

#define INTERRUPT(name, entry, exit)                                                               \
	SEC("tp_btf/" #entry) int BPF_PROG(entry)                                                  \
	{                                                                                          \
		irq_enter();                                                                       \
		return 0;                                                                          \
	}                                                                                          \
	SEC("tp_btf/" #exit) int BPF_PROG(exit)                                                    \
	{                                                                                          \
		irq_exit();                                                                        \
		return 0;                                                                          \
	}

INTERRUPT(device, irq_handler_entry, irq_handler_exit)
INTERRUPT(timer, local_timer_entry, local_timer_exit)
INTERRUPT(reschedule, reschedule_entry, reschedule_exit)
INTERRUPT(call_function, call_function_entry, call_function_exit)
INTERRUPT(call_function_single, call_function_single_entry, call_function_single_exit)
INTERRUPT(irq_work, irq_work_entry, irq_work_exit)

/* ---- The sampling clock ---- */

/*
 * Interval counting, on each CPU, beside the ledger and without asking it: the thread that the
 * clock strikes, in the mode that its registers say (user_mode(), arch/x86/include/asm/ptrace.h).
 */
SEC("perf_event")
int sample(struct sample_context *context)
{
	struct time_cpu *cpu = &cpus[bounded(bpf_get_smp_processor_id(), THREAD_CPUS)];
	struct time_thread *thread;
	__u64 now = bpf_ktime_get_ns(), period = context->period, missed;

	/* The kernel throttled the clock, or the CPU was away. */
	missed = strokes_missed(&cpu->due_ns, now, period);
	if (!cpu->idle)
		cpu->missed_strokes += missed;
	cpu->period_ns = period;
	cpu->idle = 0;
	if (jittered_interval_ns) {
		cpu->until_sample_ns -= period;
		if (cpu->until_sample_ns > 0) {
			cpu->runs++;
			return 0;
		}
		/* Uniform from one period of the clock on, so that none needs two samples. */
		cpu->until_sample_ns +=
			period +
			(((jittered_interval_ns - period) * 2 * bpf_get_prandom_u32()) >> 32);
	}
	cpu->samples++;
	thread = current_thread();
	if (!thread)
		return 0;
	if (context->cs & 3)
		thread->user_samples++;
	else
		thread->system_samples++;
	return 0;
}

/* ---- Threads that were there before us ---- */

/* Gives the thread a ledger, or takes it away; the slot is the observer's to free. */
static __always_inline __u32 lend(struct task_struct *task)
{
	__u32 slot = slot_of(task), tid = BPF_CORE_READ(task, pid);
	struct time_thread *thread = thread_in(slot);

	if (!thread)
		return track(task, TIME_UNATTRIBUTED, bpf_ktime_get_ns());
	thread->life = THREAD_FREE;
	if (task_storage)
		bpf_task_storage_delete(&slot_of_task, task);
	else
		bpf_map_delete_elem(&slot_of_tid, &tid);
	return slot;
}

/*
 * Run for each task of the observer's PID namespace, once to find the target's
 * threads and again before each report, to bring up to date what only the
 * kernel knows of them. It writes the slots of those that live.
 */
SEC("iter/task")
int visit(struct bpf_iter__task *context)
{
	struct task_struct *task = context->task;
	struct time_thread *thread;
	struct time_context at = {};
	__u32 slot;

	if (!task || !BPF_CORE_READ(task, pid))
		return 0;
	if (measured_tid) {
		if (observed_pid(task) != measured_tid)
			return 0;
		slot = lend(task);
		bpf_seq_write(context->meta->seq, &slot, sizeof(slot));
		return 0;
	}
	slot = slot_of(task);
	if (!slot) {
		if (!is_sought(task))
			return 0;
		slot = track(task, TIME_UNATTRIBUTED, bpf_ktime_get_ns());
		if (slot)
			increment(found_threads);
		else
			increment(untracked_threads);
	}
	thread = thread_in(slot);
	if (!thread)
		return 0;
	/* A zombie's slot can have gone to another thread. */
	if (thread->life != THREAD_ALIVE || thread->tid != observed_pid(task))
		return 0;
	bpf_seq_write(context->meta->seq, &slot, sizeof(slot));
	read_counts(task, &thread->counts);
	/*
	 * Whether it is still in its run queue says nothing: since 6.12 sleepers can be. A thread
	 * that was preempted on its way to sleep is taken for a sleeper, for as long as it is not
	 * run.
	 */
	if (thread->state != TIME_UNATTRIBUTED || is_on_cpu(task) || !task_state(task))
		return 0;
	/* No event since it was found: it has waited all the time. */
	find_context(&at, task);
	thread->blocked_syscall = named_syscall(&at, task);
	thread->blocked_in = cause_of_wait(&at, task, task_state(task));
	return 0;
}
