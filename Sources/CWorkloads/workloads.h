// SPDX-License-Identifier: Apache-2.0
// What the workloads share. Every .c file includes this first.
#pragma once

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif

#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <unistd.h>

#include "CWorkloads.h"

/// One of the threads that do the same at the same time, each with files and partners of its own.
struct player {
    /// How many events it makes.
    uint64_t count;
    /// From 0.
    unsigned index;
    /// A folder to write in.
    const char *folder;
    /// System calls made so far whose number depends on the count, or on the course of events. All
    /// other calls of the process are the same in each run, so that an observer's total differs
    /// between two runs by what this differs by.
    uint64_t calls;
    /// The thread that it is; 0 until it has begun.
    pid_t tid;
    /// CLOCK_MONOTONIC when its last event was over.
    uint64_t end_ns;
    /// What the workload keeps between its phases.
    int fds[4];
    pid_t child;
    void *memory;
};

/// Only `run` is measured. `prepare` and `finish` make the same calls whatever the count is, or
/// count those that differ.
struct workload {
    struct apus_workload_info info;
    void (*prepare)(struct player *);
    void (*run)(struct player *);
    void (*finish)(struct player *);
};

#define WORKLOAD(name) extern const struct workload apus_##name
WORKLOAD(getppid);
WORKLOAD(readwrite);
WORKLOAD(open_close);
WORKLOAD(fork_exec);
WORKLOAD(pipe_ping_pong);
WORKLOAD(futex_ping_pong);
WORKLOAD(page_fault);
WORKLOAD(compute);
WORKLOAD(mixed);

/// A system call that is counted, by number: the C library may answer some by itself.
#define CALL(player, number, ...) ((player)->calls++, syscall(number __VA_OPT__(, ) __VA_ARGS__))

[[noreturn]] void apus_workload_fail(const char *what);
/// `result`, or the end of the program when it is -1.
static inline long check(long result, const char *what) {
    if (result == -1)
        apus_workload_fail(what);
    return result;
}

uint64_t apus_workload_now_ns(void);

// latch.c: threads that wait for one another, by calls that they count.
void latch_wait(struct player *player, uint32_t *word, uint32_t expected);
void latch_wake(struct player *player, uint32_t *word);
/// Waits until the word has a value.
void latch_await(struct player *player, uint32_t *word, uint32_t value);
/// Starts a thread that nobody needs to join.
void start_thread(void *(*body)(void *), void *context);
/// Waits until a thread has gone, which has told its number and is on its way out. How many calls
/// that takes is counted; those that the C library makes as a thread ends are the same each time.
void await_end(struct player *player, pid_t tid);

// table.c
/// NULL past the end.
const struct workload *workload_at(size_t index);
