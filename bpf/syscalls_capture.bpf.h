/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What is captured of a call's arguments: by the rules that Swift made of the calls' signatures. */
#ifndef APUS_SYSCALLS_CAPTURE_H
#define APUS_SYSCALLS_CAPTURE_H

#include "syscalls_list.bpf.h"

const volatile struct syscall_rules rules[2 * SYSCALL_NUMBERS] = {};

static __always_inline __u64 argument(struct thread *thread, __u32 number)
{
	if (number >= SYSCALL_ARGUMENTS)
		return thread->record.result;
	return thread->record.arguments[bounded(number, SYSCALL_ARGUMENTS)];
}

/*
 * Follows one rule of the current thread's call. 0: the memory could not be read. A
 * function that is verified once, not for each rule that there can be: it takes
 * longer to find the thread again, and an eighth of the time to load.
 */
__noinline int capture_rarely(__u32 key, __u32 number)
{
	struct thread *thread = current_thread();
	const volatile struct syscall_rule *rule =
		&rules[bounded(key, 2 * SYSCALL_NUMBERS)].rules[bounded(number, SYSCALL_RULES)];
	__u64 address, limit = rule->size, count, what = tag(rule, rule->kind, 0);
	bool at_exit = rule->flags & SYSCALL_AT_EXIT;
	__u32 size, i;

	if (!thread || !has_rules)
		return true;
	address = argument(thread, rule->argument);
	count = argument(thread, rule->count);
	/*
	 * No memory: the argument says it. A descriptor can be 0; nothing is mapped in the first
	 * page, and a number where other operations have an address is mostly that small.
	 */
	if (address < 4096 && rule->kind != SYSCALL_CAPTURE_FILE)
		return true;
	thread->missed = false;
	switch (rule->kind) {
	case SYSCALL_CAPTURE_FILE:
		read_one_file(address, what);
		return true;
	case SYSCALL_CAPTURE_PATH:
		return read_string(thread, address, SYSCALL_CAPTURE_SIZE - 2, what);
	case SYSCALL_CAPTURE_STRING:
		return read_string(thread, address, string_limit, what);
	case SYSCALL_CAPTURE_BUFFER:
		return read_memory(thread, address, count, string_limit, what);
	case SYSCALL_CAPTURE_STRUCT:
		if (rule->stride)
			return read_list(address, limit, limit, rule->stride, what);
		/* The room for what is read at exit, which the call overwrites. */
		if (limit == sizeof(size) && !at_exit)
			thread->left = bpf_probe_read_user(&size, sizeof(size), (void *)address)
					       ? ~0ULL
					       : size;
		if (read_memory(thread, address, limit, limit, what))
			return true;
		/* Not every call uses all of it, and the next page need not be there. */
		count = PAGE_SIZE - (address & (PAGE_SIZE - 1));
		if (count < limit)
			read_one_buffer(address, limit, count, what);
		return false;
	case SYSCALL_CAPTURE_ARRAY:
		/* The kernel takes counts as 32 bits; a set of descriptors in words of 64. */
		count = (__u32)count;
		if (!limit)
			return read_memory(thread, address, (count + 63) / 64 * 8, SYSCALL_SET_SIZE,
					   what);
		if (rule->stride)
			return read_list(address, count * limit, SYSCALL_ELEMENTS * limit,
					 rule->stride, what);
		return read_memory(thread, address, count * limit, SYSCALL_ELEMENTS * limit, what);
	case SYSCALL_CAPTURE_SIZED:
		if (at_exit && rule->count != SYSCALL_RESULT) {
			if (bpf_probe_read_user(&size, sizeof(size), (void *)count))
				return true;
			count = size < thread->left ? size : thread->left;
		}
		return read_memory(thread, address, (__u32)count, limit, what);
	case SYSCALL_CAPTURE_STRINGS:
		return read_strings(address, what);
	case SYSCALL_CAPTURE_IOVEC:
		if (limit)
			return read_vectors(address, 1, ~0ULL, limit, what) && !thread->missed;
		return read_vectors(address, count, at_exit ? thread->record.result : ~0ULL,
				    string_limit, what) &&
		       !thread->missed;
	case SYSCALL_CAPTURE_MESSAGE:
		return read_message(address, limit, at_exit ? thread->record.result : ~0ULL,
				    what) &&
		       !thread->missed;
	case SYSCALL_CAPTURE_MESSAGES:
		what = tag(rule, SYSCALL_CAPTURE_MESSAGE, 0);
		for (i = 0; i < SYSCALL_MESSAGES && i < count; i++, address += limit) {
			/* Behind the struct msghdr: what was sent or received of it. */
			if (bpf_probe_read_user(&size, sizeof(size),
						(void *)address + sizeof(struct message)) ||
			    !read_message(address, limit, size, what))
				return false;
		}
		return true;
	case SYSCALL_CAPTURE_POINTERS:
		return count_elements(address, ~0ULL, what);
	case SYSCALL_CAPTURE_ENTRIES:
		return count_elements(address, count, what);
	default:
		return true;
	}
}

