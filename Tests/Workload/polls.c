// SPDX-License-Identifier: Apache-2.0
// Blocked until one of some descriptors is ready: poll, epoll, select. No time-out ends the wait.
#include "workload.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/select.h>

static void write_byte(void *context) {
    if (TEMP_FAILURE_RETRY(write(*(int *)context, "", 1)) != 1)
        fail("write to a pipe");
}

static void wait_poll(int fd) {
    struct pollfd wanted = {.fd = fd, .events = POLLIN};
    check(TEMP_FAILURE_RETRY(poll(&wanted, 1, -1)), "poll");
}

static void wait_epoll(int fd) {
    const int set = (int)check(epoll_create1(EPOLL_CLOEXEC), "epoll_create1");
    struct epoll_event event = {.events = EPOLLIN};
    check(epoll_ctl(set, EPOLL_CTL_ADD, fd, &event), "epoll_ctl");
    // signal(7): fails with EINTR after a stop and a continue, without any handler.
    check(TEMP_FAILURE_RETRY(epoll_wait(set, &event, 1, -1)), "epoll_wait");
}

static void wait_select(int fd) {
    fd_set wanted;
    long ready;
    do {
        FD_ZERO(&wanted);
        FD_SET(fd, &wanted);
        ready = select(fd + 1, &wanted, nullptr, nullptr, nullptr);
    } while (ready == -1 && errno == EINTR);
    check(ready, "select");
}

static int run(char **argv, void (*wait)(int)) {
    int ends[2];
    check(pipe2(ends, O_CLOEXEC), "pipe");
    struct after writer;
    after_start(&writer, milliseconds(argv[1]) * NS_PER_MS, write_byte, &ends[1]);
    const uint64_t begin = now_ns();
    wait(ends[0]);
    truth_number("blocked_poll_ns", now_ns() - begin);
    after_join(&writer);
    return 0;
}

int run_poll(int, char **argv) { return run(argv, wait_poll); }

int run_epoll(int, char **argv) { return run(argv, wait_epoll); }

int run_select(int, char **argv) { return run(argv, wait_select); }
