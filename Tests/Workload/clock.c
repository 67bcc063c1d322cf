// SPDX-License-Identifier: Apache-2.0
#include "workload.h"

#include <signal.h>
#include <stdlib.h>
#include <time.h>

struct instant {
    uint64_t cycles;
    uint64_t ns;
};

static struct instant origin;

static uint64_t read_clock(clockid_t clock) {
    struct timespec time;
    check(clock_gettime(clock, &time), "clock_gettime");
    return (uint64_t)time.tv_sec * NS_PER_S + (uint64_t)time.tv_nsec;
}

uint64_t now_ns(void) { return read_clock(CLOCK_MONOTONIC); }

uint64_t thread_cpu_ns(void) { return read_clock(CLOCK_THREAD_CPUTIME_ID); }

void sleep_until(uint64_t time_ns) {
    const struct timespec time = {(time_t)(time_ns / NS_PER_S), (long)(time_ns % NS_PER_S)};
    int error;
    do
        error = clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &time, nullptr);
    while (error == EINTR);
    if (error)
        fail_with(error, "clock_nanosleep");
}

void sleep_ns(uint64_t length_ns) { sleep_until(now_ns() + length_ns); }

/// Both clocks at once: the closest of a few tries, so that an interrupt between them does no harm.
static struct instant read_both(void) {
    struct instant best = {};
    uint64_t closest = UINT64_MAX;
    for (int i = 0; i < 8; i++) {
        const uint64_t before = cycles();
        const uint64_t ns = now_ns();
        const uint64_t distance = cycles() - before;
        if (distance < closest) {
            closest = distance;
            best = (struct instant){before + distance / 2, ns};
        }
    }
    return best;
}

void clock_start(void) { origin = read_both(); }

double ns_per_cycle(void) {
    struct instant now = read_both();
    // 1 ms: an error of some 20 ns in each reading is then 40 parts in a million.
    while (now.ns - origin.ns < NS_PER_MS)
        now = read_both();
    return (double)(now.ns - origin.ns) / (double)(now.cycles - origin.cycles);
}

uint64_t ns_of(uint64_t cycles) { return (uint64_t)((double)cycles * ns_per_cycle() + 0.5); }

uint64_t cycles_of(uint64_t ns) { return (uint64_t)((double)ns / ns_per_cycle() + 0.5); }

void section_edge(void) {
    if (getenv("WORKLOAD_STOP"))
        raise(SIGSTOP);
}
