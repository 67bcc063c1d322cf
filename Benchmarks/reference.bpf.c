// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * What to measure Apus against: the least that tells user from system time,
 * and on-CPU from off-CPU time, of each thread of a target. Sums are kept in
 * task storage; a thread is of the target if it has one. Nothing else is on
 * the hot path. `calls` are the programs with sys_ in their names, `switches`
 * are those and the scheduler's.
 */
// The first, as the others use its types.
#include <linux/bpf.h>

#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

char LICENSE[] SEC("license") = "Dual BSD/GPL";

struct task_struct {
    unsigned int __state;
} __attribute__((preserve_access_index));

enum state { USER, SYSTEM, BLOCKED, RUNNABLE, STATES };

struct thread {
    __u64 since_ns;
    __u64 state;
    __u64 ns[STATES];
    __u64 syscalls;
    __u64 switches;
};

struct {
    __uint(type, BPF_MAP_TYPE_TASK_STORAGE);
    __uint(map_flags, BPF_F_NO_PREALLOC);
    __type(key, int);
    __type(value, struct thread);
} threads SEC(".maps");

/* The sums of threads that ended. */
struct thread total = {};

static __always_inline struct thread *thread_of(struct task_struct *task) {
    return bpf_task_storage_get(&threads, task, 0, 0);
}

static __always_inline void charge(struct thread *thread, enum state next, __u64 now) {
    thread->ns[thread->state & (STATES - 1)] += now - thread->since_ns;
    thread->since_ns = now;
    thread->state = next;
}

SEC("tp_btf/sys_enter")
int BPF_PROG(sys_enter) {
    struct thread *thread = thread_of(bpf_get_current_task_btf());

    if (!thread)
        return 0;
    charge(thread, SYSTEM, bpf_ktime_get_ns());
    thread->syscalls++;
    return 0;
}

SEC("tp_btf/sys_exit")
int BPF_PROG(sys_exit) {
    struct thread *thread = thread_of(bpf_get_current_task_btf());

    if (thread)
        charge(thread, USER, bpf_ktime_get_ns());
    return 0;
}

SEC("tp_btf/sched_switch")
int BPF_PROG(sched_switch, _Bool preempt, struct task_struct *prev, struct task_struct *next) {
    __u64 now = bpf_ktime_get_ns();
    struct thread *thread = thread_of(prev);

    if (thread) {
        charge(thread, preempt || !prev->__state ? RUNNABLE : BLOCKED, now);
        thread->switches++;
    }
    thread = thread_of(next);
    if (thread)
        charge(thread, SYSTEM, now);
    return 0;
}

SEC("tp_btf/sched_wakeup")
int BPF_PROG(sched_wakeup, struct task_struct *task) {
    struct thread *thread = thread_of(task);

    if (thread && thread->state == BLOCKED)
        charge(thread, RUNNABLE, bpf_ktime_get_ns());
    return 0;
}

/* The children of the target are of the target. */
SEC("tp_btf/sched_process_fork")
int BPF_PROG(sched_process_fork, struct task_struct *parent, struct task_struct *child) {
    struct thread first = {.since_ns = bpf_ktime_get_ns(), .state = RUNNABLE};

    if (thread_of(parent))
        bpf_task_storage_get(&threads, child, &first, BPF_LOCAL_STORAGE_GET_F_CREATE);
    return 0;
}

SEC("tp_btf/sched_process_exit")
int BPF_PROG(sched_process_exit, struct task_struct *task) {
    struct thread *thread = thread_of(task);

    if (!thread)
        return 0;
    for (int i = 0; i < STATES; i++)
        __sync_fetch_and_add(&total.ns[i], thread->ns[i]);
    __sync_fetch_and_add(&total.syscalls, thread->syscalls);
    __sync_fetch_and_add(&total.switches, thread->switches);
    return 0;
}

/* What it costs that there are programs at all. */
SEC("tp_btf/sys_enter")
int BPF_PROG(empty_enter) { return 0; }

SEC("tp_btf/sys_exit")
int BPF_PROG(empty_exit) { return 0; }

/* The least that can tell how long a call took: the clock, read at each end. */
__u64 clock_ns = 0;

SEC("tp_btf/sys_enter")
int BPF_PROG(clock_enter) {
    clock_ns = bpf_ktime_get_ns();
    return 0;
}

SEC("tp_btf/sys_exit")
int BPF_PROG(clock_exit) {
    clock_ns = bpf_ktime_get_ns();
    return 0;
}
