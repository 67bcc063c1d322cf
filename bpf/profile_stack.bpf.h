/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Taking a stack and counting it.
 *
 * A stack map of the kernel (BPF_MAP_TYPE_STACK_TRACE) keeps one stack a bucket and drops what
 * collides. Here a hash counts by a key of 128 bits, and drops only when it is full.
 */
#ifndef APUS_PROFILE_STACK_H
#define APUS_PROFILE_STACK_H

#include "common.bpf.h"
#include "profile.h"
#include "wakeup.bpf.h"

/* Which frames are taken. */
const volatile __u32 parts = PROFILE_KERNEL | PROFILE_USER;
/* So that no program can make two of its stacks look alike. */
const volatile __u64 seeds[2] = {1, 1};

struct profile_cpu cpus[PROFILE_CPUS] = {};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1);
	__type(key, struct profile_key);
	__type(value, struct profile_count);
} counts SEC(".maps");

/* Stacks that were met for the first time. */
struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 4096);
} stacks SEC(".maps");

/*
 * Where a CPU puts a stack together. Samples come from one interrupt that does not interrupt
 * itself, and are not taken where waits are; those hold the run queue's lock, or are found by an
 * iterator that has a place of its own.
 */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 2);
	__type(key, __u32);
	__type(value, struct profile_stack);
} scratch SEC(".maps");

/* Counts a run of a program. */
static __always_inline struct profile_cpu *this_cpu(void)
{
	struct profile_cpu *cpu = &cpus[bounded(bpf_get_smp_processor_id(), PROFILE_CPUS)];

	cpu->runs++;
	return cpu;
}

/* Two multiplicative hashes, each word mixed down into the low bits. */
static __always_inline void mix(struct profile_key *key, __u64 word)
{
	key->hash[0] = (key->hash[0] ^ word) * 0x9e3779b97f4a7c15ULL;
	key->hash[0] ^= key->hash[0] >> 32;
	key->hash[1] = (key->hash[1] + word) * 0xd6e8feb86659fd93ULL;
	key->hash[1] ^= key->hash[1] >> 29;
}

static __always_inline struct profile_stack *empty_stack(__u32 place, struct task_struct *task)
{
	struct profile_stack *stack = bpf_map_lookup_elem(&scratch, &place);
	struct task_struct *leader;

	if (!stack)
		return NULL;
	leader = BPF_CORE_READ(task, group_leader);
	stack->process_start_ns = BPF_CORE_READ(leader, start_time);
	stack->executions = BPF_CORE_READ(task, self_exec_id);
	stack->pid = observed_pid(leader);
	stack->flags = 0;
	stack->frame_pointer = 0;
	stack->kernel_frames = 0;
	stack->user_frames = 0;
	return stack;
}

/* What only user space wants to know of a stack, when it is met first. */
static __always_inline void describe(struct profile_stack *stack, struct task_struct *task)
{
	struct task_struct *leader = BPF_CORE_READ(task, group_leader);

	stack->seen_ns = bpf_ktime_get_ns();
	stack->tid = observed_pid(task);
	stack->user = BPF_CORE_READ(task, cred, uid.val);
	bpf_core_read(&stack->command, sizeof(stack->command), &leader->comm);
}

static __always_inline void hash_stack(struct profile_stack *stack)
{
	__u32 frames = (__u32)stack->kernel_frames + stack->user_frames;
	struct profile_key key = {{seeds[0], seeds[1]}};

	mix(&key, stack->process_start_ns);
	mix(&key, (__u64)stack->pid << 32 | stack->executions);
	mix(&key, (__u64)stack->kernel_frames << 32 | stack->flags);
	mix(&key, stack->frame_pointer);
	for (__u32 i = 0; i < 2 * PROFILE_FRAMES && i < frames; i++)
		mix(&key, stack->frames[i]);
	stack->key = key;
}

/* How many of `size` bytes a stack took; none where there is no such stack. */
#define stack_bytes(result, size) bounded(result, (size) + 1)

/* The current thread's stack, in this CPU's scratch. */
static __always_inline struct profile_stack *take_stack(void *context, struct task_struct *task)
{
	struct profile_stack *stack = empty_stack(0, task);
	enum { BYTES = 8 * PROFILE_FRAMES };
	__u64 bytes = 0;

	if (!stack)
		return NULL;
	if (parts & PROFILE_KERNEL)
		bytes = stack_bytes(bpf_get_stack(context, stack->frames, BYTES, 0), BYTES);
	stack->kernel_frames = bytes / 8;
	if (parts & PROFILE_USER) {
		/* Bounded where it is used: a verifier of before 5.17 forgets what it knew of a
		 * number that is put aside. */
		bytes = stack_bytes(bytes, BYTES);
		bytes = bpf_get_stack(context, (void *)stack->frames + bytes, BYTES,
				      BPF_F_USER_STACK);
		stack->user_frames = stack_bytes(bytes, BYTES) / 8;
	}
	hash_stack(stack);
	return stack;
}

/*
 * The stack of a thread that waits. Its user frames cannot be walked from here
 * (bpf_get_task_stack): where they begin is noted.
 */
static __always_inline struct profile_stack *take_stack_of_waiter(struct task_struct *task)
{
	struct profile_stack *stack = empty_stack(1, task);
	enum { BYTES = 8 * PROFILE_FRAMES };
	struct pt_regs *registers;
	long bytes = 0;

	if (!stack)
		return NULL;
	stack->flags = PROFILE_FOUND_WAITING;
	if (parts & PROFILE_KERNEL)
		bytes = bpf_get_task_stack(task, stack->frames, BYTES, 0);
	if (bytes < 0 || bytes > BYTES - 8)
		bytes = 0;
	stack->kernel_frames = bytes / 8;
	if ((parts & PROFILE_USER) && !(BPF_CORE_READ(task, flags) & PF_KTHREAD)) {
		registers = user_registers(task);
		stack->frames[bounded(bytes / 8, PROFILE_FRAMES)] = BPF_CORE_READ(registers, ip);
		stack->user_frames = 1;
		stack->frame_pointer = BPF_CORE_READ(registers, bp);
	}
	hash_stack(stack);
	return stack;
}

/* Counts a stack, and hands it over if it is new. False: there was no place. */
static __always_inline bool count_stack(struct profile_stack *stack, struct task_struct *task)
{
	struct profile_count *count = bpf_map_lookup_elem(&counts, &stack->key),
			     first = {.count = 1};
	__u64 size, flags;

	if (!count) {
		describe(stack, task);
		flags = wakeup_flags(bpf_ringbuf_query(&stacks, BPF_RB_AVAIL_DATA));
		/* First the stack: what is counted has one. If two CPUs meet it, it crosses twice.
		 */
		size = 8 * ((__u64)stack->kernel_frames + stack->user_frames);
		size += __builtin_offsetof(struct profile_stack, frames);
		if (bpf_ringbuf_output(&stacks, stack, bounded(size, sizeof(*stack) + 1), flags)) {
			/* Nobody was woken by it. */
			is_woken = false;
			return false;
		}
		if (!bpf_map_update_elem(&counts, &stack->key, &first, BPF_NOEXIST))
			return true;
		count = bpf_map_lookup_elem(&counts, &stack->key);
		if (!count)
			return false;
	}
	increment(count->count);
	return true;
}

#endif
