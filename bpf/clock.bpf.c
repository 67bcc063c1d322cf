// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * The kernel's side of `apus clock`: what disturbs the thread that measures,
 * which of its readings are system calls, and what BPF's own clocks cost.
 */
#include "common.bpf.h"
#include "clock.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

/* The thread that measures, as the kernel numbers it: process and thread. */
__u64 observer = 0;
struct clock_counts counts = {};
struct clock_readings readings = {};
/* Runs of the programs on hooks, for all threads. */
__u64 runs = 0;

static __always_inline bool is_observer(void)
{
	increment(runs);
	return bpf_get_current_pid_tgid() == observer;
}

/* ---- Called, not attached ---- */

SEC("raw_tp")
int introduce(void *context)
{
	observer = bpf_get_current_pid_tgid();
	return 0;
}

#define READ(section, clock)                                                                       \
	SEC(section) int read_##clock(void *context)                                               \
	{                                                                                          \
		__u64 begin = bpf_ktime_get_ns();                                                  \
                                                                                                   \
		for (int i = 0; i < CLOCK_READS; i++)                                              \
			bpf_##clock();                                                             \
		readings.elapsed_ns += bpf_ktime_get_ns() - begin;                                 \
		return 0;                                                                          \
	}                                                                                          \
	SEC(section) int step_##clock(void *context)                                               \
	{                                                                                          \
		__u64 last = bpf_##clock(), now;                                                   \
                                                                                                   \
		for (int i = 0; i < CLOCK_READS; i++, last = now) {                                \
			now = bpf_##clock();                                                       \
			if (now > last && (!readings.step_ns || now - last < readings.step_ns))    \
				readings.step_ns = now - last;                                     \
		}                                                                                  \
		return 0;                                                                          \
	}

READ("raw_tp", ktime_get_ns)
READ("raw_tp", ktime_get_boot_ns)
/* Not for programs that can run in an NMI, as those of tracepoints can. */
READ("socket", ktime_get_coarse_ns)
READ("raw_tp", ktime_get_tai_ns)

/* ---- What strikes the thread ---- */

SEC("tp_btf/sched_switch")
int BPF_PROG(sched_switch)
{
	/* The one that leaves is still the current one. */
	if (is_observer())
		increment(counts.switches);
	return 0;
}

SEC("tp_btf/softirq_entry")
int BPF_PROG(softirq_entry)
{
	if (is_observer())
		increment(counts.softirqs);
	return 0;
}

#define INTERRUPT(entry)                                                                           \
	SEC("tp_btf/" #entry) int BPF_PROG(entry)                                                  \
	{                                                                                          \
		if (is_observer())                                                                 \
			increment(counts.interrupts);                                              \
		return 0;                                                                          \
	}

INTERRUPT(irq_handler_entry)
INTERRUPT(local_timer_entry)
INTERRUPT(reschedule_entry)
INTERRUPT(call_function_entry)
INTERRUPT(call_function_single_entry)
INTERRUPT(irq_work_entry)

SEC("tp_btf/sys_enter")
int BPF_PROG(sys_enter)
{
	if (is_observer())
		increment(counts.syscalls);
	return 0;
}
