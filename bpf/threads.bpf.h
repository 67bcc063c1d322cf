/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The threads of a target: which slot of the array `threads` each has, which
 * are sought, how they are found again, how they end.
 *
 * Before this is included THREAD is the type of a slot's value, which has the
 * fields that open_thread() fills; CPU that of what a CPU keeps, with `runs` and
 * `slot`.
 */
#ifndef APUS_THREADS_BPF_H
#define APUS_THREADS_BPF_H

#include "common.bpf.h"
#include "threads.h"
#include "wakeup.bpf.h"

/* Every thread of the machine, not the target's alone. */
const volatile bool everything = false;
/* New processes of a target are targets. */
const volatile bool follow = true;
/* Find a thread's slot in its task storage, not in a hash; typed current task (both 5.11). */
const volatile bool task_storage = true;

CPU cpus[THREAD_CPUS] = {};

/* The PID that the launched program has; it is observed from its exec. */
__u32 launched_pid = 0;
/* Once the target's threads have been found, all that come are followed from their birth. */
bool found = false;
/* Threads of the target that found no free slot. */
__u64 untracked_threads = 0;
/* Threads that the iterator found. */
__u64 found_threads = 0;
/* Slots from 1 to this have never been free. */
__u32 unused_slots = 0;

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 2);
	__type(key, __u32);
	__type(value, THREAD);
} threads SEC(".maps");

/*
 * Free slots of `threads`, the last freed first: few pages are in use. 0 is
 * never among them: it means "none".
 */
struct {
	__uint(type, BPF_MAP_TYPE_STACK);
	__uint(max_entries, 2);
	__uint(value_size, sizeof(__u32));
} free_slots SEC(".maps");

/* Slots of threads that ended. It has room for all of them; the reader is woken often enough that
 * no slot is wanting. */
struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 4096);
} ended SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_TASK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, __u32);
} slot_of_task SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 2);
	__type(key, __u32);
	__type(value, __u32);
} slot_of_tid SEC(".maps");

/* The processes to observe, for the iterator. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1024);
	__type(key, __u32);
	__type(value, __u8);
} targets SEC(".maps");

/* ---- Before all ---- */

/* Not attached, but called: puts slots on the stack of free ones, the last first, so many a call.
 */
SEC("raw_tp")
int fill(void *context)
{
	__u32 slot;

	for (int i = 0; i < 32; i++) {
		slot = unused_slots;
		if (!slot || bpf_map_push_elem(&free_slots, &slot, 0))
			return 0;
		unused_slots = slot - 1;
	}
	return 0;
}

/* ---- Finding a thread ---- */

static __always_inline __u32 slot_of(struct task_struct *task)
{
	__u32 *slot, tid;

	if (task_storage) {
		slot = bpf_task_storage_get(&slot_of_task, task, 0, 0);
	} else {
		tid = task->pid;
		slot = bpf_map_lookup_elem(&slot_of_tid, &tid);
	}
	return slot ? *slot : 0;
}

static __always_inline THREAD *thread_in(__u32 slot)
{
	return slot ? bpf_map_lookup_elem(&threads, &slot) : NULL;
}

static __always_inline THREAD *thread_of(struct task_struct *task)
{
	return thread_in(slot_of(task));
}

/* Counts a run of a program. */
static __always_inline CPU *this_cpu(void)
{
	CPU *cpu = &cpus[bounded(bpf_get_smp_processor_id(), THREAD_CPUS)];

	cpu->runs++;
	return cpu;
}

/* What the current thread has, looked up. */
static __always_inline THREAD *find_current(CPU *cpu)
{
	struct task_struct *task;
	__u32 *slot, tid, found_slot;

	if (task_storage) {
		task = bpf_get_current_task_btf();
		found_slot = slot_of(task);
	} else {
		/* 5.10 has no typed pointer to the current task. */
		tid = bpf_get_current_pid_tgid();
		slot = bpf_map_lookup_elem(&slot_of_tid, &tid);
		found_slot = slot ? *slot : 0;
	}
	/* Not read again: an interrupt may have found another meanwhile. */
	cpu->slot = found_slot;
	return thread_in(found_slot);
}

/*
 * What the current thread has. Task storage takes longer than all the rest of a
 * small program, so the last slot found is tried first. It is right if what lies
 * there says that it is this task's: no event has to be seen for that.
 */
