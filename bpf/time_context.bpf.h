/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What a thread is doing: in which system call it is, and why it waits. */
#ifndef APUS_TIME_CONTEXT_H
#define APUS_TIME_CONTEXT_H

#include "time_ledger.bpf.h"

/* An enum time_syscall_class for each system call. */
const volatile __u8 syscall_classes[TIME_SYSCALLS] = {};

/* Switches that a ledger shows to be missing, as it was not in a state where they leave it. */
__u64 missed_switches = 0;

/*
 * For a thread that was there before us, and is now in the kernel: in which
 * system call? Its first event tells what it did since it was seen first, as
 * any change between user and system would have been an event.
 */
static __always_inline void find_context(struct time_context *at, struct task_struct *task)
{
	struct pt_regs *registers;

	at->mode = TIME_SYSTEM;
	at->syscall = TIME_NO_SYSCALL;
	if (BPF_CORE_READ(task, flags) & PF_KTHREAD)
		return;
	registers = user_registers(task);
	/* Interrupts and exceptions leave a negative number there. */
	at->syscall = (long)BPF_CORE_READ(registers, orig_ax);
	at->argument = BPF_CORE_READ(registers, di);
	if (at->syscall < 0)
		at->mode = TIME_USER;
}

static __always_inline __u32 cause_of_descriptor(struct task_struct *task, __u64 number, bool write)
{
	enum {
		S_IFMT = 0170000,
		S_IFIFO = 0010000,
		S_IFDIR = 0040000,
		S_IFBLK = 0060000,
		S_IFREG = 0100000,
		S_IFSOCK = 0140000
	};
	/*
	 * Not read directly: for each pointer that is, the verifier searches all types of the
	 * kernel for others of similar names, 10 ms in all.
	 */
	struct fdtable *table = BPF_CORE_READ(task, files, fdt);
	struct file *file = NULL;

	if (!table || number >= BPF_CORE_READ(table, max_fds))
		return TIME_BLOCKED_OTHER;
	bpf_probe_read_kernel(&file, sizeof(file), BPF_CORE_READ(table, fd) + number);
	switch (BPF_CORE_READ(file, f_inode, i_mode) & S_IFMT) {
	case S_IFIFO:
		return write ? TIME_BLOCKED_PIPE_WRITE : TIME_BLOCKED_PIPE_READ;
	case S_IFSOCK:
		return TIME_BLOCKED_SOCKET;
	case S_IFREG:
	case S_IFDIR:
	case S_IFBLK:
		return TIME_BLOCKED_FILE;
	default:
		return TIME_BLOCKED_OTHER;
	}
}

/*
 * The kernel can fail to deliver an event, above all while another tracer
 * attaches to the same tracepoint or goes. A ledger knows: the thread cannot be
 * in the state that it is in. What it did since is unattributed, not a guess.
 */
static __always_inline void miss_switch(struct time_thread *thread, struct instant at)
{
	thread->state = TIME_UNATTRIBUTED;
	charge_until(thread, at);
	increment(missed_switches);
}

/* For an event of a thread that is on a CPU: what was it doing until now? */
static __always_inline void settle(struct time_thread *thread, __u32 mode, struct instant at)
{
	if (thread->state <= TIME_FAULT)
		return;
	/* A first event tells what a thread did since it was found. */
	if (thread->state != TIME_UNATTRIBUTED)
		miss_switch(thread, at);
	thread->state = mode;
}

/* The system call under way, or none. A 32-bit call has other numbers, which are not told apart. */
static __always_inline __s32 named_syscall(const struct time_context *at, struct task_struct *task)
{
	return task->thread_info.status & TS_COMPAT ? TIME_NO_SYSCALL : at->syscall;
}

/* Why does a thread wait? From the system call under way and what is behind its descriptor. */
static __always_inline __u32 cause_of_wait(const struct time_context *at, struct task_struct *task,
					   long state)
{
	__s32 syscall;

	if (state & TASK_STOPPED_OR_TRACED)
		return TIME_BLOCKED_STOPPED;
	if (at->mode == TIME_FAULT)
		return TIME_BLOCKED_PAGE_FAULT;
	/* A thread that a signal ended waits for many things on its way out. */
	if (task->flags & PF_EXITING)
		return TIME_BLOCKED_OTHER;
	if (at->mode == TIME_USER)
		return TIME_BLOCKED_PAGE_FAULT;
	if (BPF_CORE_READ_BITFIELD(task, in_iowait))
		return TIME_BLOCKED_FILE;
	if (task->flags & PF_KTHREAD)
		return TIME_BLOCKED_KERNEL_THREAD;
	syscall = named_syscall(at, task);
	if (syscall < 0)
		return TIME_BLOCKED_OTHER;
	switch (syscall_classes[bounded(syscall, TIME_SYSCALLS)]) {
	case TIME_CLASS_FUTEX:
		return TIME_BLOCKED_FUTEX;
	case TIME_CLASS_SOCKET:
		return TIME_BLOCKED_SOCKET;
	case TIME_CLASS_POLL:
		return TIME_BLOCKED_POLL;
	case TIME_CLASS_SLEEP:
		return TIME_BLOCKED_SLEEP;
	case TIME_CLASS_CHILD:
		return TIME_BLOCKED_CHILD;
	case TIME_CLASS_FILE:
		return TIME_BLOCKED_FILE;
	case TIME_CLASS_READ:
		return cause_of_descriptor(task, at->argument, false);
	case TIME_CLASS_WRITE:
		return cause_of_descriptor(task, at->argument, true);
	default:
		return TIME_BLOCKED_OTHER;
	}
}

#endif
