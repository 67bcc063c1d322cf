// SPDX-License-Identifier: Apache-2.0
#define _GNU_SOURCE
#include "CLinux.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/syscall.h>
#include <unistd.h>

static struct sigaction sigpipe;
static int ignores_sigpipe;

void apus_ignore_sigpipe(void) {
    struct sigaction ignore = {.sa_handler = SIG_IGN};

    if (!ignores_sigpipe)
        ignores_sigpipe = sigaction(SIGPIPE, &ignore, &sigpipe) == 0;
}

int apus_is_ignored(int signal) {
    struct sigaction action;

    return sigaction(signal, NULL, &action) == 0 && action.sa_handler == SIG_IGN;
}

int apus_fork(struct apus_launch *launch, char *const *arguments, const sigset_t *mask) {
    int start[2], failure[2];

    if (pipe2(start, O_CLOEXEC))
        return errno;
    if (pipe2(failure, O_CLOEXEC)) {
        int error = errno;
        close(start[0]);
        close(start[1]);
        return error;
    }
    pid_t pid = fork();
    if (pid == 0) {
        // Only async-signal-safe calls: the parent may have had other threads.
        char byte;
        close(start[1]);
        // End of file: the parent has gone or given up, so the program must not run unobserved.
        if (read(start[0], &byte, 1) != 1)
            _exit(0);
        sigprocmask(SIG_SETMASK, mask, NULL);
        if (ignores_sigpipe)
            sigaction(SIGPIPE, &sigpipe, NULL);
        execvp(arguments[0], arguments);
        int error = errno;
        if (write(failure[1], &error, sizeof(error)) < 0)
            _exit(125);
        _exit(127);
    }
    int error = errno;
    close(start[0]);
    close(failure[1]);
    if (pid < 0) {
        close(start[1]);
        close(failure[0]);
        return error;
    }
    *launch = (struct apus_launch){pid, start[1], failure[0]};
    return 0;
}

int apus_pidfd_open(pid_t pid) { return (int)syscall(SYS_pidfd_open, pid, 0); }

int apus_perf_event_open(const struct perf_event_attr *attributes, pid_t pid, int cpu) {
    return (int)syscall(SYS_perf_event_open, attributes, pid, cpu, -1, PERF_FLAG_FD_CLOEXEC);
}
