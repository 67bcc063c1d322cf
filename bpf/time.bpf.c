// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * A ledger for each thread: at every change of state the time since the last
 * one is charged to the state that ends. Nothing is streamed.
 *
 * No lock is needed. A running thread's ledger is written on its own CPU; a
 * waiting one's under the lock of its run queue, which orders sched_wakeup
 * after the switch out and before the switch in. Interrupts write fields of
 * their own (ns[IRQ], ns[SOFTIRQ]), which charge() takes off by difference, so
 * that one that strikes in the middle of an update moves no time out of the sum.
 */
#include "common.bpf.h"
#include "time.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

/* Every thread of the machine, not the target's alone. */
const volatile bool everything = false;
/* New processes of a target are targets. */
const volatile bool follow = true;
/* Find a thread's slot in its task storage, not in a hash; typed current task (both 5.11). */
const volatile bool task_storage = true;
/* bpf_task_pt_regs() is there (5.15). */
const volatile bool registers_helper = true;
/* So many bytes of `ended` wake the reader: often enough that no slot is wanting. */
const volatile __u64 wakeup_bytes = 4096;
/* An enum time_syscall_class for each system call. */
const volatile __u8 syscall_classes[TIME_SYSCALLS] = {};

/* The PID that the launched program has; its ledger starts at its exec. */
__u32 launched_pid = 0;
/* Once the target's threads have been found, all that come are followed from their birth. */
bool found = false;
/* Threads of the target that found no free slot. */
__u64 untracked_threads = 0;
/* Threads that the iterator found. */
__u64 found_threads = 0;
/* Events that a ledger shows to be missing, as it was not in a state where they leave it. */
__u64 missed_switches = 0;
__u64 missed_wakeups = 0;
/* Runs of the programs: a cache line for each CPU. */
__u64 runs[TIME_CPUS][8] = {};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 2);
	__type(key, __u32);
	__type(value, struct time_thread);
} threads SEC(".maps");

/*
 * Free slots of `threads`, the last freed first: few pages are in use. 0 is
 * never among them: it means "no ledger".
 */
struct {
	__uint(type, BPF_MAP_TYPE_STACK);
	__uint(max_entries, 2);
	__uint(value_size, sizeof(__u32));
} free_slots SEC(".maps");

/* Slots of threads that ended. It has room for all of them. */
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

/* ---- Finding a ledger ---- */

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

static __always_inline struct time_thread *thread_in(__u32 slot)
{
	return slot ? bpf_map_lookup_elem(&threads, &slot) : NULL;
}

static __always_inline struct time_thread *thread_of(struct task_struct *task)
{
	return thread_in(slot_of(task));
}

static __always_inline void count_run(void)
{
	runs[bounded(bpf_get_smp_processor_id(), TIME_CPUS)][0]++;
}

/* 5.10 has no typed pointer to the current task. */
static __always_inline struct time_thread *current_thread(void)
{
	__u32 *slot, tid;

	count_run();
	if (task_storage)
		return thread_of(bpf_get_current_task_btf());
	tid = bpf_get_current_pid_tgid();
	slot = bpf_map_lookup_elem(&slot_of_tid, &tid);
	return slot ? thread_in(*slot) : NULL;
}

/* ---- Charging time ---- */

/* A moment of a thread: the time, and what interrupts had taken from it by then. */
struct instant {
	__u64 now;
	__u64 stolen;
};

static __always_inline __u64 stolen_from(struct time_thread *thread)
{
	return thread->ns[TIME_IRQ] + thread->ns[TIME_SOFTIRQ];
}

/*
 * Now, for a thread in whose midst an interrupt can strike: one between the two
 * readings would be taken off the state before it, to which it does not belong.
 */
static __always_inline struct instant instant(struct time_thread *thread)
{
	struct instant at = {.stolen = stolen_from(thread)};

	barrier();
	at.now = bpf_ktime_get_ns();
	barrier();
	/* Twice within 100 ns they do not come. */
	if (at.stolen != stolen_from(thread)) {
		at.stolen = stolen_from(thread);
		barrier();
		at.now = bpf_ktime_get_ns();
	}
	return at;
}

static __always_inline __u64 charge_until(struct time_thread *thread, struct instant at)
{
	__u64 ns = at.now - thread->since_ns - (at.stolen - thread->stolen_ns);

	thread->ns[bounded(thread->state, TIME_STATE_SLOTS)] += ns;
	thread->since_ns = at.now;
	thread->stolen_ns = at.stolen;
	return ns;
}

