/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* A thread that is observed: its call under way, with what has been captured of it; and the ring.
 */
#ifndef APUS_SYSCALLS_THREAD_H
#define APUS_SYSCALLS_THREAD_H

#include "common.bpf.h"
#include "syscalls.h"
#include "wakeup.bpf.h"

/* Threads by their task, not by number; typed current task (both 5.11). */
const volatile bool task_storage = true;
/* Sum, and write no records. */
const volatile bool summary = false;
/* So many stop the process that writes them; 0: none does. */
const volatile __u64 stop_bytes = 0;

/* Whether the rules have captures of these kinds at all: what is not needed is not verified. */
const volatile bool has_rules = true;
const volatile bool has_files = true;
const volatile bool has_strings = true;
const volatile bool has_vectors = true;
const volatile bool has_counts = true;
/*
 * The number of struct file among the kernel's types, where the verifier knows bpf_rdonly_cast()
 * (6.2): fields are read by an instruction, not by a helper. Else 0.
 */
const volatile __u32 file_type = 0;

enum thread_state {
	/* A call is under way, and wanted. */
	THREAD_IN_CALL = 1 << 0,
	/* Its entry was not seen. */
	THREAD_LATE = 1 << 1,
	/* It belongs to the target once it has executed the program. */
	THREAD_NOT_YET = 1 << 2,
	/* A path of the call under way is one of the patterns. */
	THREAD_MATCHED = 1 << 3,
};

/* By what a path is known again. Memory is reused: an address alone would not do. */
struct name_key {
	__u64 dentry;
	__u64 parent;
	__u64 mount;
	/* Of the name. */
	__u64 hash_len;
	__u64 epoch;
};

/* A file that the thread used lately. */
struct recent_file {
	struct name_key key;
	__u32 path;
	__u32 mode;
	__u64 inode;
};

struct thread {
	/* By descriptor. */
	struct recent_file recent[4];
	/* Of the call under way: asleep, runnable without a CPU; when the one or the other began.
	 */
	__u64 blocked_ns;
	__u64 runnable_ns;
	__u64 off_cpu_ns;
	/* Bytes of an iovec that are still to be told of; here, as the verifier follows no memory.
	   Of a call that tells by an int how much it wrote, what that said at entry: the room. */
	__u64 left;
	/* Records lost since the last one that was written. */
	__u64 lost;
	__u32 state;
	/* Where the next capture goes. */
	__u32 end;
	/* By its bit: rules whose memory could not be read at entry. */
	__u32 faulted;
	/* What a pointer within a structure leads to could not be read. */
	__u16 missed;
	__u16 is_blocked;
	struct syscall_record record;
	/* The last one can begin just below the limit. */
	__u8 captures[SYSCALL_CAPTURES_SIZE + sizeof(struct syscall_capture) +
		      SYSCALL_CAPTURE_SIZE];
};

struct {
	__uint(type, BPF_MAP_TYPE_TASK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, struct thread);
} thread_of_task SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct thread);
} thread_of_tid SEC(".maps");

/* What a new entry of the hash begins as. */
struct thread blank = {};

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 4096);
} events SEC(".maps");

struct syscall_cpu cpus[SYSCALL_CPUS] = {};
/* Threads of the target for which there was no memory. */
__u64 untracked_threads = 0;

static __always_inline struct syscall_cpu *this_cpu(void)
{
	return &cpus[bounded(bpf_get_smp_processor_id(), SYSCALL_CPUS)];
}

static __always_inline struct thread *thread_of(struct task_struct *task)
{
	__u32 tid;

	if (task_storage)
		return bpf_task_storage_get(&thread_of_task, task, 0, 0);
	tid = task->pid;
	return bpf_map_lookup_elem(&thread_of_tid, &tid);
}

static __always_inline struct thread *current_thread(void)
{
	__u32 tid;

	if (task_storage)
		return bpf_task_storage_get(&thread_of_task, bpf_get_current_task_btf(), 0, 0);
	/* 5.10 has no typed pointer to the current task. */
	tid = bpf_get_current_pid_tgid();
	return bpf_map_lookup_elem(&thread_of_tid, &tid);
}

static __always_inline void identify(struct thread *thread, struct task_struct *task)
{
	thread->record.tid = observed_pid(task);
	thread->record.pid = observed_pid(BPF_CORE_READ(task, group_leader));
}

/* Observes a thread from now on. NULL: there is no memory for it, which is counted. */
static __always_inline struct thread *track(struct task_struct *task)
{
	struct thread *thread;
	__u32 tid;

	if (task_storage) {
		thread = bpf_task_storage_get(&thread_of_task, task, 0,
					      BPF_LOCAL_STORAGE_GET_F_CREATE);
	} else {
		tid = BPF_CORE_READ(task, pid);
		bpf_map_update_elem(&thread_of_tid, &tid, &blank, BPF_NOEXIST);
		thread = bpf_map_lookup_elem(&thread_of_tid, &tid);
	}
	if (thread)
		identify(thread, task);
	else
		increment(untracked_threads);
	return thread;
}

static __always_inline bool is_compat(void)
{
	struct task_struct *task;

	if (task_storage) {
		task = bpf_get_current_task_btf();
		return task->thread_info.status & TS_COMPAT;
	}
	task = (void *)bpf_get_current_task();
	return BPF_CORE_READ(task, thread_info.status) & TS_COMPAT;
}

/* Writes the thread's record, of the call under way or another that takes its place. */
static __always_inline bool write_record(struct thread *thread, __u32 size)
{
	/* Not for each: a quarter of the ring has room for thousands. */
	__u64 waiting = 0;

	if (!(++this_cpu()->written % 16))
		waiting = bpf_ringbuf_query(&events, BPF_RB_AVAIL_DATA);
	thread->record.size = size;
	thread->record.lost = thread->lost;
	size = bounded(size, sizeof(struct syscall_record) + sizeof(thread->captures) + 1);
	if (bpf_ringbuf_output(&events, &thread->record, size, wakeup_flags(waiting))) {
		thread->lost++;
		/* Nobody was woken by it. */
		is_woken = false;
		return false;
	}
	thread->lost = 0;
	return true;
}

#endif
