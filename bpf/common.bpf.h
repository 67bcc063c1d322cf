/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What every tracer's programs need: reading a task across kernel versions. */
#ifndef APUS_COMMON_H
#define APUS_COMMON_H

#include "kernel.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_tracing.h>

/* include/linux/sched.h. These values have not moved since 5.10. */
#define TASK_STOPPED_OR_TRACED 0x000c
#define TASK_DEAD	       0x0080
#define PF_IDLE		       0x00000002
#define PF_EXITING	       0x00000004
#define PF_KTHREAD	       0x00200000
#define TS_COMPAT	       0x0002

/* fs/nsfs: PROC_PID_INIT_INO, the first PID namespace. */
#define INITIAL_PID_NAMESPACE 0xEFFFFFFCU

/* The PID namespace whose numbers the user knows; 0 would match nothing. */
const volatile __u32 observer_pid_namespace = INITIAL_PID_NAMESPACE;

/*
 * An index that the verifier sees to be in an array, 0 if it was not: in plain C
 * the compiler may know better that no check is needed, and leave it out.
 */
#define bounded(index, size)                                                                       \
	({                                                                                         \
		__u64 bounded_index = (index);                                                     \
		asm volatile("if %0 < %1 goto +1; %0 = 0" : "+r"(bounded_index) : "i"(size));      \
		bounded_index;                                                                     \
	})

/* Without the old value, which needs an instruction of 5.12. */
#define increase(counter, by) ((void)__atomic_fetch_add(&(counter), by, __ATOMIC_RELAXED))
#define increment(counter)    increase(counter, 1)
#define decrement(counter)    ((void)__atomic_fetch_add(&(counter), -1, __ATOMIC_RELAXED))

static __always_inline long task_state(struct task_struct *task)
{
	struct task_struct___before_5_14 *old = (void *)task;

	if (bpf_core_field_exists(task->__state))
		return task->__state;
	return old->state;
}

/* Read directly, so that libbpf fits the load to the field, which is narrower in 7.2 (it does so
 * for unsigned ones). */
static __always_inline bool is_on_cpu(struct task_struct *task)
{
	return task->on_cpu;
}

/* The PID of `pid` as the observer's namespace numbers it; 0 where it cannot be seen. */
static __always_inline __u32 pid_in_namespace(struct pid *pid)
{
	/* MAX_PID_NS_LEVEL is 32; containers nest two or three deep. */
	for (int level = 0; level < 8; level++) {
		struct upid upid;

		if ((__u32)level > BPF_CORE_READ(pid, level))
			break;
		bpf_core_read(&upid, sizeof(upid), &pid->numbers[level]);
		if (BPF_CORE_READ(upid.ns, ns.inum) == observer_pid_namespace)
			return upid.nr;
	}
	return 0;
}

/* A thread's PID as the observer knows it. */
static __always_inline __u32 observed_pid(struct task_struct *task)
{
	if (observer_pid_namespace == INITIAL_PID_NAMESPACE)
		return BPF_CORE_READ(task, pid);
	return pid_in_namespace(BPF_CORE_READ(task, thread_pid));
}

/* bpf_task_pt_regs() is there (5.15). */
const volatile bool registers_helper = true;

/* What user space had in its registers when it entered the kernel. */
static __always_inline struct pt_regs *user_registers(struct task_struct *task)
{
	/* arch/x86, before there was padding above them: at the top of the kernel's stack. */
	enum { KERNEL_STACK = 16384, REGISTERS = 168 };

	if (registers_helper)
		return (struct pt_regs *)bpf_task_pt_regs(task);
	return BPF_CORE_READ(task, stack) + KERNEL_STACK - REGISTERS;
}

/* The kernel lets programs on system calls be preempted, and has bpf_preempt_disable() (7.0). */
const volatile bool preemptible = false;

/*
 * Kernel functions (kfuncs), as helpers are declared, with numbers that no helper has: those of
 * KernelHook.functions from 0x10000 on. The host puts the kernel's own in their place. For an
 * `extern ... __ksym` libbpf would read all of the kernel's types. Where the kernel has none of
 * that name, the call must not be reached. In programs on tp_btf, fentry, fexit and iter alone.
 */
static void (*bpf_preempt_disable)(void) = (void *)0x10000;
static void (*bpf_preempt_enable)(void) = (void *)0x10001;
static void *(*bpf_rdonly_cast)(const void *object, __u32 type) = (void *)0x10002;

/*
 * Around what changes the current thread's own state: a switch in the middle of it
 * would see it half changed, and the kernel skips runs of a program that was
 * preempted on that CPU. No cost where programs are not preempted.
 */
static __always_inline void hold_cpu(void)
{
	if (preemptible)
		bpf_preempt_disable();
}

static __always_inline void let_cpu_go(void)
{
	if (preemptible)
		bpf_preempt_enable();
}

/*
 * What a perf_event program gets: struct bpf_perf_event_data of
 * include/uapi/linux/bpf_perf_event.h, with the registers of arch/x86/include/uapi/asm/ptrace.h:
 * `kernel.h` has a pt_regs of its own.
 */
struct sample_context {
	unsigned long before_cs[17];
	unsigned long cs;
	unsigned long after_cs[3];
	/* Of a clock, nanoseconds. */
	__u64 period;
};

/* How often a clock was due since it was last due, which is moved to now. */
static __always_inline __u64 strokes_due(__u64 *due_ns, __u64 now, __u64 period_ns)
{
	__u64 count = period_ns && *due_ns ? (now - *due_ns) / period_ns : 0;

	*due_ns += count * period_ns;
	return count;
}

/*
 * How many strokes did not come before this one. The clock strikes at multiples of its period
 * (hrtimer_forward_now() in perf_swevent_hrtimer(), kernel/events/core.c), and some microseconds
 * late; the earliest one sets the rhythm.
 */
static __always_inline __u64 strokes_missed(__u64 *due_ns, __u64 now, __u64 period_ns)
{
	__u64 count = strokes_due(due_ns, now, period_ns);

	if (!count)
		*due_ns = now;
	return count ? count - 1 : 0;
}

#endif
