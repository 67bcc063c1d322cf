/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Pieces of the target's memory, as captures. */
#ifndef APUS_SYSCALLS_MEMORY_H
#define APUS_SYSCALLS_MEMORY_H

#include "syscalls_file.bpf.h"

/* The first bytes of strings and buffers that are kept: -s. */
const volatile __u32 string_limit = 32;
/* Paths of which a call must have one. */
const volatile __u32 pattern_count = 0;
const volatile struct syscall_pattern patterns[SYSCALL_PATTERNS] = {};

enum {
	PAGE_SIZE = 4096,
};

/* What a capture says of itself, in a register. */
static __always_inline __u64 tag(const volatile struct syscall_rule *rule, __u32 kind, __u32 index)
{
	return rule->argument | kind << 8 | (__u64)rule->flags << 16 | (__u64)index << 24;
}

/* Where the next capture begins, if there is room. */
static __always_inline struct syscall_capture *next_capture(struct thread *thread)
{
	__u64 end = thread->end;

	if (end >= SYSCALL_CAPTURES_SIZE) {
		thread->record.flags |= SYSCALL_CROWDED;
		return NULL;
	}
	return (void *)&thread->captures[bounded(end, SYSCALL_CAPTURES_SIZE)];
}

static __always_inline void end_capture(struct thread *thread, struct syscall_capture *capture,
					__u64 tag, __u32 flags, __u32 size)
{
	capture->argument = tag;
	capture->kind = tag >> 8;
	capture->flags = tag >> 16 | flags;
	capture->index = tag >> 24;
	capture->size = size;
	capture->_pad = 0;
	thread->end += (sizeof(*capture) + size + 7) & ~7;
}

/* False: it could not be read. */
static __noinline bool read_memory(struct thread *thread, __u64 address, __u64 size, __u64 limit,
				   __u64 tag)
{
	struct syscall_capture *capture = next_capture(thread);
	__u32 flags = 0;

	if (!capture)
		return true;
	if (size > limit) {
		size = limit;
		flags = SYSCALL_CUT;
	}
	size = bounded(size, SYSCALL_CAPTURE_SIZE + 1);
	if (bpf_probe_read_user(capture + 1, size, (void *)address)) {
		flags = SYSCALL_FAULT;
		size = 0;
	}
	end_capture(thread, capture, tag, flags, size);
	return !(flags & SYSCALL_FAULT);
}

/* Whether a path, captured at an offset, is one of the patterns. */
__noinline int match_path(__u32 at, __u32 size)
{
	struct thread *thread = current_thread();
	const volatile struct syscall_pattern *pattern;
	const char *text;

	if (!thread)
		return 0;
	if (!pattern_count)
		return 0;
	text = (void *)&thread->captures[bounded(at, SYSCALL_CAPTURES_SIZE + 1)];
	for (__u32 number = 0; number < SYSCALL_PATTERNS; number++) {
		pattern = &patterns[number];
		if (number >= pattern_count)
			break;
		if (pattern->is_prefix ? size < pattern->size : size != pattern->size)
			continue;
		for (__u32 i = 0; i < SYSCALL_PATTERN_SIZE; i++) {
			if (i >= pattern->size) {
				thread->state |= THREAD_MATCHED;
				return 1;
			}
			if (text[i] != pattern->text[i])
				break;
		}
	}
	return 0;
}

/* False: it could not be read. */
static __noinline bool read_string(struct thread *thread, __u64 address, __u64 limit, __u64 tag)
{
	struct syscall_capture *capture = next_capture(thread);
	__u32 flags = 0;
	long size;

	if (!capture)
		return true;
	/* One more, and the NUL: to know whether there was more. */
	size = bpf_probe_read_user_str(capture + 1, bounded(limit + 2, SYSCALL_CAPTURE_SIZE + 1),
				       (void *)address);
	size--;
	if (size < 0) {
		flags = SYSCALL_FAULT;
		size = 0;
		/* Of a list, nothing else says where it is. */
		if ((__u8)(tag >> 8) == SYSCALL_CAPTURE_STRINGS) {
			*(__u64 *)(capture + 1) = address;
			size = sizeof(address);
		}
	} else if ((__u64)size > limit) {
		flags = SYSCALL_CUT;
		size = limit;
	}
	end_capture(thread, capture, tag, flags, size);
	if (pattern_count && (__u8)(tag >> 8) == SYSCALL_CAPTURE_PATH && !flags)
		match_path((void *)(capture + 1) - (void *)thread->captures, size);
	return !(flags & SYSCALL_FAULT);
}

/* What is rare is verified by itself, and once. */
__noinline int read_one_string(__u64 address, __u64 tag)
{
	struct thread *thread = current_thread();

	return !thread || read_string(thread, address, string_limit, tag);
}

__noinline int read_one_buffer(__u64 address, __u64 size, __u64 limit, __u64 tag)
{
	struct thread *thread = current_thread();

	return !thread || read_memory(thread, address, size, limit, tag);
}

#endif
