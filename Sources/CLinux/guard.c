// SPDX-License-Identifier: Apache-2.0
#define _GNU_SOURCE
#include "CLinux.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

// Only async-signal-safe calls: the parent may have had other threads.
static void resume_all(int stops) {
    uint32_t pid, none = 0;
    // As bpf/syscalls.h has it.
    struct {
        uint64_t ts_ns;
        uint32_t foreign, pad;
    } stop;
    union bpf_attr next = {.map_fd = (uint32_t)stops, .next_key = (uint64_t)&pid};
    union bpf_attr lookup = {
        .map_fd = (uint32_t)stops, .key = (uint64_t)&pid, .value = (uint64_t)&stop};

    for (int i = 0; i < 1 << 16; i++) {
        if (syscall(SYS_bpf, BPF_MAP_GET_NEXT_KEY, &next, sizeof(next)))
            return;
        none = pid;
        next.key = (uint64_t)&none;
        if (syscall(SYS_bpf, BPF_MAP_LOOKUP_ELEM, &lookup, sizeof(lookup)) == 0 && stop.ts_ns &&
            !stop.foreign)
            kill((pid_t)pid, SIGCONT);
    }
}

int apus_guard_stops(int stops) {
    int ends[2];
    char byte;

    if (pipe2(ends, O_CLOEXEC))
        return -1;
    pid_t pid = fork();
    if (pid < 0) {
        close(ends[0]);
        close(ends[1]);
        return -1;
    }
    if (pid == 0) {
        // Twice, so that nobody has to wait for it.
        if (fork())
            _exit(0);
        // Out of reach of signals from the keyboard, and of who ends the parent's group.
        setsid();
        for (int descriptor = 0; descriptor < 1024; descriptor++)
            if (descriptor != ends[0] && descriptor != stops)
                close(descriptor);
        // To the end of the file: the parent has gone, or is done.
        while (read(ends[0], &byte, 1) < 0 && errno == EINTR)
            ;
        resume_all(stops);
        // Who was about to stop has stopped by now, and the programs are gone.
        usleep(50000);
        resume_all(stops);
        _exit(0);
    }
    close(ends[0]);
    while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
        ;
    return ends[1];
}
