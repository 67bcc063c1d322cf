// SPDX-License-Identifier: Apache-2.0
// CPU time that the tick never sees: works between ticks, and sleeps whenever one is due. Where
// accounting samples at the tick (CONFIG_TICK_CPU_ACCOUNTING), /proc/stat shows next to none of it,
// and getrusage has nothing to tell user from system time by.
#include "workload.h"

#include <sys/prctl.h>
#include <time.h>

#define LEARN_TICKS 5

static uint64_t coarse_ns(bool resolution) {
    struct timespec time;
    check(resolution ? clock_getres(CLOCK_MONOTONIC_COARSE, &time)
                     : clock_gettime(CLOCK_MONOTONIC_COARSE, &time),
          "CLOCK_MONOTONIC_COARSE");
    return (uint64_t)time.tv_sec * NS_PER_S + (uint64_t)time.tv_nsec;
}

/// Some tick's time: when the coarse clock steps, not what it then says, for that is rounded down
/// to whole clock-source intervals (timekeeping_advance). The step is seen when the tick's work is
/// done, so of a few, the earliest, relative to the tick's grid, is nearest to the tick.
static uint64_t learn_tick(uint64_t tick_ns) {
    uint64_t last = coarse_ns(false), best = 0;
    for (int i = 0; i < LEARN_TICKS; i++) {
        uint64_t coarse;
        while ((coarse = coarse_ns(false)) == last)
            continue;
        const uint64_t step = now_ns();
        last = coarse;
        if (i == 0)
            best = step;
        // Signed distance from the grid that `best` lies on, within half a tick.
        const uint64_t late = (step - best) % tick_ns;
        if (late > tick_ns / 2)
            best -= tick_ns - late;
    }
    return best;
}

int run_dodge_tick(int, char **argv) {
    const uint64_t total_ns = milliseconds(argv[1]) * NS_PER_MS;
    const uint64_t tick_ns = coarse_ns(true);
    uint64_t *phase = shared_memory(sizeof *phase);
    // All on one CPU, as ticks may be skewed between CPUs. A child learns, for learning takes a
    // busy loop that ticks do see.
    pin(current_cpu());
    const uint64_t learn_begin = now_ns();
    const pid_t child = fork_child();
    if (child == 0) {
        *phase = learn_tick(tick_ns);
        _exit(0);
    }
    reap(child);
    // A thread's timers may be 50 us late by default, prctl(2).
    check(prctl(PR_SET_TIMERSLACK, 1), "PR_SET_TIMERSLACK");

    // Whole eighths: a clock that strikes eight times a tick meets as many of them wherever it
    // began.
    const uint64_t work_ns = tick_ns * 5 / 8, guard_ns = tick_ns / 20;
    const uint64_t begin = now_ns(), begin_cpu_ns = thread_cpu_ns();
    uint64_t tick = *phase + ((begin - *phase) / tick_ns + 1) * tick_ns;
    const uint64_t work = cycles_of(work_ns);
    uint64_t periods = 0, late = 0;
    struct spin spin = {};
    for (; tick < begin + total_ns; tick += tick_ns) {
        sleep_until(tick + guard_ns);
        const uint64_t woken = now_ns();
        // Woken too late to be done before the next tick: leaves this period out.
        if (woken + work_ns + guard_ns > tick + tick_ns) {
            late++;
            continue;
        }
        spin_for_cycles(&spin, work);
        periods++;
    }
    truth_number("tick_ns", tick_ns);
    truth_number("phase_ns", *phase % tick_ns);
    truth_number("learn_ns", begin - learn_begin);
    truth_number("section_ns", now_ns() - begin);
    truth_number("section_cpu_ns", thread_cpu_ns() - begin_cpu_ns);
    truth_number("busy_ns", ns_of(spin.run_cycles));
    truth_number("gap_ns", ns_of(spin.gap_cycles));
    truth_number("periods", periods);
    truth_number("late_periods", late);
    return 0;
}
