/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What pieces of the target's memory lead to: buffers, messages, strings, descriptors; how many. */
#ifndef APUS_SYSCALLS_LIST_H
#define APUS_SYSCALLS_LIST_H

#include "syscalls_memory.bpf.h"

/* include/uapi/linux/uio.h, and the kernel's user_msghdr. */
struct vector {
	__u64 base;
	__u64 size;
};

struct message {
	__u64 name;
	__u32 name_size;
	__u32 _pad;
	__u64 vectors;
	__u64 vector_count;
	__u64 control;
	__u64 control_size;
	__u64 flags;
};

/* struct cmsghdr of include/linux/socket.h. */
struct control {
	__u64 size;
	__s32 level;
	__s32 type;
};

enum {
	SOL_SOCKET = 1,
	SCM_RIGHTS = 1,
	/* Elements that are counted at once. */
	COUNT_STEP = 16,
};

/*
 * `left`: of a reading call, the bytes that there are. `limit`: so many of each are kept. False:
 * the array could not be read; of a buffer thread->missed says it.
 */
__noinline int read_vectors(__u64 address, __u64 count, __u64 left, __u64 limit, __u64 tag)
{
	struct thread *thread = current_thread();
	struct vector vector;

	if (!thread || !has_vectors)
		return true;

	thread->left = left;
	if (count > SYSCALL_VECTORS)
		count = SYSCALL_VECTORS;
	if (!read_memory(thread, address, count * sizeof(vector), SYSCALL_CAPTURE_SIZE, tag))
		return false;
	tag = (tag & ~0xff00ULL) | SYSCALL_CAPTURE_BUFFER << 8;
	for (__u32 i = 0; i < SYSCALL_VECTORS; i++) {
		if (i >= count || !thread->left ||
		    bpf_probe_read_user(&vector, sizeof(vector),
					(void *)address + i * sizeof(vector)))
			break;
		if (vector.size > thread->left)
			vector.size = thread->left;
		thread->left -= vector.size;
		if (!read_one_buffer(vector.base, vector.size, limit, tag | (__u64)i << 24) &&
		    vector.base)
			thread->missed = true;
	}
	return true;
}

static __always_inline void capture_file(struct thread *thread, __s32 descriptor, __u64 tag)
{
	struct syscall_capture *capture = next_capture(thread);

	if (capture)
		end_capture(thread, capture, tag, 0,
			    read_file(thread, descriptor, (void *)(capture + 1)));
}

__noinline int read_one_file(__s32 descriptor, __u64 tag)
{
	struct thread *thread = current_thread();

	if (thread && has_files)
		capture_file(thread, descriptor, tag);
	return 0;
}

/*
 * The files of descriptors that have been captured from one offset to another, one each `stride`
 * bytes. A negative one is none, or is passed over.
 */
__noinline int read_files(__u32 at, __u32 end, __u32 stride, __u64 tag)
{
	struct thread *thread = current_thread();
	__s32 descriptor;

	if (!thread || !has_files)
		return 0;
	tag = (tag & ~0xff00ULL) | SYSCALL_CAPTURE_FILE << 8;
	for (__u32 i = 0; i < SYSCALL_DESCRIPTORS; i++) {
		if (at + sizeof(descriptor) > end)
			break;
		descriptor = *(__s32 *)&thread->captures[bounded(
			at, sizeof(thread->captures) - sizeof(descriptor) + 1)];
		if (descriptor >= 0)
			read_one_file(descriptor, tag | (__u64)i << 24);
		at += stride;
	}
	return 0;
}

/* What begins with a descriptor each `stride` bytes, and their files. */
__noinline int read_list(__u64 address, __u64 size, __u64 limit, __u32 stride, __u64 tag)
{
	struct thread *thread = current_thread();
	__u32 at;

	if (!thread || !has_files)
		return true;
	at = thread->end;
	if (!read_memory(thread, address, size, limit, tag))
		return false;
	read_files(at + sizeof(struct syscall_capture), thread->end, stride, tag);
	return true;
}

