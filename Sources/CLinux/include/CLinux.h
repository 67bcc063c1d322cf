// SPDX-License-Identifier: Apache-2.0
// What Swift cannot import or do by itself.
#pragma once
#include <linux/perf_event.h>
#include <signal.h>
#include <stdint.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <sys/types.h>
#include <sys/utsname.h>

/// A program that has been forked and waits to be told to execute.
struct apus_launch {
    pid_t pid;
    /// Write a byte: execute. Close it: give up.
    int start;
    /// Read: four bytes of errno if the program could not be executed, else end of file.
    int failure;
};

/// Forks a child that will execute `arguments` (as execvp does) with signal mask `mask`.
/// 0, or an error number.
int apus_fork(struct apus_launch *_Nonnull launch, char *_Nullable const *_Nonnull arguments,
              const sigset_t *_Nonnull mask);

/// Ignores SIGPIPE in this process; programs that it forks get the disposition from before.
void apus_ignore_sigpipe(void);

/// True if the signal is ignored, as nohup(1) and shells have it.
int apus_is_ignored(int signal);

int apus_pidfd_open(pid_t pid);
int apus_perf_event_open(const struct perf_event_attr *_Nonnull attributes, pid_t pid, int cpu);