/* A rule's buffer, in the open: what reads and writes have. False: it could not be read. */
static __always_inline bool capture_buffer(struct thread *thread,
					   const volatile struct syscall_rule *rule)
{
	__u64 address = argument(thread, rule->argument);

	return !address || read_memory(thread, address, argument(thread, rule->count), string_limit,
				       tag(rule, SYSCALL_CAPTURE_BUFFER, 0));
}

/*
 * Rules that are due are bits: what a comparison says of a number the verifier follows through all
 * turns of a loop.
 */
static __always_inline void capture_at_entry(struct thread *thread, __u32 key)
{
	const volatile struct syscall_rules *all = &rules[bounded(key, 2 * SYSCALL_NUMBERS)];
	__u32 first = 0, count = all->entry_count, due;

	thread->end = 0;
	thread->faulted = 0;
	if (count && all->rules[0].kind == SYSCALL_CAPTURE_FILE) {
		first = 1;
		capture_file(thread, argument(thread, all->rules[0].argument),
			     tag(&all->rules[0], SYSCALL_CAPTURE_FILE, 0));
		if (count > 1 && all->rules[1].kind == SYSCALL_CAPTURE_BUFFER) {
			first = 2;
			if (!capture_buffer(thread, &all->rules[1]))
				thread->faulted |= 1 << 1;
		}
	}
	/* Most calls are through. */
	if (first >= count)
		return;
	due = (1 << count) - (1 << first);
	for (__u32 i = 0; i < SYSCALL_RULES; i++) {
		if (due >> i & 1 && !capture_rarely(key, i))
			thread->faulted |= 1 << i;
	}
}

/* EINTR, and ERESTART_RESTARTBLOCK of include/linux/errno.h. */
static __always_inline bool is_interrupted(__s64 result)
{
	return result == -4 || result == -516;
}

static __always_inline void capture_at_exit(struct thread *thread, __u32 key)
{
	const volatile struct syscall_rules *all = &rules[bounded(key, 2 * SYSCALL_NUMBERS)];
	__u32 first = all->entry_count, end = all->count, due;

	if (all->moves_names && !thread->record.result)
		increment(name_epoch);
	/* What a call fails to write is not there to be read. */
	if (all->is_of_interrupt ? !is_interrupted(thread->record.result)
				 : thread->record.result < 0)
		end = first;
	/* Nothing to do for most calls. */
	if (!thread->faulted && first >= end)
		return;
	if (!thread->faulted && first == 1 && end == 2 &&
	    all->rules[1].kind == SYSCALL_CAPTURE_BUFFER) {
		capture_buffer(thread, &all->rules[1]);
		return;
	}
	/*
	 * What could not be read the kernel has read meanwhile, and with that brought it into
	 * memory.
	 */
	due = thread->faulted | ((1 << end) - (1 << first));
	for (__u32 i = 0; i < SYSCALL_RULES; i++) {
		if (due >> i & 1 && !all->rules[i].is_written)
			capture_rarely(key, i);
	}
}

#endif
