// SPDX-License-Identifier: Apache-2.0
#define _GNU_SOURCE
#include "CLinux.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/seccomp.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

// What the process was given, for programs that it launches.
static struct sigaction sigpipe, sigchld;
static int is_prepared;

void apus_prepare_process(void) {
    struct sigaction ignore = {.sa_handler = SIG_IGN}, standard = {.sa_handler = SIG_DFL};

    if (is_prepared)
        return;
    is_prepared =
        sigaction(SIGPIPE, &ignore, &sigpipe) == 0 && sigaction(SIGCHLD, &standard, &sigchld) == 0;
    // Read-only where something is to be written: that fails, rather than be lost.
    for (int descriptor = 0; descriptor < 3; descriptor++)
        if (fcntl(descriptor, F_GETFD) < 0 &&
            open("/dev/null", descriptor == 0 ? O_WRONLY : O_RDONLY) < 0)
            return;
}

int apus_is_ignored(int signal) {
    struct sigaction action;

    return sigaction(signal, NULL, &action) == 0 && action.sa_handler == SIG_IGN;
}

static int install(const struct sock_fprog *filter) {
    if (syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, filter) == 0)
        return 0;
    // Without CAP_SYS_ADMIN it takes a promise: no more rights by setuid programs.
    return errno == EACCES && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0
               ? (int)syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, filter)
               : -1;
}

int apus_fork(struct apus_launch *launch, char *const *arguments, const sigset_t *mask,
              const struct sock_fprog *filter) {
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
        if (is_prepared) {
            sigaction(SIGPIPE, &sigpipe, NULL);
            sigaction(SIGCHLD, &sigchld, NULL);
        }
        if (!filter || install(filter) == 0)
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

char **apus_environment(void) { return environ; }
pid_t apus_gettid(void) { return gettid(); }

int apus_pidfd_open(pid_t pid) { return (int)syscall(SYS_pidfd_open, pid, 0); }

int apus_perf_event_open(const struct perf_event_attr *attributes, pid_t pid, int cpu) {
    return (int)syscall(SYS_perf_event_open, attributes, pid, cpu, -1, PERF_FLAG_FD_CLOEXEC);
}

int apus_perf_event_open_on_cpu(const struct perf_event_attr *attributes, int cpu, int group) {
    return (int)syscall(SYS_perf_event_open, attributes, -1, cpu, group, PERF_FLAG_FD_CLOEXEC);
}

int apus_memory_file(const char *name) {
    return memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);
}

int apus_seal(int file) {
    return fcntl(file, F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL);
}

int apus_adopt_orphans(void) { return prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0); }