/* For a thread that no interrupt strikes: off the CPU, or with interrupts off. */
static __always_inline __u64 charge(struct time_thread *thread, __u64 now)
{
	return charge_until(thread, (struct instant){.now = now, .stolen = stolen_from(thread)});
}

/* Ends a wait: charges it, to the system call by number if it has no cause of its own. */
static __always_inline void charge_wait(struct time_thread *thread, __u64 now)
{
	__u64 ns = charge(thread, now);

	if (thread->state == TIME_BLOCKED_OTHER)
		thread->others[bounded(thread->other, TIME_OTHER_SLOTS)].ns += ns;
}

static __always_inline __u32 other_slot(struct time_thread *thread, __s32 syscall)
{
	/* An entry is taken where ns is 0 as well: then nothing has been charged to it. */
	for (int i = 0; i < TIME_OTHER_SLOTS - 1; i++) {
		struct time_other *other = &thread->others[i];

		if (other->ns && other->syscall != syscall)
			continue;
		other->syscall = syscall;
		return i;
	}
	/* The last one takes all that found no place. */
	thread->others[TIME_OTHER_SLOTS - 1].syscall = TIME_NO_SYSCALL - 1;
	return TIME_OTHER_SLOTS - 1;
}

static __always_inline void count_latency(struct time_thread *thread, __u64 ns)
{
	__u64 units = ns >> TIME_LATENCY_SHIFT;
	__u32 value = units > 0xffffffff ? 0xffffffff : units;
	__u32 octave = 0, rest = value, bucket;

	if (rest >> 16) {
		octave += 16;
		rest >>= 16;
	}
	if (rest >> 8) {
		octave += 8;
		rest >>= 8;
	}
	if (rest >> 4) {
		octave += 4;
		rest >>= 4;
	}
	if (rest >> 2) {
		octave += 2;
		rest >>= 2;
	}
	octave += rest >> 1;
	bucket = octave < 2 ? value : (octave - 1) * 4 + ((value >> (octave - 2)) & 3);
	thread->latency[bounded(bucket, TIME_LATENCY_BUCKETS)]++;
	if (ns > thread->latency_max_ns)
		thread->latency_max_ns = ns;
}

/* ---- What a thread is doing ---- */

/*
 * For a thread that was there before us, and is now in the kernel: in which
 * system call? Its first event tells what it did since it was seen first, as
 * any change between user and system would have been an event.
 */
static __always_inline void find_context(struct time_context *at, struct task_struct *task)
{
	struct pt_regs *registers;

	at->mode = TIME_SYSTEM;
	at->syscall = TIME_NO_SYSCALL;
	if (BPF_CORE_READ(task, flags) & PF_KTHREAD)
		return;
	if (registers_helper)
		registers = (struct pt_regs *)bpf_task_pt_regs(task);
	else
		registers = user_registers(task);
	/* Interrupts and exceptions leave a negative number there. */
	at->syscall = (long)BPF_CORE_READ(registers, orig_ax);
	at->argument = BPF_CORE_READ(registers, di);
	if (at->syscall < 0)
		at->mode = TIME_USER;
}

static __always_inline __u32 cause_of_descriptor(struct task_struct *task, __u64 number, bool write)
{
	enum {
		S_IFMT = 0170000,
		S_IFIFO = 0010000,
		S_IFDIR = 0040000,
		S_IFBLK = 0060000,
		S_IFREG = 0100000,
		S_IFSOCK = 0140000
	};
	struct files_struct *files = task->files;
	struct fdtable *table = files ? files->fdt : NULL;
	struct file *file = NULL;

	if (!table || number >= table->max_fds)
		return TIME_BLOCKED_OTHER;
	bpf_probe_read_kernel(&file, sizeof(file), &table->fd[number]);
	switch (BPF_CORE_READ(file, f_inode, i_mode) & S_IFMT) {
	case S_IFIFO:
		return write ? TIME_BLOCKED_PIPE_WRITE : TIME_BLOCKED_PIPE_READ;
	case S_IFSOCK:
		return TIME_BLOCKED_SOCKET;
	case S_IFREG:
	case S_IFDIR:
	case S_IFBLK:
		return TIME_BLOCKED_FILE;
	default:
		return TIME_BLOCKED_OTHER;
	}
}

