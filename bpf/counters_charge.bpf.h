/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Where counts go: what a CPU's counters grew by since they were last read, and for whom. */
#ifndef APUS_COUNTERS_CHARGE_H
#define APUS_COUNTERS_CHARGE_H

#include "common.bpf.h"
#include "counters.h"

#define THREAD struct counters_thread
#define CPU    struct counters_cpu
#include "threads.bpf.h"

/* What each of a CPU's counters is for. Those that are charged by mode come first. */
const volatile struct counters_read reads[COUNTERS_READS] = {};
const volatile __u32 read_count = 0;
const volatile __u32 mode_read_count = 0;
const volatile __u32 event_count = 1;
const volatile __u32 cpu_count = 1;

/* Switches that the kernel did not tell of; what was counted until the next one is lost. */
__u64 missed_switches = 0;

/* Counter i of CPU c is at i * cpu_count + c. */
struct {
	__uint(type, BPF_MAP_TYPE_PERF_EVENT_ARRAY);
	__uint(max_entries, 2);
	__uint(key_size, sizeof(__u32));
	__uint(value_size, sizeof(__u32));
} counters SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 2);
	__type(key, __u32);
	__type(value, struct counters_event);
} sums SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct counters_base);
} bases SEC(".maps");

/* ---- Charging ---- */

static __always_inline struct counters_base *this_base(void)
{
	__u32 zero = 0;

	return bpf_map_lookup_elem(&bases, &zero);
}

/* Takes a counter's growth since its last reading, for nobody if there is no thread. */
static __always_inline void read(struct counters_base *base, struct counters_thread *thread,
				 __u32 mode, __u32 i, __u64 ns)
{
	__u32 row, cpu = bpf_get_smp_processor_id(), charged = reads[i].mode;
	struct counters_sum *at = &base->at[i], *sum;
	struct counters_event *event;
	struct bpf_perf_event_value now;
	long error;

	error = bpf_perf_event_read_value(&counters, i * cpu_count + cpu, &now, sizeof(now));
	if (thread) {
		row = thread->slot * event_count + reads[i].event;
		event = bpf_map_lookup_elem(&sums, &row);
		if (!event)
			return;
		sum = &event->in[(charged == COUNTERS_BY_MODE ? mode : charged) & 1];
		/* A CPU that does not have it, as there are in machines with two kinds. */
		if (error) {
			sum->enabled_ns += ns;
			return;
		}
		sum->count += now.counter - at->count;
		sum->enabled_ns += now.enabled - at->enabled_ns;
		sum->running_ns += now.running - at->running_ns;
	}
	if (error)
		return;
	at->count = now.counter;
	at->enabled_ns = now.enabled;
	at->running_ns = now.running;
}

static __always_inline void read_until(struct counters_base *base, struct counters_thread *thread,
				       __u32 limit)
{
	__u64 now = bpf_ktime_get_ns(), ns = now - base->ns;
	__u32 mode = 0;

	if (thread) {
		mode = thread->mode & 1;
		thread->ns[mode] += ns;
	}
	base->ns = now;
	for (__u32 i = 0; i < COUNTERS_READS; i++) {
		if (i >= limit)
			break;
		read(base, thread, mode, i, ns);
	}
}

/* Charges all that was counted to the thread, in its mode. */
static __always_inline void charge(struct counters_base *base, struct counters_thread *thread)
{
	read_until(base, thread, read_count);
}

/* The same where the thread goes on, in another mode. */
static __always_inline void change_mode(struct counters_base *base, struct counters_thread *thread,
					__u32 mode)
{
	read_until(base, thread, mode_read_count);
	thread->mode = mode;
}

/* ---- Who runs here ---- */

static __always_inline __u64 current_switches(void)
{
	struct task_struct *task;

	if (task_storage) {
		task = bpf_get_current_task_btf();
		return task->nvcsw + task->nivcsw;
	}
	task = (struct task_struct *)bpf_get_current_task();
	return BPF_CORE_READ(task, nvcsw) + BPF_CORE_READ(task, nivcsw);
}

/* Whether the CPU counts for this thread, and has been at it ever since: the kernel's own count of
 * its switches tells if one went untold. */
static __always_inline bool is_counting(struct counters_base *base, struct counters_thread *thread)
{
	return base->owner == thread->slot && thread->switches == current_switches();
}

/* Begins counting for the current thread, which runs already. */
static __always_inline void begin(struct counters_base *base, struct counters_thread *thread)
{
	if (!thread->is_new)
		increment(missed_switches);
	thread->is_new = false;
	thread->switches = current_switches();
	base->owner = thread->slot;
	read_until(base, NULL, read_count);
}

/* The mode of a thread that was there before us: what is in its user registers? */
static __always_inline __u32 find_mode(struct task_struct *task)
{
	struct pt_regs *registers;

	if (BPF_CORE_READ(task, flags) & PF_KTHREAD)
		return COUNTERS_KERNEL;
	registers = user_registers(task);
	/* Interrupts and exceptions leave a negative number there. */
	return (long)BPF_CORE_READ(registers, orig_ax) < 0 ? COUNTERS_USER : COUNTERS_KERNEL;
}

#endif