static __always_inline THREAD *current_thread(void)
{
	CPU *cpu = this_cpu();
	struct task_struct *task;
	THREAD *thread;

	if (task_storage) {
		task = bpf_get_current_task_btf();
		thread = thread_in(cpu->slot);
		if (thread && thread->task == (__u64)task &&
		    thread->task_start_ns == task->start_time)
			return thread;
	}
	return find_current(cpu);
}

/*
 * The same in a system call, without a helper's call, which where returns are
 * guarded against speculation costs as much as the rest. The registers lie at
 * the top of the thread's stack, which no other thread has while this one lives;
 * and of one whose end was not told the slot is forgotten at the next switch,
 * where sched_switch sets it.
 */
static __always_inline THREAD *calling_thread(struct pt_regs *registers)
{
	CPU *cpu = this_cpu();
	THREAD *thread = thread_in(cpu->slot);

	if (thread && thread->registers == (__u64)registers)
		return thread;
	thread = find_current(cpu);
	if (thread)
		thread->registers = (__u64)registers;
	return thread;
}

/* ---- Which are observed ---- */

/* Whether a child of the current thread is followed. */
static __always_inline bool is_followed(struct task_struct *child)
{
	__u32 process = bpf_get_current_pid_tgid() >> 32;

	if (everything) {
		this_cpu();
		return true;
	}
	return current_thread() && (follow || (__u32)child->tgid == process);
}

/* Whether the iterator, at its first run, is to find this thread. */
static __always_inline bool is_sought(struct task_struct *task)
{
	__u32 pid;

	/* A zombie does nothing any more, and waits for nothing. */
	if (found || BPF_CORE_READ(task, exit_state))
		return false;
	pid = observed_pid(BPF_CORE_READ(task, group_leader));
	return everything || bpf_map_lookup_elem(&targets, &pid);
}

/* ---- A thread's life ---- */

static __always_inline void identify(THREAD *thread, struct task_struct *task)
{
	struct task_struct *leader = BPF_CORE_READ(task, group_leader);

	thread->task = (__u64)task;
	thread->task_start_ns = BPF_CORE_READ(task, start_time);
	thread->tid = observed_pid(task);
	thread->pid = observed_pid(leader);
	thread->parent_pid = observed_pid(BPF_CORE_READ(task, real_parent, group_leader));
	thread->process_start_ns = BPF_CORE_READ(leader, start_time);
	bpf_core_read(&thread->command, sizeof(thread->command), &task->comm);
}

/* A slot for a thread; 0 when there is none left. */
static __always_inline __u32 free_slot(void)
{
	__u32 slot = 0;

	return bpf_map_pop_elem(&free_slots, &slot) ? 0 : slot;
}

/* Has a thread found in its slot from now on; the slot, or 0 where that cannot be. */
static __always_inline __u32 open_thread(THREAD *thread, struct task_struct *task, __u32 slot)
{
	__u32 tid;

	identify(thread, task);
	thread->life = THREAD_ALIVE;
	if (task_storage) {
		if (bpf_task_storage_get(&slot_of_task, task, &slot,
					 BPF_LOCAL_STORAGE_GET_F_CREATE))
			return slot;
	} else {
		tid = BPF_CORE_READ(task, pid);
		if (!bpf_map_update_elem(&slot_of_tid, &tid, &slot, BPF_ANY))
			return slot;
	}
	thread->life = THREAD_FREE;
	bpf_map_push_elem(&free_slots, &slot, 0);
	return 0;
}

/* A thread that executes a program takes the number of its process's leader. */
static __always_inline void renumber(struct task_struct *task, __u32 old)
{
	__u32 *moved, slot, tid = task->pid;

	if (task_storage || old == tid || !(moved = bpf_map_lookup_elem(&slot_of_tid, &old)))
		return;
	slot = *moved;
	bpf_map_delete_elem(&slot_of_tid, &old);
	bpf_map_update_elem(&slot_of_tid, &tid, &slot, BPF_ANY);
}

static __always_inline void close_thread(THREAD *thread, struct task_struct *task, __u32 slot)
{
	__u32 *record, tid = task->pid;

	thread->life = THREAD_ENDED;
	thread->registers = 0;
	if (!task_storage)
		bpf_map_delete_elem(&slot_of_tid, &tid);
	record = bpf_ringbuf_reserve(&ended, sizeof(*record), 0);
	if (!record)
		return;
	*record = slot;
	bpf_ringbuf_submit(record, wakeup_flags(bpf_ringbuf_query(&ended, BPF_RB_AVAIL_DATA)));
}

#endif