/*
 * The kernel can fail to deliver an event, above all while another tracer
 * attaches to the same tracepoint or goes. A ledger knows: the thread cannot be
 * in the state that it is in. What it did since is unattributed, not a guess.
 */
static __always_inline void miss_switch(struct time_thread *thread, struct instant at)
{
	thread->state = TIME_UNATTRIBUTED;
	charge_until(thread, at);
	increment(missed_switches);
}

/* For an event of a thread that is on a CPU: what was it doing until now? */
static __always_inline void settle(struct time_thread *thread, __u32 mode, struct instant at)
{
	if (thread->state <= TIME_FAULT)
		return;
	/* A first event tells what a thread did since it was found. */
	if (thread->state != TIME_UNATTRIBUTED)
		miss_switch(thread, at);
	thread->state = mode;
}

/* Why does a thread wait? From the system call under way and what is behind its descriptor. */
static __always_inline __u32 cause_of_wait(const struct time_context *at, struct task_struct *task,
					   long state)
{
	if (state & TASK_STOPPED_OR_TRACED)
		return TIME_BLOCKED_STOPPED;
	if (at->mode == TIME_FAULT)
		return TIME_BLOCKED_PAGE_FAULT;
	if (at->mode == TIME_USER)
		return TIME_BLOCKED_PAGE_FAULT;
	if (BPF_CORE_READ_BITFIELD(task, in_iowait))
		return TIME_BLOCKED_FILE;
	if (task->flags & PF_KTHREAD)
		return TIME_BLOCKED_KERNEL_THREAD;
	/* A 32-bit call has other numbers. */
	if (at->syscall < 0 || task->thread_info.status & TS_COMPAT)
		return TIME_BLOCKED_OTHER;
	switch (syscall_classes[bounded(at->syscall, TIME_SYSCALLS)]) {
	case TIME_CLASS_FUTEX:
		return TIME_BLOCKED_FUTEX;
	case TIME_CLASS_SOCKET:
		return TIME_BLOCKED_SOCKET;
	case TIME_CLASS_POLL:
		return TIME_BLOCKED_POLL;
	case TIME_CLASS_SLEEP:
		return TIME_BLOCKED_SLEEP;
	case TIME_CLASS_CHILD:
		return TIME_BLOCKED_CHILD;
	case TIME_CLASS_FILE:
		return TIME_BLOCKED_FILE;
	case TIME_CLASS_READ:
		return cause_of_descriptor(task, at->argument, false);
	case TIME_CLASS_WRITE:
		return cause_of_descriptor(task, at->argument, true);
	default:
		return TIME_BLOCKED_OTHER;
	}
}

/* ---- The life of a ledger ---- */

static __always_inline void read_counts(struct task_struct *task, struct time_kernel_counts *counts)
{
	counts->minor_faults = BPF_CORE_READ(task, min_flt);
	counts->major_faults = BPF_CORE_READ(task, maj_flt);
	counts->migrations = BPF_CORE_READ(task, se.nr_migrations);
	counts->utime_ns = BPF_CORE_READ(task, utime);
	counts->stime_ns = BPF_CORE_READ(task, stime);
	counts->runtime_ns = BPF_CORE_READ(task, se.sum_exec_runtime);
}

static __always_inline void identify(struct time_thread *thread, struct task_struct *task)
{
	struct task_struct *leader = BPF_CORE_READ(task, group_leader);

	thread->tid = observed_pid(task);
	thread->pid = observed_pid(leader);
	thread->parent_pid = observed_pid(BPF_CORE_READ(task, real_parent, group_leader));
	thread->process_start_ns = BPF_CORE_READ(leader, start_time);
	bpf_core_read(&thread->command, sizeof(thread->command), &task->comm);
}

