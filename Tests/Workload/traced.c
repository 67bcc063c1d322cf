// SPDX-License-Identifier: Apache-2.0
// What a tracer by ptrace(2) can get wrong: signals, thread-exec, affinity, patient.
#include "workload.h"

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <sys/epoll.h>

static volatile sig_atomic_t handled;

static void count_signal(int) { handled++; }

int run_signals(int, char **argv) {
    const uint64_t count = number(argv[1], "N", 1, 1'000'000);
    const struct sigaction action = {.sa_handler = count_signal};
    check(sigaction(SIGUSR1, &action, nullptr), "sigaction");
    for (uint64_t i = 0; i < count; i++)
        raise(SIGUSR1);
    truth_number("signals", count);
    truth_number("handled", (uint64_t)handled);
    return (uint64_t)handled == count ? 0 : 1;
}

static void *execute(void *code) {
    char path[4096];
    const ssize_t length =
        check(readlink("/proc/self/exe", path, sizeof path - 1), "/proc/self/exe");
    path[length] = '\0';
    // The first thread is to be waiting by then: where exec ends it would be chance else.
    usleep(50'000);
    execv(path, (char *[]){"workload", "exit", code, nullptr});
    fail(path);
}

int run_thread_exec(int, char **argv) {
    pthread_t thread;
    number(argv[1], "CODE", 0, 255);
    const int error = pthread_create(&thread, nullptr, execute, argv[1]);
    if (error)
        fail_with(error, "pthread_create");
    // It takes this thread's number, and ends it.
    pthread_join(thread, nullptr);
    fail_with(EINTR, "the thread did not execute");
}

int run_affinity(int, char **) {
    cpu_set_t cpus;
    check(sched_getaffinity(0, sizeof cpus, &cpus), "sched_getaffinity");
    truth_number("cpus", (uint64_t)CPU_COUNT(&cpus));
    return 0;
}

static void write_byte(void *context) {
    if (write(*(int *)context, "", 1) != 1)
        fail("write to a pipe");
}

int run_patient(int, char **argv) {
    int ends[2];
    check(pipe2(ends, O_CLOEXEC), "pipe");
    const int set = (int)check(epoll_create1(EPOLL_CLOEXEC), "epoll_create1");
    struct epoll_event event = {.events = EPOLLIN};
    check(epoll_ctl(set, EPOLL_CTL_ADD, ends[0], &event), "epoll_ctl");
    struct after writer;
    after_start(&writer, milliseconds(argv[1]) * NS_PER_MS, write_byte, &ends[1]);
    // It has no handler for any signal, so it need not be prepared for EINTR.
    check(epoll_wait(set, &event, 1, -1), "epoll_wait");
    after_join(&writer);
    return 0;
}
