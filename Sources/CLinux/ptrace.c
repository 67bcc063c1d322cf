// SPDX-License-Identifier: Apache-2.0
#define _GNU_SOURCE
#include "CLinux.h"

#include <errno.h>
#include <linux/audit.h>
#include <stddef.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

// Of this thread, as tracing is a thread's own affair.
static _Thread_local volatile sig_atomic_t is_due;
static _Thread_local int tick_depth;
static _Thread_local timer_t timer;
static _Thread_local struct sigaction action_before;
static _Thread_local sigset_t mask_before;

long apus_ptrace(enum __ptrace_request request, pid_t tid, uintptr_t address, uintptr_t data) {
    errno = 0;
    long result = ptrace(request, tid, address, data);
    return result < 0 && errno ? -errno : result;
}

static void tick(int signal) {
    (void)signal;
    is_due = 1;
}

int apus_begin_ticks(unsigned milliseconds) {
    struct sigaction action = {.sa_handler = tick};
    struct sigevent event = {.sigev_notify = SIGEV_THREAD_ID, .sigev_signo = SIGALRM};
    struct itimerspec every = {
        .it_interval = {milliseconds / 1000, milliseconds % 1000 * 1000000L}};
    sigset_t alarm;

    every.it_value = every.it_interval;
    if (tick_depth > 0) {
        tick_depth++;
        return 0;
    }
    event._sigev_un._tid = (pid_t)syscall(SYS_gettid);
    is_due = 0;
    if (timer_create(CLOCK_MONOTONIC, &event, &timer))
        return errno;
    tick_depth = 1;
    // Without SA_RESTART: a wait is to end.
    sigaction(SIGALRM, &action, &action_before);
    sigemptyset(&alarm);
    sigaddset(&alarm, SIGALRM);
    pthread_sigmask(SIG_UNBLOCK, &alarm, &mask_before);
    timer_settime(timer, 0, &every, NULL);
    return 0;
}

void apus_end_ticks(void) {
    if (--tick_depth > 0)
        return;
    timer_delete(timer);
    pthread_sigmask(SIG_SETMASK, &mask_before, NULL);
    sigaction(SIGALRM, &action_before, NULL);
}

static int is_syscall_stop(int status) {
    return status >> 8 == (SIGTRAP | 0x80) || status >> 8 == (SIGTRAP | PTRACE_EVENT_SECCOMP << 8);
}

int apus_wait_stop(struct apus_stop *stop) {
    struct __ptrace_syscall_info info;
    int status;

    if (is_due) {
        is_due = 0;
        return EINTR;
    }
    stop->kind = APUS_NO_CALL;
    // Not the children of other threads: they have nothing to do with it.
    stop->tid = waitpid(-1, &status, __WALL | __WNOTHREAD);
    if (stop->tid < 0)
        return errno;
    stop->status = status;
    // Since 5.3. It fails only if the thread has been killed meanwhile.
    if (!WIFSTOPPED(status) || !is_syscall_stop(status) ||
        ptrace(PTRACE_GET_SYSCALL_INFO, stop->tid, sizeof(info), &info) <= 0)
        return 0;
    stop->is_compat = info.arch == AUDIT_ARCH_I386;
    if (info.op == PTRACE_SYSCALL_INFO_EXIT) {
        stop->kind = APUS_CALL_RETURNS;
        stop->result = info.exit.rval;
    } else if (info.op != PTRACE_SYSCALL_INFO_NONE) {
        // The entry's fields lie where the seccomp stop's do.
        stop->kind = APUS_CALL_BEGINS;
        stop->number = (long)info.entry.nr;
        for (int i = 0; i < 6; i++)
            stop->arguments[i] = info.entry.args[i];
        stop->stack_pointer = info.stack_pointer;
    }
    return 0;
}

unsigned long apus_event_message(pid_t tid) {
    unsigned long message = 0;

    return ptrace(PTRACE_GETEVENTMSG, tid, NULL, &message) ? 0 : message;
}

int apus_signal_information(pid_t tid, siginfo_t *information) {
    return ptrace(PTRACE_GETSIGINFO, tid, NULL, information) ? errno : 0;
}

// include/linux/errno.h: how a call says that it is to be restarted.
enum { ERESTARTSYS = 512, ERESTARTNOHAND = 514, ERESTART_RESTARTBLOCK = 516 };

int apus_is_restart(long result) {
    return result <= -ERESTARTSYS && result >= -ERESTART_RESTARTBLOCK;
}

int apus_fails_when_interrupted(long number, long result) {
    if (result != -EINTR)
        return 0;
    switch (number) {
    case SYS_epoll_wait:
    case SYS_epoll_pwait:
    case SYS_epoll_pwait2:
    case SYS_semop:
    case SYS_semtimedop:
    case SYS_rt_sigtimedwait:
    case SYS_io_getevents:
        return 1;
    default:
        return 0;
    }
}

int apus_interrupted_call(pid_t tid, struct apus_stop *stop) {
    struct user_regs_struct r;

    if (ptrace(PTRACE_GETREGS, tid, NULL, &r) || (long)r.orig_rax < 0)
        return 0;
    stop->tid = tid;
    stop->kind = APUS_CALL_BEGINS;
    stop->number = (long)r.orig_rax;
    stop->result = (long)r.rax;
    // __USER32_CS of arch/x86/include/asm/segment.h.
    stop->is_compat = r.cs == 0x23;
    unsigned long long wide[] = {r.rdi, r.rsi, r.rdx, r.r10, r.r8, r.r9},
                       narrow[] = {r.rbx, r.rcx, r.rdx, r.rsi, r.rdi, r.rbp};
    for (int i = 0; i < 6; i++)
        stop->arguments[i] = stop->is_compat ? (uint32_t)narrow[i] : wide[i];
    return apus_is_restart(stop->result) ||
           (!stop->is_compat && apus_fails_when_interrupted(stop->number, stop->result));
}

void apus_restart_call(pid_t tid) {
    ptrace(PTRACE_POKEUSER, tid, offsetof(struct user, regs.rax), (long)-ERESTARTNOHAND);
}

ssize_t apus_read_memory(pid_t tid, uint64_t address, void *to, size_t size) {
    struct iovec local = {to, size}, remote = {(void *)address, size};

    return process_vm_readv(tid, &local, 1, &remote, 1, 0);
}

int apus_is_thread(pid_t pid, pid_t tid) { return tgkill(pid, tid, 0) == 0; }

int apus_take_descriptor(pid_t pid, int descriptor) {
    int process = apus_pidfd_open(pid);

    if (process < 0)
        return -1;
    int copy = (int)syscall(SYS_pidfd_getfd, process, descriptor, 0);
    close(process);
    return copy;
}