/* Gives a thread a ledger; its slot, or 0 when there is none left. */
static __always_inline __u32 track(struct task_struct *task, __u32 state, __u64 now)
{
	struct time_thread *thread;
	__u32 slot = 0, tid;

	if (bpf_map_pop_elem(&free_slots, &slot) || !(thread = thread_in(slot)))
		return 0;
	thread->state = state;
	thread->at.mode = state;
	thread->at.syscall = TIME_NO_SYSCALL;
	identify(thread, task);
	read_counts(task, &thread->at_first);
	thread->counts = thread->at_first;
	thread->first_ns = now;
	thread->since_ns = now;
	thread->life = TIME_ALIVE;
	if (task_storage) {
		if (bpf_task_storage_get(&slot_of_task, task, &slot,
					 BPF_LOCAL_STORAGE_GET_F_CREATE))
			return slot;
	} else {
		tid = BPF_CORE_READ(task, pid);
		if (!bpf_map_update_elem(&slot_of_tid, &tid, &slot, BPF_ANY))
			return slot;
	}
	thread->life = TIME_FREE;
	bpf_map_push_elem(&free_slots, &slot, 0);
	return 0;
}

static __always_inline void end(struct time_thread *thread, struct task_struct *task, __u32 slot)
{
	__u32 *record, tid = task->pid;

	read_counts(task, &thread->counts);
	thread->life = TIME_ENDED;
	if (!task_storage)
		bpf_map_delete_elem(&slot_of_tid, &tid);
	record = bpf_ringbuf_reserve(&ended, sizeof(*record), 0);
	if (!record)
		return;
	*record = slot;
	bpf_ringbuf_submit(record, bpf_ringbuf_query(&ended, BPF_RB_AVAIL_DATA) >= wakeup_bytes
					   ? BPF_RB_FORCE_WAKEUP
					   : BPF_RB_NO_WAKEUP);
}

/* ---- The scheduler ---- */

static __always_inline void leave_cpu(struct time_thread *thread, struct task_struct *task,
				      bool preempt, __u32 slot, __u64 now)
{
	long state = task_state(task);

	if (thread->state > TIME_FAULT) {
		find_context(&thread->at, task);
		settle(thread, thread->at.mode, (struct instant){now, stolen_from(thread)});
	}
	charge(thread, now);
	if (state & TASK_DEAD) {
		end(thread, task, slot);
		return;
	}
	thread->at.mode = thread->state;
	if (preempt || !state) {
		thread->involuntary_switches++;
		thread->state = TIME_PREEMPTED;
		return;
	}
	thread->voluntary_switches++;
	thread->state = cause_of_wait(&thread->at, task, state);
	if (thread->state == TIME_BLOCKED_OTHER)
		thread->other = other_slot(thread, thread->at.syscall);
}

static __always_inline void enter_cpu(struct time_thread *thread, struct task_struct *task,
				      __u64 now)
{
	switch (thread->state) {
	case TIME_PREEMPTED:
	case TIME_WOKEN:
		count_latency(thread, now - thread->since_ns);
		break;
	case TIME_UNATTRIBUTED:
		find_context(&thread->at, task);
		break;
	case TIME_USER:
	case TIME_SYSTEM:
	case TIME_FAULT:
		miss_switch(thread, (struct instant){now, stolen_from(thread)});
		find_context(&thread->at, task);
		break;
	default:
		increment(missed_wakeups);
	}
	charge_wait(thread, now);
	thread->state = thread->at.mode;
}

SEC("tp_btf/sched_switch")
int BPF_PROG(sched_switch, bool preempt, struct task_struct *prev, struct task_struct *next)
{
	__u64 now = bpf_ktime_get_ns();
	struct time_thread *thread;
	__u32 slot = slot_of(prev);

	count_run();
	thread = thread_in(slot);
	if (thread)
		leave_cpu(thread, prev, preempt, slot, now);
	thread = thread_of(next);
	if (thread)
		enter_cpu(thread, next, now);
	return 0;
}

SEC("tp_btf/sched_wakeup")
int BPF_PROG(sched_wakeup, struct task_struct *task)
{
	struct time_thread *thread = thread_of(task);

	count_run();
	if (!thread)
		return 0;
	if (thread->state == TIME_UNATTRIBUTED && !is_on_cpu(task)) {
		/* Its first event is the end of a wait, so it waited all the time. */
		find_context(&thread->at, task);
		thread->state = cause_of_wait(&thread->at, task, 0);
		if (thread->state == TIME_BLOCKED_OTHER)
			thread->other = other_slot(thread, thread->at.syscall);
	}
	/* A thread that was woken on its way to sleep is on the CPU still. */
	if (thread->state < TIME_BLOCKED_FUTEX)
		return 0;
	charge_wait(thread, bpf_ktime_get_ns());
	thread->state = TIME_WOKEN;
	return 0;
}

