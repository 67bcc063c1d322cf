/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* A call, from its entry to its record or its place in a sum. */
#ifndef APUS_SYSCALLS_CALL_H
#define APUS_SYSCALLS_CALL_H

#include "syscalls_capture.bpf.h"
#include "syscalls_filter.bpf.h"
#include "syscalls_flow.bpf.h"
#include "syscalls_sum.bpf.h"

/* Every thread of the machine but the observer's. */
const volatile bool everything = false;
const volatile __u32 observer_pid = 0;
/* The PID that the launched program has; its records start at its exec. */
__u32 launched_pid = 0;
enum {
	NR_RT_SIGRETURN = 15,
	NR_EXECVE = 59,
};

/* From registers that the verifier knows, or that are read with a helper. */
#define DIRECTLY(from, field) ((from)->field)
#define READ_ARGUMENTS(record, from, read)                                                         \
	do {                                                                                       \
		__u64 *to = (record)->arguments;                                                   \
		if ((record)->flags & SYSCALL_COMPAT) {                                            \
			to[0] = (__u32)read(from, bx);                                             \
			to[1] = (__u32)read(from, cx);                                             \
			to[2] = (__u32)read(from, dx);                                             \
			to[3] = (__u32)read(from, si);                                             \
			to[4] = (__u32)read(from, di);                                             \
			to[5] = (__u32)read(from, bp);                                             \
		} else {                                                                           \
			to[0] = read(from, di);                                                    \
			to[1] = read(from, si);                                                    \
			to[2] = read(from, dx);                                                    \
			to[3] = read(from, r10);                                                   \
			to[4] = read(from, r8);                                                    \
			to[5] = read(from, r9);                                                    \
		}                                                                                  \
	} while (0)

/* For most calls of a narrow filter this is all: no helper is called. */
static __always_inline bool may_be_wanted(__u64 number)
{
	return number >= SYSCALL_NUMBERS || has_bit(wanted_any, bounded(number, SYSCALL_NUMBERS)) ||
	       (launched_pid && number == NR_EXECVE);
}

static __always_inline void enter(struct pt_regs *registers, long number)
{
	bool compat = is_compat();
	__u32 key = key_of(number, compat);
	struct thread *thread;

	if (!has_bit(wanted, key) && !(launched_pid && number == NR_EXECVE))
		return;
	thread = current_thread();
	if (!thread) {
		struct task_struct *task = (void *)bpf_get_current_task();
		__u32 pid;

		if (!everything && !(launched_pid && number == NR_EXECVE))
			return;
		pid = observed_pid(BPF_CORE_READ(task, group_leader));
		if (everything ? pid == observer_pid : pid != launched_pid)
			return;
		thread = track(task_storage ? bpf_get_current_task_btf() : task);
		if (!thread)
			return;
		if (!everything)
			thread->state = THREAD_NOT_YET;
	}
	if (!has_bit(wanted, key))
		return;
	this_cpu()->runs++;
	thread->state = (thread->state & THREAD_NOT_YET) | THREAD_IN_CALL;
	thread->record.type = SYSCALL_RECORD_CALL;
	thread->record.flags = compat ? SYSCALL_COMPAT : 0;
	thread->record.number = number;
	thread->record.result = 0;
	READ_ARGUMENTS(&thread->record, registers, DIRECTLY);
	if (key == NR_RT_SIGRETURN)
		thread->record.arguments[0] = registers->sp + SYSCALL_SIGNAL_MASK;
	if (summary) {
		thread->blocked_ns = 0;
		thread->runnable_ns = 0;
	}
	thread->end = 0;
	if (has_rules) {
		capture_at_entry(thread, key);
		if (pattern_count && !(thread->state & THREAD_MATCHED) && !thread->faulted)
			thread->state &= ~THREAD_IN_CALL;
	}
	/* Last: what was done here is no part of the call. */
	thread->record.ts_ns = bpf_ktime_get_ns();
}

/* Of the call under way: since the thread left its CPU, or was woken. */
static __always_inline void charge_off_cpu(struct thread *thread, __u64 now)
{
	if (!(thread->state & THREAD_IN_CALL) || !thread->off_cpu_ns || now < thread->off_cpu_ns)
		return;
	if (thread->is_blocked)
		thread->blocked_ns += now - thread->off_cpu_ns;
	else
		thread->runnable_ns += now - thread->off_cpu_ns;
}

/* A call that has returned, or never will; of a task that is not always the current one. */
static __always_inline void finish(struct thread *thread, struct task_struct *task, bool unfinished)
{
	struct syscall_cpu *cpu = this_cpu();
	__u32 key = key_of_record(thread);

	if (!passes(&thread->record, unfinished))
		return;
	if (has_rules) {
		if (!unfinished)
			capture_at_exit(thread, key);
		if (pattern_count && !(thread->state & THREAD_MATCHED))
			return;
	}
	cpu->calls++;
	if (summary)
		count_call(thread, task, key);
	else if (!write_record(thread, sizeof(thread->record) + thread->end))
		cpu->lost_calls++;
}

static __always_inline void leave(long result)
{
	__u64 now = bpf_ktime_get_ns();
	struct thread *thread;

	thread = current_thread();
	if (!thread)
		return;
	this_cpu()->runs++;
	if (thread->state & THREAD_IN_CALL && !(thread->state & THREAD_NOT_YET)) {
		thread->record.duration_ns = now - thread->record.ts_ns;
		thread->record.result = result;
		if (thread->state & THREAD_LATE)
			thread->record.flags |= SYSCALL_RESUMED;
		finish(thread, (void *)bpf_get_current_task(), false);
		if (stop_bytes)
			stop_process(thread);
	}
	thread->state &= THREAD_NOT_YET;
}

/* A thread that is found in a call: it is told as unfinished, and again when it returns. */
static __always_inline void find_call(struct thread *thread, struct task_struct *task)
{
	struct pt_regs *registers = user_registers(task);
	long number = BPF_CORE_READ(registers, orig_ax);
	__u32 key;

	/* On its CPU it is in user mode, or anywhere; exceptions leave a negative number. */
	if (number < 0 || is_on_cpu(task) || !task_state(task))
		return;
	thread->record.type = SYSCALL_RECORD_CALL;
	thread->record.flags =
		BPF_CORE_READ(task, thread_info.status) & TS_COMPAT ? SYSCALL_COMPAT : 0;
	thread->record.number = number;
	key = key_of_record(thread);
	/* Whether its path matches is not known. */
	if (!has_bit(wanted, key) || pattern_count)
		return;
	READ_ARGUMENTS(&thread->record, registers, BPF_CORE_READ);
	thread->end = 0;
	/* Its memory is read when it returns: the iterator cannot. */
	thread->faulted = (1 << rules[bounded(key, 2 * SYSCALL_NUMBERS)].entry_count) - 1;
	thread->left = ~0ULL;
	thread->record.ts_ns = bpf_ktime_get_ns();
	thread->record.duration_ns = 0;
	thread->record.result = 0;
	thread->off_cpu_ns = thread->record.ts_ns;
	thread->is_blocked = 1;
	if (!summary) {
		thread->record.flags |= SYSCALL_UNFINISHED | SYSCALL_RESUMED;
		write_record(thread, sizeof(thread->record));
		thread->record.flags &= ~(SYSCALL_UNFINISHED | SYSCALL_RESUMED);
	}
	thread->state = THREAD_IN_CALL | THREAD_LATE;
}

#endif
