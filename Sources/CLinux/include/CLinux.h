// SPDX-License-Identifier: Apache-2.0
// What Swift cannot import or do by itself.
#pragma once
#include <linux/filter.h>
#include <linux/perf_event.h>
#include <signal.h>
#include <stdint.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/ptrace.h>
#include <sys/signalfd.h>
#include <sys/types.h>
#include <sys/utsname.h>

#include "clocks.h"

/// A program that has been forked and waits to be told to execute.
struct apus_launch {
    pid_t pid;
    /// Write a byte: execute. Close it: give up.
    int start;
    /// Read: four bytes of errno if the program could not be executed, else end of file.
    int failure;
};

/// Forks a child that will execute `arguments` (as execvp does) with signal mask `mask`, after it
/// has put itself under the seccomp filter `filter`, if there is one. 0, or an error number.
int apus_fork(struct apus_launch *_Nonnull launch, char *_Nullable const *_Nonnull arguments,
              const sigset_t *_Nonnull mask, const struct sock_fprog *_Nullable filter);

/// Ignores SIGPIPE and heeds SIGCHLD in this process; programs that it forks get the dispositions
/// from before. Takes standard descriptors that are closed, so that no file of ours gets them.
void apus_prepare_process(void);

/// True if the signal is ignored, as nohup(1) and shells have it.
int apus_is_ignored(int signal);

/// `ENOENT` for 2; NULL for a number that has no name.
const char *_Nullable apus_errno_name(int number);

/// This process's environment, NULL at its end.
char *_Nullable *_Nonnull apus_environment(void);

pid_t apus_gettid(void);
/// Descendants whose parents end become children of this process, prctl(PR_SET_CHILD_SUBREAPER). 0,
/// or -1.
int apus_adopt_orphans(void);
int apus_pidfd_open(pid_t pid);
int apus_perf_event_open(const struct perf_event_attr *_Nonnull attributes, pid_t pid, int cpu);
/// Of all threads on a CPU; with the group of an open event, or -1.
int apus_perf_event_open_on_cpu(const struct perf_event_attr *_Nonnull attributes, int cpu,
                                int group);

/// A file in memory that programs do not inherit by its number; -1 and errno.
int apus_memory_file(const char *_Nonnull name);
/// Nobody can change such a file any more. -1 and errno.
int apus_seal(int file);

/// A descriptor of the root of tracefs, mounted or not: if it is not, of a mount of its own that
/// nobody else sees. -1 where the kernel has none, or does not let us.
int apus_open_tracefs(void);

/// Starts a process that outlives this one by a moment: once the descriptor that this gives is
/// closed, or this process has ended, however it did, it lets processes run on that the programs
/// had stopped, and ends. `stops` is a map from PIDs. -1: it could not be started.
int apus_guard_stops(int stops);

// ---- ptrace(2) ----

/// What ptrace() gives, or a negative error number.
long apus_ptrace(enum __ptrace_request request, pid_t tid, uintptr_t address, uintptr_t data);

enum apus_stop_kind { APUS_NO_CALL, APUS_CALL_BEGINS, APUS_CALL_RETURNS };

/// A thread that has stopped, or ended: `status` is as waitpid() has it.
struct apus_stop {
    pid_t tid;
    int status;
    enum apus_stop_kind kind;
    /// Of the i386 table.
    int is_compat;
    /// Of a call that begins: its number and arguments, and the stack pointer.
    long number;
    uint64_t arguments[6];
    uint64_t stack_pointer;
    /// Of a call that returns.
    long result;
};

/// Waits until a thread that this one traces stops, or a child ends. 0, or an error number: EINTR
/// when a tick is due, ECHILD when there is nothing to wait for.
int apus_wait_stop(struct apus_stop *_Nonnull stop);

/// What PTRACE_GETEVENTMSG gives: of a birth the child, of an exec the former thread, of an exit
/// the status.
unsigned long apus_event_message(pid_t tid);
/// Of a thread that stopped by a signal. 0, or an error number.
int apus_signal_information(pid_t tid, siginfo_t *_Nonnull information);

/// Whether the kernel will make the call again when it got this result.
int apus_is_restart(long result);
/// Whether it is a call that the kernel does not make again when nothing but a stop interrupted it,
/// signal(7), and that failed so.
int apus_fails_when_interrupted(long number, long result);
/// Of a thread that stopped because the tracer wanted it to: 1 if that took it out of a call, which
/// is then in `stop` with what it was about to return.
int apus_interrupted_call(pid_t tid, struct apus_stop *_Nonnull stop);
/// Has the kernel make the call again that the thread has been taken out of.
void apus_restart_call(pid_t tid);

/// Makes apus_wait_stop() of this thread return every so often, by SIGALRM. 0, or an error number.
/// Within ticks that have begun, others change nothing.
int apus_begin_ticks(unsigned milliseconds);
void apus_end_ticks(void);

/// As process_vm_readv(), of one piece.
ssize_t apus_read_memory(pid_t tid, uint64_t address, void *_Nonnull to, size_t size);
/// Whether a thread is one of a process.
int apus_is_thread(pid_t pid, pid_t tid);
/// A copy of another process's descriptor; -1: there is none, or the kernel (before 5.6) cannot.
int apus_take_descriptor(pid_t pid, int descriptor);
/// The kernel's own records of what processes map to execute, of their births, executions and ends,
/// on one CPU. `with_build_id` is since 5.12. -1: errno says why.
int apus_open_mappings(int cpu, int with_build_id);

/// A file in memory with the code that the kernel maps into each process. -1: there is none.
int apus_vdso_file(void);