/* Follows a child of the target. False: there is no room for it. */
static __always_inline bool adopt(struct task_struct *child)
{
	__u32 process = bpf_get_current_pid_tgid() >> 32;
	struct time_thread *thread;

	if (!everything && (!current_thread() || (!follow && (__u32)child->tgid != process)))
		return true;
	thread = thread_in(track(child, TIME_WOKEN, bpf_ktime_get_ns()));
	/* It comes to life in the kernel, and leaves its parent's clone() like a system call. */
	if (thread)
		thread->at.mode = TIME_SYSTEM;
	return thread;
}

SEC("tp_btf/sched_process_fork")
int BPF_PROG(sched_process_fork, struct task_struct *parent, struct task_struct *child)
{
	adopt(child);
	return 0;
}

/* Some microseconds later, still in the parent: a birth that was not told is made good here. */
SEC("tp_btf/sched_wakeup_new")
int BPF_PROG(sched_wakeup_new, struct task_struct *child)
{
	if (!slot_of(child) && !adopt(child))
		increment(untracked_threads);
	return 0;
}

SEC("tp_btf/sched_process_exec")
int BPF_PROG(sched_process_exec, struct task_struct *task, int old_pid)
{
	__u32 *moved, slot, tid = task->pid, old = old_pid;
	struct time_thread *thread;

	/* A thread that is not the leader takes the leader's number. */
	if (!task_storage && old != tid && (moved = bpf_map_lookup_elem(&slot_of_tid, &old))) {
		slot = *moved;
		bpf_map_delete_elem(&slot_of_tid, &old);
		bpf_map_update_elem(&slot_of_tid, &tid, &slot, BPF_ANY);
	}
	thread = thread_of(task);
	if (thread) {
		identify(thread, task);
		return 0;
	}
	if (!launched_pid || observed_pid(task) != launched_pid)
		return 0;
	launched_pid = 0;
	if (!track(task, TIME_SYSTEM, bpf_ktime_get_ns()))
		increment(untracked_threads);
	return 0;
}

SEC("tp_btf/task_rename")
int BPF_PROG(task_rename, struct task_struct *task, const char *command)
{
	struct time_thread *thread = thread_of(task);

	if (thread)
		bpf_probe_read_kernel_str(&thread->command, sizeof(thread->command), command);
	return 0;
}

/* ---- Between user and kernel ---- */

SEC("tp_btf/sys_enter")
int BPF_PROG(sys_enter, struct pt_regs *registers, long number)
{
	struct time_thread *thread = current_thread();
	struct instant at;

	if (!thread)
		return 0;
	at = instant(thread);
	settle(thread, TIME_USER, at);
	charge_until(thread, at);
	thread->state = TIME_SYSTEM;
	thread->at.syscall = number;
	thread->at.argument = registers->di;
	thread->syscalls++;
	return 0;
}

SEC("tp_btf/sys_exit")
int BPF_PROG(sys_exit)
{
	struct time_thread *thread = current_thread();
	struct instant at;

	if (!thread)
		return 0;
	at = instant(thread);
	settle(thread, TIME_SYSTEM, at);
	charge_until(thread, at);
	thread->state = TIME_USER;
	thread->at.syscall = TIME_NO_SYSCALL;
	return 0;
}

SEC("fentry/handle_mm_fault")
int BPF_PROG(fault_enter)
{
	struct time_thread *thread = current_thread();

	if (!thread || thread->state > TIME_SYSTEM)
		return 0;
	charge_until(thread, instant(thread));
	thread->faulted = thread->state;
	thread->state = TIME_FAULT;
	return 0;
}

SEC("fexit/handle_mm_fault")
int BPF_PROG(fault_exit)
{
	struct time_thread *thread = current_thread();

	if (!thread || thread->state != TIME_FAULT)
		return 0;
	charge_until(thread, instant(thread));
	thread->state = thread->faulted;
	return 0;
}

/* ---- Interrupts ---- */

/*
 * A thread that computes and is never preempted has no other event: the first
 * interrupt tells whether it strikes user code or a system call.
 */
