// SPDX-License-Identifier: Apache-2.0
// System calls that do little, and no system call at all: getppid, readwrite, open-close, compute.
#include "workloads.h"

#include <fcntl.h>

static void nothing(struct player *) {}

static void run_getppid(struct player *self) {
    for (uint64_t i = 0; i < self->count; i++)
        syscall(SYS_getppid);
    self->calls += self->count;
}

const struct workload apus_getppid = {
    {"getppid", "system calls, and nothing else", "getppid", 1, 0},
    nothing,
    run_getppid,
    nothing,
};

static void open_devices(struct player *self) {
    self->fds[0] = (int)check(open("/dev/zero", O_RDONLY | O_CLOEXEC), "open /dev/zero");
    self->fds[1] = (int)check(open("/dev/null", O_WRONLY | O_CLOEXEC), "open /dev/null");
}

static void run_readwrite(struct player *self) {
    char byte;
    for (uint64_t i = 0; i < self->count; i++) {
        if (read(self->fds[0], &byte, 1) != 1 || write(self->fds[1], &byte, 1) != 1)
            apus_workload_fail("copy a byte from /dev/zero to /dev/null");
    }
    self->calls += 2 * self->count;
}

static void close_devices(struct player *self) {
    close(self->fds[0]);
    close(self->fds[1]);
}

const struct workload apus_readwrite = {
    {"readwrite", "dd of single bytes, from /dev/zero to /dev/null", "byte", 2, 0},
    open_devices,
    run_readwrite,
    close_devices,
};

static void run_open_close(struct player *self) {
    for (uint64_t i = 0; i < self->count; i++) {
        const long fd = syscall(SYS_openat, AT_FDCWD, "/dev/null", O_RDONLY | O_CLOEXEC, 0);
        if (fd == -1 || syscall(SYS_close, fd) != 0)
            apus_workload_fail("open and close /dev/null");
    }
    self->calls += 2 * self->count;
}

const struct workload apus_open_close = {
    {"open-close", "opens a file and closes it", "file", 2, 0},
    nothing,
    run_open_close,
    nothing,
};

static void run_compute(struct player *self) {
    uint64_t state = self->index;
    for (uint64_t i = 0; i < self->count; i++) {
        // A chain of multiplications, which no processor can run side by side.
        for (int step = 0; step < 1000; step++) {
            state = state * 0x5851f42d4c957f2d + i;
            __asm__ volatile("" : "+r"(state));
        }
    }
}

const struct workload apus_compute = {
    {"compute", "computes, without any event", "1,000 multiplications", 0, 0},
    nothing,
    run_compute,
    nothing,
};
