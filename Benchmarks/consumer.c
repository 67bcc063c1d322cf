// SPDX-License-Identifier: Apache-2.0
// Takes records out of a ring that another process made, descriptor 3, until a process has ended,
// descriptor 4: what libbpf's own reader can do. Prints a line of JSON on standard error.
#include <bpf/libbpf.h>
#include <err.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <time.h>

#include "../bpf/syscalls.h"

static uint64_t records, total_ns;

static int take(void *context, void *data, size_t size) {
    const struct syscall_record *record = data;
    (void)context;
    if (size >= sizeof(*record)) {
        records++;
        total_ns += record->duration_ns;
    }
    return 0;
}

int main(void) {
    struct ring_buffer *ring = ring_buffer__new(3, take, NULL, NULL);
    // By wakeups, not as long as there are records: else it would be back for every one of them.
    struct epoll_event woken = {.events = EPOLLIN | EPOLLET, .data.fd = 3},
                       ended = {.events = EPOLLIN, .data.fd = 4};
    struct epoll_event event = {};
    const int wait = epoll_create1(EPOLL_CLOEXEC);
    struct timespec cpu;

    if (!ring || epoll_ctl(wait, EPOLL_CTL_ADD, 3, &woken) ||
        epoll_ctl(wait, EPOLL_CTL_ADD, 4, &ended))
        err(1, "the ring");
    do {
        event.data.fd = 0;
        epoll_wait(wait, &event, 1, 20);
        if (ring_buffer__consume(ring) < 0)
            err(1, "consume");
    } while (event.data.fd != 4);
    ring_buffer__consume(ring);
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &cpu);
    fprintf(stderr, "{\"records\":%lu,\"cpu_ns\":%lu}\n", records,
            (uint64_t)cpu.tv_sec * 1000000000 + (uint64_t)cpu.tv_nsec);
    return 0;
}