static __always_inline struct time_thread *interrupted_thread(void)
{
	struct time_thread *thread = current_thread();

	if (thread && thread->state > TIME_FAULT) {
		if (task_storage)
			find_context(&thread->at, bpf_get_current_task_btf());
		else
			find_context(&thread->at, (struct task_struct *)bpf_get_current_task());
		settle(thread, thread->at.mode, instant(thread));
	}
	return thread;
}

static __always_inline void irq_enter(void)
{
	struct time_thread *thread = interrupted_thread();

	if (thread)
		thread->irq_start_ns = bpf_ktime_get_ns();
}

static __always_inline void irq_exit(void)
{
	struct time_thread *thread = current_thread();

	/* 0: it began before the first event of this thread. */
	if (!thread || !thread->irq_start_ns)
		return;
	thread->ns[TIME_IRQ] += bpf_ktime_get_ns() - thread->irq_start_ns;
	thread->irq_start_ns = 0;
}

SEC("tp_btf/softirq_entry")
int BPF_PROG(softirq_entry)
{
	struct time_thread *thread = interrupted_thread();

	if (!thread)
		return 0;
	thread->softirq_start_ns = bpf_ktime_get_ns();
	thread->softirq_irq_ns = thread->ns[TIME_IRQ];
	return 0;
}

SEC("tp_btf/softirq_exit")
int BPF_PROG(softirq_exit)
{
	struct time_thread *thread = current_thread();

	if (!thread || !thread->softirq_start_ns)
		return 0;
	/* Less the interrupts that struck within. */
	thread->ns[TIME_SOFTIRQ] += bpf_ktime_get_ns() - thread->softirq_start_ns -
				    (thread->ns[TIME_IRQ] - thread->softirq_irq_ns);
	thread->softirq_start_ns = 0;
	return 0;
}

#define INTERRUPT(name, entry, exit)                                                               \
	SEC("tp_btf/" #entry) int BPF_PROG(entry)                                                  \
	{                                                                                          \
		irq_enter();                                                                       \
		return 0;                                                                          \
	}                                                                                          \
	SEC("tp_btf/" #exit) int BPF_PROG(exit)                                                    \
	{                                                                                          \
		irq_exit();                                                                        \
		return 0;                                                                          \
	}

INTERRUPT(device, irq_handler_entry, irq_handler_exit)
INTERRUPT(timer, local_timer_entry, local_timer_exit)
INTERRUPT(reschedule, reschedule_entry, reschedule_exit)
INTERRUPT(call_function, call_function_entry, call_function_exit)
INTERRUPT(call_function_single, call_function_single_entry, call_function_single_exit)
INTERRUPT(irq_work, irq_work_entry, irq_work_exit)

/* ---- Threads that were there before us ---- */

/*
 * Run for each task of the observer's PID namespace, once to find the target's
 * threads and again before each report, to bring up to date what only the
 * kernel knows of them. It writes the slots of those that live.
 */
SEC("iter/task")
int visit(struct bpf_iter__task *context)
{
	struct task_struct *task = context->task;
	struct time_thread *thread;
	struct time_context at = {};
	__u32 pid, slot;

	if (!task || !BPF_CORE_READ(task, pid))
		return 0;
	slot = slot_of(task);
	if (!slot) {
		if (found)
			return 0;
		pid = observed_pid(BPF_CORE_READ(task, group_leader));
		if (!everything && !bpf_map_lookup_elem(&targets, &pid))
			return 0;
		slot = track(task, TIME_UNATTRIBUTED, bpf_ktime_get_ns());
		if (slot)
			increment(found_threads);
		else
			increment(untracked_threads);
	}
	thread = thread_in(slot);
	if (!thread)
		return 0;
	/* A zombie's slot can have gone to another thread. */
	if (thread->life != TIME_ALIVE || thread->tid != observed_pid(task))
		return 0;
	bpf_seq_write(context->meta->seq, &slot, sizeof(slot));
	read_counts(task, &thread->counts);
	/*
	 * Whether it is still in its run queue says nothing: since 6.12 sleepers can be. A thread
	 * that was preempted on its way to sleep is taken for a sleeper, for as long as it is not
	 * run.
	 */
	if (thread->state != TIME_UNATTRIBUTED || is_on_cpu(task) || !task_state(task))
		return 0;
	/* No event since it was found: it has waited all the time. */
	find_context(&at, task);
	thread->blocked_syscall = at.syscall;
	thread->blocked_in = cause_of_wait(&at, task, task_state(task));
	return 0;
}
