/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * A load or an unload under way, by its thread: opened when the system call
 * begins, written to the ring when that ends.
 */
#ifndef APUS_MODULES_ACTION_H
#define APUS_MODULES_ACTION_H

#include "modules_image.bpf.h"
#include "modules_process.bpf.h"

/* Events that found no room in the ring, or no entry for an action under way. */
__u64 lost = 0;
/* How many loads and unloads are under way. */
__u64 under_way = 0;
/* Apart, as some of the programs may run for every system call. */
struct module_cpu cpus[MODULE_CPUS] = {};

/* By thread. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 256);
	__type(key, __u32);
	__type(value, struct module_action);
} actions SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 4 * 1024 * 1024);
} events SEC(".maps");

/* What an action begins as; it does not fit on the stack. */
const struct module_action blank = {};

/* ---- Events ---- */

static __always_inline void describe(struct module_event *event, __u32 type)
{
	struct task_struct *task = (struct task_struct *)bpf_get_current_task();

	event->ts_ns = bpf_ktime_get_boot_ns();
	event->lost = lost;
	event->type = type;
	event->pid = observed_pid(BPF_CORE_READ(task, group_leader));
	event->tid = observed_pid(task);
	bpf_get_current_comm(event->command, sizeof(event->command));
}

/* Atomically: a program can be preempted by another one on its CPU. */
static __always_inline void count_run(void)
{
	increment(cpus[bounded(bpf_get_smp_processor_id(), MODULE_CPUS)].runs);
}

static __always_inline struct module_action *find_action(void)
{
	__u32 tid = bpf_get_current_pid_tgid();

	return under_way ? bpf_map_lookup_elem(&actions, &tid) : NULL;
}

/* ---- The life of an action ---- */

static __always_inline struct module_action *action_of_current(void)
{
	count_run();
	return find_action();
}

static __always_inline struct module_action *begin(__u32 type)
{
	__u32 tid = bpf_get_current_pid_tgid();
	struct module_action *action;

	/* One that never ended, as its thread died in the kernel, is lost. */
	if (bpf_map_lookup_elem(&actions, &tid))
		increment(lost);
	else
		increment(under_way);
	if (bpf_map_update_elem(&actions, &tid, &blank, BPF_ANY) ||
	    !(action = bpf_map_lookup_elem(&actions, &tid))) {
		increment(lost);
		decrement(under_way);
		return NULL;
	}
	action->event.type = type;
	action->begin_ns = bpf_ktime_get_ns();
	return action;
}

/*
 * Not by the system call's argument: to some kernels (5.10) struct pt_regs is
 * an incomplete type there.
 */
static __always_inline struct pt_regs *arguments_of_call(void)
{
	return user_registers(registers_helper ? bpf_get_current_task_btf()
					       : (struct task_struct *)bpf_get_current_task());
}

static __always_inline void begin_load(bool from_memory)
{
	struct pt_regs *registers = arguments_of_call();
	struct module_action *action = begin(MODULE_EVENT_LOAD);
	void *parameters;

	if (!action)
		return;
	action->from_memory = from_memory;
	parameters =
		(void *)(from_memory ? BPF_CORE_READ(registers, dx) : BPF_CORE_READ(registers, si));
	if (read_user_text(action->parameters, sizeof(action->parameters), parameters))
		action->cut |= MODULE_CUT_PARAMETERS;
	if (!from_memory) {
		action->flags = BPF_CORE_READ(registers, dx);
		read_path(file_of((__u32)BPF_CORE_READ(registers, di)), &action->file);
	}
	read_loader(action);
}

static __always_inline void begin_unload(void)
{
	struct pt_regs *registers = arguments_of_call();
	struct module_action *action = begin(MODULE_EVENT_UNLOAD);

	if (!action)
		return;
	action->flags = BPF_CORE_READ(registers, si);
	bpf_probe_read_user_str(action->name, sizeof(action->name),
				(void *)BPF_CORE_READ(registers, di));
	read_loader(action);
}

static __always_inline void finish(long result)
{
	__u32 tid = bpf_get_current_pid_tgid();
	struct module_action *action = find_action();

	if (!action)
		return;
	action->end_ns = bpf_ktime_get_ns();
	action->result = result;
	/* An address in the kernel is nobody else's. */
	action->module = 0;
	describe(&action->event, action->event.type);
	if (bpf_ringbuf_output(&events, action, sizeof(*action), 0))
		increment(lost);
	bpf_map_delete_elem(&actions, &tid);
	decrement(under_way);
}

#endif