/* Of the first control message that hands on descriptors. */
static __always_inline void read_rights(struct thread *thread, __u32 at, __u32 end, __u64 tag)
{
	struct control *control;
	__u64 size;

	for (__u32 i = 0; i < SYSCALL_CONTROLS; i++) {
		if (at + sizeof(*control) > end)
			return;
		control = (void *)&thread->captures[bounded(at, sizeof(thread->captures) -
									sizeof(*control) + 1)];
		size = control->size;
		if (size < sizeof(*control))
			return;
		if (size > end - at)
			size = end - at;
		if (control->level == SOL_SOCKET && control->type == SCM_RIGHTS) {
			read_files(at + sizeof(*control), at + size, sizeof(__s32), tag);
			return;
		}
		at += (size + 7) & ~7;
	}
}

/* `size` bytes of it are kept: what is behind a struct msghdr as well. */
__noinline int read_message(__u64 address, __u64 size, __u64 left, __u64 tag)
{
	struct thread *thread = current_thread();
	struct message message;
	__u32 at;

	if (!thread || !has_vectors)
		return true;

	if (!read_memory(thread, address, size, size, tag))
		return false;
	if (bpf_probe_read_user(&message, sizeof(message), (void *)address))
		return false;
	tag &= ~0xff00ULL;
	if (message.name && !read_memory(thread, message.name, message.name_size, 128,
					 tag | SYSCALL_CAPTURE_SIZED << 8))
		thread->missed = true;
	/* Before what -s can make long. */
	at = thread->end;
	if (message.control && message.control_size) {
		if (read_memory(thread, message.control, message.control_size, SYSCALL_CONTROL_SIZE,
				tag | SYSCALL_CAPTURE_SIZED << 8 | SYSCALL_CONTROL << 24))
			read_rights(thread, at + sizeof(struct syscall_capture), thread->end, tag);
		else
			thread->missed = true;
	}
	return read_vectors(message.vectors, message.vector_count, left, string_limit,
			    tag | SYSCALL_CAPTURE_IOVEC << 8);
}

/*
 * The next elements of a list from thread->left on, COUNT_STEP at most; -1: not readable. Two
 * functions: the verifier walks through each turn of a loop, but once through a function.
 */
__noinline int count_some(__u64 address, __u64 size, __u64 is_list)
{
	struct thread *thread = current_thread();
	__u64 word, at;
	int i;

	if (!thread || !has_counts)
		return 0;
	at = thread->left;
	for (i = 0; i < COUNT_STEP; i++) {
		if (at >= size)
			break;
		/* Of an entry d_reclen, which both kinds have behind two words, and what follows.
		 */
		if (bpf_probe_read_user(&word, sizeof(word),
					(void *)address + at + (is_list ? 0 : 16)))
			return -1;
		if (!word)
			break;
		at += is_list ? sizeof(word) : (__u16)word;
	}
	thread->left = at;
	return i;
}

/* Pointers before a NULL, or directory entries in `size` bytes. */
__noinline int count_elements(__u64 address, __u64 size, __u64 tag)
{
	bool is_list = (__u8)(tag >> 8) == SYSCALL_CAPTURE_POINTERS;
	struct thread *thread = current_thread();
	struct syscall_capture *capture;
	__u32 count = 0, flags = SYSCALL_CUT;
	int some;

	if (!thread || !has_counts)
		return true;
	thread->left = 0;
	for (__u32 i = 0; i < SYSCALL_COUNTED / COUNT_STEP; i++) {
		some = count_some(address, size, is_list);
		if (some < COUNT_STEP) {
			flags = some < 0 ? SYSCALL_FAULT : 0;
			count += some < 0 ? 0 : some;
			break;
		}
		count += COUNT_STEP;
	}
	capture = next_capture(thread);
	if (!capture)
		return true;
	*(__u32 *)(capture + 1) = count;
	end_capture(thread, capture, tag, flags, sizeof(count));
	return flags != SYSCALL_FAULT;
}

__noinline int read_strings(__u64 address, __u64 tag)
{
	struct thread *thread = current_thread();
	__u64 string;

	if (!thread || !has_strings)
		return true;

	for (__u32 i = 0; i < SYSCALL_STRINGS; i++) {
		if (bpf_probe_read_user(&string, sizeof(string), (void *)address + 8 * i))
			return i;
		if (!string) {
			/* An empty list is not one that could not be read. */
			if (!i)
				read_memory(thread, 0, 0, 0, tag | (__u64)SYSCALL_STRINGS << 24);
			return true;
		}
		read_one_string(string, tag | (__u64)i << 24);
	}
	/* One more says that there were more. */
	read_memory(thread, 0, 0, 0, tag | (__u64)SYSCALL_STRINGS << 24 | SYSCALL_CUT << 16);
	return true;
}

#endif
