// SPDX-License-Identifier: Apache-2.0
// What the workloads share. Every .c file includes this first.
#pragma once

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif

#include <errno.h>
#include <pthread.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <unistd.h>

#define NS_PER_US 1'000ULL
#define NS_PER_MS 1'000'000ULL
#define NS_PER_S 1'000'000'000ULL
#define PAGE_BYTES 4096ULL

// sysexits.h EX_USAGE.
#define EXIT_USAGE 64

/// A workload: argv[0] is its name, and argc is within what the table in main.c allows.
typedef int workload_main(int argc, char **argv);

// arguments.c
/// A whole number from `min` to `max`; anything else is wrong usage.
uint64_t number(const char *text, const char *what, uint64_t min, uint64_t max);
uint64_t milliseconds(const char *text);
/// Undoes C escapes; returns the number of bytes in `out`.
size_t unescape(const char *text, char *out, size_t capacity);
[[noreturn, gnu::format(printf, 1, 2)]] void usage_error(const char *format, ...);
[[noreturn]] void fail(const char *what);
[[noreturn]] void fail_with(int error, const char *what);
/// `result`, or the end of the program when it is -1.
long check(long result, const char *what);

// affinity.c
/// Takes `--cpu A[,B]` out of the arguments; returns how many are left.
int take_cpu_option(int argc, char **argv);
/// Pins the calling thread to the CPU that `--cpu` gives the `role`th one, if it was given.
void pin_role(unsigned role);
void pin(unsigned cpu);
unsigned current_cpu(void);

// clock.c
/// CLOCK_MONOTONIC, which the tracer's clock is too.
uint64_t now_ns(void);
uint64_t thread_cpu_ns(void);
/// Sleeps in clock_nanosleep, to an absolute time, so that a stop and a continue do not lengthen
/// it.
void sleep_until(uint64_t time_ns);
void sleep_ns(uint64_t length_ns);
void clock_start(void);
/// The counter's frequency, measured from clock_start until now, over 1 ms at least.
double ns_per_cycle(void);
uint64_t ns_of(uint64_t cycles);
uint64_t cycles_of(uint64_t ns);

/// The time-stamp counter (on arm64 the virtual counter): no system call, whatever the clock
/// source.
static inline uint64_t cycles(void) {
#if defined(__x86_64__)
    return __builtin_ia32_rdtsc();
#elif defined(__aarch64__)
    uint64_t value;
    __asm__ volatile("mrs %0, cntvct_el0" : "=r"(value));
    return value;
#else
#error "no cycle counter known for this architecture"
#endif
}

/// With WORKLOAD_STOP set, stops the process, so that an observer can read its books before and
/// after the section that is measured, and continue it.
void section_edge(void);

// spin.c
/// What a spinning loop saw. The loop runs in user mode; where two reads of the counter are further
/// apart than the loop can explain, something else ran (an interrupt, another thread): a gap.
struct spin {
    uint64_t run_cycles;
    uint64_t gap_cycles;
    uint64_t gaps;
};
void spin_for_cycles(struct spin *spin, uint64_t length);
void spin_for_ns(struct spin *spin, uint64_t length_ns);
void truth_spin(const struct spin *spin);

// truth.c: the line of JSON
void truth_begin(const char *workload);
void truth_number(const char *key, uint64_t value);
void truth_real(const char *key, double value);
void truth_text(const char *key, const char *value);
/// Not measured here; a zero would claim that it was.
void truth_null(const char *key);
/// Adds the run's resource usage, ends the line and writes it with one write.
void truth_end(void);

// after.c: a thread that sleeps, then does something that wakes another.
struct after {
    pthread_t thread;
    uint64_t delay_ns;
    void (*act)(void *);
    void *context;
    uint64_t slept_ns;
};
void after_start(struct after *after, uint64_t delay_ns, void (*act)(void *), void *context);
/// Joins it, and tells `blocked_sleep_ns` (its own) and `join_ns` (the caller's, a futex wait).
void after_join(struct after *after);

// memory.c, processes.c, files.c
/// Zeroed memory that children share.
void *shared_memory(size_t bytes);
pid_t fork_child(void);
/// Waits for a child; returns how long, in ns. A child that failed fails the parent.
uint64_t reap(pid_t child);
int temporary_file(void);

// futex.c
void futex_wait(uint32_t *word, uint32_t expected);
void futex_wake(uint32_t *word);
