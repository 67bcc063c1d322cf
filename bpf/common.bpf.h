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
#define PF_KTHREAD	       0x00200000
#define TS_COMPAT	       0x0002

/* fs/nsfs: PROC_PID_INIT_INO, the first PID namespace. */
#define INITIAL_PID_NAMESPACE 0xEFFFFFFCU

/* The PID namespace whose numbers the user knows; 0 would match nothing. */
const volatile __u32 observer_pid_namespace = INITIAL_PID_NAMESPACE;

/*
 * A masked index that the verifier sees masked: the compiler may know better
 * that no mask is needed, and leave it out.
 */
#define bounded(index, size)                                                                       \
	({                                                                                         \
		__u64 bounded_index = (index);                                                     \
		asm volatile("%0 &= %1" : "+r"(bounded_index) : "i"((size)-1));                    \
		bounded_index;                                                                     \
	})

/* Without the old value, which needs an instruction of 5.12. */
#define increment(counter) ((void)__atomic_fetch_add(&(counter), 1, __ATOMIC_RELAXED))

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

/* arch/x86: user registers lie at the top of the kernel stack (before 5.15, no helper). */
static __always_inline struct pt_regs *user_registers(struct task_struct *task)
{
	enum { KERNEL_STACK = 16384, REGISTERS = 168 };

	return BPF_CORE_READ(task, stack) + KERNEL_STACK - REGISTERS;
}

#endif
