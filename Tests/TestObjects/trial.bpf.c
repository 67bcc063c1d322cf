// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* One program for each kind of hook, and one map of each kind, for tests of the library BPF. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

char LICENSE[] SEC("license") = "Dual BSD/GPL";

const volatile __u32 watched_pid = 0;
const volatile __u32 factors[4] = {1, 1, 1, 1};
__u64 calls = 0;
__u64 nested = 0;

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 4096);
} records SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 2);
	__type(key, __u32);
	__type(value, __u64);
} per_cpu SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 16);
	__type(key, __u32);
	__type(value, __u64);
} by_pid SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_HASH);
	__uint(max_entries, 16);
	__type(key, __u32);
	__type(value, __u32);
} by_pid_per_cpu SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 8);
	__type(key, __u32);
	__type(value, __u64);
} mapped SEC(".maps");

static int count(__u32 hook)
{
	__u32 pid = bpf_get_current_pid_tgid() >> 32, zero = 0, one = 1;
	__u64 *value, *record, first = 1;
	__u32 *small, first_small = 1;

	if (pid != watched_pid)
		return 0;
	__atomic_fetch_add(&calls, 1, __ATOMIC_RELAXED);
	if ((value = bpf_map_lookup_elem(&per_cpu, &zero)))
		*value += factors[1];
	if ((value = bpf_map_lookup_elem(&by_pid, &pid)))
		*value += 1;
	else
		bpf_map_update_elem(&by_pid, &pid, &first, BPF_ANY);
	if ((small = bpf_map_lookup_elem(&by_pid_per_cpu, &pid)))
		*small += 1;
	else
		bpf_map_update_elem(&by_pid_per_cpu, &pid, &first_small, BPF_ANY);
	if ((value = bpf_map_lookup_elem(&mapped, &one)))
		__atomic_fetch_add(value, 1, __ATOMIC_RELAXED);
	record = bpf_ringbuf_reserve(&records, 2 * sizeof(__u64), 0);
	if (record) {
		record[0] = hook;
		record[1] = calls;
		bpf_ringbuf_submit(record, 0);
	}
	return 0;
}

/* getppid() is system call 110 on x86-64, getpgrp() 111. */
SEC("raw_tp/sys_enter")
int raw(struct bpf_raw_tracepoint_args *context)
{
	return context->args[1] == 110 ? count(1) : 0;
}

SEC("tp_btf/sys_enter")
int BPF_PROG(typed, void *registers, long number)
{
	return number == 111 ? count(2) : 0;
}

SEC("tp/syscalls/sys_enter_getpgid")
int classic(void *context)
{
	return count(3);
}

SEC("perf_event")
int sample(void *context)
{
	return count(4);
}

SEC("uprobe")
int user(void *context)
{
	return count(5);
}

SEC("fentry/__x64_sys_getpgid")
int BPF_PROG(function_entry)
{
	return count(6);
}

SEC("fexit/__x64_sys_getpgid")
int BPF_PROG(function_exit)
{
	return count(7);
}

SEC("iter/task")
int tasks(void *context)
{
	struct {
		void *meta;
		void *task;
	} *iterator = context;
	__u64 one = 1;

	if (iterator->task)
		bpf_seq_write(*(struct seq_file **)iterator->meta, &one, sizeof(one));
	return 0;
}

/* Runs at each bpf_trace_printk(), and calls it: the run within is skipped, and counted. */
SEC("tp_btf/bpf_trace_printk")
int BPF_PROG(nesting)
{
	__atomic_fetch_add(&nested, 1, __ATOMIC_RELAXED);
	bpf_printk("apus trial");
	return 0;
}

SEC("raw_tp/sys_exit")
int printer(struct bpf_raw_tracepoint_args *context)
{
	__u32 pid = bpf_get_current_pid_tgid() >> 32;

	if (pid == watched_pid)
		bpf_printk("apus trial");
	return 0;
}

/* What no verifier lets pass: a read through a number. */
SEC("raw_tp/sys_exit")
int rejected(struct bpf_raw_tracepoint_args *context)
{
	return *(volatile int *)(long)context->args[0];
}
