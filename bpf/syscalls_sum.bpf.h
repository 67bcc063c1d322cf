/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The summary: what calls come to, by number, in the kernel. */
#ifndef APUS_SYSCALLS_SUM_H
#define APUS_SYSCALLS_SUM_H

#include "syscalls_thread.bpf.h"

const volatile bool sum_by_process = false;

/* Calls of which the sum by process, or the errors, found no room. */
__u64 unsummed_calls = 0;
/* Calls that had begun before, or had not returned at the end: they are summed as far as they were
 * seen. */
__u64 cut_calls = 0;

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct syscall_sum);
} sums SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1);
	__type(key, struct syscall_sum_key);
	__type(value, struct syscall_sum);
} sums_by_process SEC(".maps");

struct syscall_sum no_sum = {};

/* Names of processes, as they were last. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, char[16]);
} commands SEC(".maps");

static __always_inline void name_process(__u32 pid, struct task_struct *task)
{
	char command[16] = {};

	BPF_CORE_READ_INTO(&command, task, comm);
	bpf_map_update_elem(&commands, &pid, command, BPF_ANY);
}

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1);
	__type(key, struct syscall_sum_key);
	__type(value, __u64);
} errors SEC(".maps");

static __always_inline __u32 bucket(__u64 ns)
{
	__u64 units = ns >> SYSCALL_BUCKET_SHIFT;
	__u32 octave = 0;

	if (units < 4)
		return units;
	/* The position of the highest bit. */
	for (__u32 step = 32; step; step >>= 1) {
		if (units >> (octave + step))
			octave += step;
	}
	return 4 * (octave - 1) + (units >> (octave - 2) & 3);
}

static __always_inline struct syscall_sum *sum_of(struct syscall_sum_key *key,
						  struct task_struct *task)
{
	struct syscall_sum *sum;
	__u32 number = key->number;

	if (!sum_by_process)
		return bpf_map_lookup_elem(&sums, &number);
	sum = bpf_map_lookup_elem(&sums_by_process, key);
	if (sum)
		return sum;
	bpf_map_update_elem(&sums_by_process, key, &no_sum, BPF_NOEXIST);
	name_process(key->pid, task);
	return bpf_map_lookup_elem(&sums_by_process, key);
}

static __always_inline void count_error(struct syscall_sum_key *key, __s64 result)
{
	__u64 *count, one = 1;

	if (result >= 0 || result <= -SYSCALL_ERRORS)
		return;
	key->error = -result;
	count = bpf_map_lookup_elem(&errors, key);
	if (count)
		increase(*count, 1);
	else if (bpf_map_update_elem(&errors, key, &one, BPF_NOEXIST) &&
		 (count = bpf_map_lookup_elem(&errors, key)))
		increase(*count, 1);
	else if (!bpf_map_lookup_elem(&errors, key))
		increment(unsummed_calls);
}

/* Counts a call that has returned. The sums of a process can be written by several CPUs at once. */
static __always_inline void count_call(struct thread *thread, struct task_struct *task, __u32 call)
{
	struct syscall_record *record = &thread->record;
	struct syscall_sum_key key = {.number = call};
	__u64 ns = record->duration_ns;
	struct syscall_sum *sum;
	__u32 index = bucket(ns);

	if (sum_by_process)
		key.pid = record->pid;
	sum = sum_of(&key, task);
	if (!sum) {
		increment(unsummed_calls);
		return;
	}
	increase(sum->count, 1);
	increase(sum->total_ns, ns);
	if (record->flags & SYSCALL_RESUMED)
		increment(cut_calls);
	if (index >= SYSCALL_BUCKETS)
		index = SYSCALL_BUCKETS - 1;
	increase(sum->buckets[bounded(index, SYSCALL_BUCKETS)], 1);
	if (thread->blocked_ns)
		increase(sum->blocked_ns, thread->blocked_ns);
	if (thread->runnable_ns)
		increase(sum->runnable_ns, thread->runnable_ns);
	/* Two of a process's threads at once: the larger one can be lost, so it is looked at again.
	 */
	for (int i = 0; i < 4 && ns > *(volatile __u64 *)&sum->max_ns; i++)
		*(volatile __u64 *)&sum->max_ns = ns;
	if (record->result < 0 && record->result > -SYSCALL_ERRORS) {
		increase(sum->errors, 1);
		count_error(&key, record->result);
	}
}

#endif
