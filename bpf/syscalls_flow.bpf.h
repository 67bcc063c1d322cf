/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Flow control: a target that fills the ring is stopped until it has been read, and stops that
 * others ask for are left alone.
 */
#ifndef APUS_SYSCALLS_FLOW_H
#define APUS_SYSCALLS_FLOW_H

#include "syscalls_thread.bpf.h"

enum {
	SIGCONT = 18,
	SIGSTOP = 19,
	SIGTTOU = 22,
};

/* Processes that were stopped for the ring to be drained. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 4096);
	__type(key, __u32);
	__type(value, struct syscall_stop);
} stops SEC(".maps");

/*
 * Stops the current process until the reader has caught up. It stops on its way
 * to user space, so that no call's duration has the stop in it.
 */
static __always_inline void stop_process(struct thread *thread)
{
	struct task_struct *task = (void *)bpf_get_current_task();
	struct syscall_stop stop = {.ts_ns = bpf_ktime_get_ns()}, *other;
	__u32 pid = thread->record.pid;

	if (bpf_ringbuf_query(&events, BPF_RB_AVAIL_DATA) < stop_bytes)
		return;
	/* A debugger would be told of it. */
	if (BPF_CORE_READ(task, ptrace))
		return;
	/* Another's stop comes at once or, to an orphaned group from the keyboard, never. */
	other = bpf_map_lookup_elem(&stops, &pid);
	if (other && !other->ts_ns && (__u32)(stop.ts_ns >> 20) - other->foreign_at > 10)
		bpf_map_delete_elem(&stops, &pid);
	if (bpf_map_update_elem(&stops, &pid, &stop, BPF_NOEXIST))
		return;
	if (bpf_send_signal(SIGSTOP))
		bpf_map_delete_elem(&stops, &pid);
}

static __always_inline bool is_handled(struct task_struct *task, __u32 number)
{
	struct sighand_struct *handlers = BPF_CORE_READ(task, sighand);
	void *handler = NULL;

	/* sa_handler is the first field of struct sigaction, that of struct k_sigaction. */
	bpf_probe_read_kernel(&handler, sizeof(handler),
			      (void *)handlers + bpf_core_field_offset(handlers->action) +
				      (number - 1) * bpf_core_type_size(struct k_sigaction));
	return handler;
}

/* Stops that others want, before ours or while it lasts; the reader leaves those alone. */
SEC("tp_btf/signal_generate")
int BPF_PROG(signal_generate, int number, struct kernel_siginfo *info, struct task_struct *task)
{
	struct syscall_stop *stop,
		foreign = {.foreign = number, .foreign_at = bpf_ktime_get_ns() >> 20};
	__u32 pid;

	if (number < SIGCONT || number > SIGTTOU || !thread_of(task))
		return 0;
	/* Ours: bpf_send_signal() passes SEND_SIG_PRIV. */
	if (number == SIGSTOP && (__u64)info == 1)
		return 0;
	pid = observed_pid(BPF_CORE_READ(task, group_leader));
	if (number == SIGCONT) {
		bpf_map_delete_elem(&stops, &pid);
		return 0;
	}
	/* One that is blocked may stop it another day. */
	if (number != SIGSTOP &&
	    (is_handled(task, number) || BPF_CORE_READ(task, blocked.sig[0]) >> (number - 1) & 1))
		return 0;
	stop = bpf_map_lookup_elem(&stops, &pid);
	if (stop)
		stop->foreign = number;
	else
		bpf_map_update_elem(&stops, &pid, &foreign, BPF_NOEXIST);
	return 0;
}

#endif
