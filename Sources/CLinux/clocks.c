// SPDX-License-Identifier: Apache-2.0
#define _GNU_SOURCE
#include "clocks.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>
#if defined(__x86_64__)
#include <cpuid.h>
#include <x86intrin.h>
#endif

// Between the readings of two CPUs no instruction may move; rdtsc by itself waits for nothing
// (Intel SDM, volume 2, RDTSC).
#if defined(__x86_64__)
static inline uint64_t rdtsc(void) { return __rdtsc(); }
static inline uint64_t rdtscp(void) {
    unsigned cpu;
    return __rdtscp(&cpu);
}
static inline void fence(void) { _mm_lfence(); }
static inline void relax(void) { _mm_pause(); }
#else
static inline uint64_t rdtsc(void) { return 0; }
static inline uint64_t rdtscp(void) { return 0; }
static inline void fence(void) { atomic_thread_fence(memory_order_seq_cst); }
static inline void relax(void) {}
#endif

static inline uint64_t gettime(clockid_t clock) {
    struct timespec time;
    clock_gettime(clock, &time);
    return (uint64_t)time.tv_sec * 1'000'000'000 + (uint64_t)time.tv_nsec;
}

static inline uint64_t microseconds(struct timeval time) {
    return (uint64_t)time.tv_sec * 1'000'000 + (uint64_t)time.tv_usec;
}

// Inlined where `clock` is a constant: a loop has no decision in it.
__attribute__((always_inline)) static inline uint64_t read_clock(enum apus_clock clock) {
    struct timeval time;
    struct rusage usage;

    switch (clock) {
    case APUS_CLOCK_RDTSC:
        return rdtsc();
    case APUS_CLOCK_RDTSCP:
        return rdtscp();
    case APUS_CLOCK_MONOTONIC:
        return gettime(CLOCK_MONOTONIC);
    case APUS_CLOCK_MONOTONIC_RAW:
        return gettime(CLOCK_MONOTONIC_RAW);
    case APUS_CLOCK_MONOTONIC_COARSE:
        return gettime(CLOCK_MONOTONIC_COARSE);
    case APUS_CLOCK_REALTIME:
        return gettime(CLOCK_REALTIME);
    case APUS_CLOCK_BOOTTIME:
        return gettime(CLOCK_BOOTTIME);
    case APUS_CLOCK_PROCESS_CPUTIME:
        return gettime(CLOCK_PROCESS_CPUTIME_ID);
    case APUS_CLOCK_THREAD_CPUTIME:
        return gettime(CLOCK_THREAD_CPUTIME_ID);
    case APUS_CLOCK_GETTIMEOFDAY:
        gettimeofday(&time, nullptr);
        return 1000 * microseconds(time);
    case APUS_CLOCK_GETRUSAGE:
        getrusage(RUSAGE_SELF, &usage);
        return 1000 * (microseconds(usage.ru_utime) + microseconds(usage.ru_stime));
    case APUS_CLOCK_SYSCALL:
        return (uint64_t)syscall(SYS_getppid);
    }
    return 0;
}

// Runs `body` with `constant` as each of the clocks.
#define FOR_CLOCK(clock, constant, body)                                                           \
    switch (clock) {                                                                               \
        ONE(APUS_CLOCK_RDTSC, constant, body)                                                      \
        ONE(APUS_CLOCK_RDTSCP, constant, body)                                                     \
        ONE(APUS_CLOCK_MONOTONIC, constant, body)                                                  \
        ONE(APUS_CLOCK_MONOTONIC_RAW, constant, body)                                              \
        ONE(APUS_CLOCK_MONOTONIC_COARSE, constant, body)                                           \
        ONE(APUS_CLOCK_REALTIME, constant, body)                                                   \
        ONE(APUS_CLOCK_BOOTTIME, constant, body)                                                   \
        ONE(APUS_CLOCK_PROCESS_CPUTIME, constant, body)                                            \
        ONE(APUS_CLOCK_THREAD_CPUTIME, constant, body)                                             \
        ONE(APUS_CLOCK_GETTIMEOFDAY, constant, body)                                               \
        ONE(APUS_CLOCK_GETRUSAGE, constant, body)                                                  \
        ONE(APUS_CLOCK_SYSCALL, constant, body)                                                    \
    }
#define ONE(value, constant, body)                                                                 \
    case value: {                                                                                  \
        enum { constant = value };                                                                 \
        body;                                                                                      \
        break;                                                                                     \
    }

int apus_clock_is_available(enum apus_clock clock) {
#if defined(__x86_64__)
    unsigned a, b, c, d;
    int mode = PR_TSC_ENABLE;

    if (clock > APUS_CLOCK_RDTSCP)
        return 1;
    // A process can have it forbidden; it would be killed.
    if (prctl(PR_GET_TSC, &mode) == 0 && mode == PR_TSC_SIGSEGV)
        return 0;
    // CPUID 1, EDX bit 4: TSC. 80000001H, EDX bit 27: RDTSCP.
    if (clock == APUS_CLOCK_RDTSC)
        return __get_cpuid(1, &a, &b, &c, &d) && (d >> 4 & 1);
    return __get_cpuid(0x80000001, &a, &b, &c, &d) && (d >> 27 & 1);
#else
    return clock > APUS_CLOCK_RDTSCP;
#endif
}

int apus_tsc_is_invariant(void) {
#if defined(__x86_64__)
    unsigned a, b, c, d;
    return __get_cpuid(0x80000007, &a, &b, &c, &d) && (d >> 8 & 1);
#else
    return 0;
#endif
}

uint64_t apus_clock_read(enum apus_clock clock) { return read_clock(clock); }

uint64_t apus_clock_loop(enum apus_clock clock, uint64_t count) {
    const uint64_t begin = gettime(CLOCK_MONOTONIC);

    FOR_CLOCK(
        clock, constant, for (uint64_t i = 0; i < count; i++) {
            const uint64_t value = read_clock(constant);
            __asm__ volatile("" ::"r"(value));
        });
    return gettime(CLOCK_MONOTONIC) - begin;
}

uint64_t apus_clock_step(enum apus_clock clock, uint64_t patience_ns) {
    const uint64_t begin = gettime(CLOCK_MONOTONIC);
    uint64_t smallest = 0, seen = 0, reads = 0;

    while (reads < 10'000 || (seen < 3 && gettime(CLOCK_MONOTONIC) - begin < patience_ns)) {
        FOR_CLOCK(
            clock, constant, uint64_t last = read_clock(constant); for (int i = 0; i < 100; i++) {
                const uint64_t now = read_clock(constant);
                if (now > last) {
                    seen++;
                    if (!smallest || now - last < smallest)
                        smallest = now - last;
                }
                last = now;
            });
        reads += 100;
    }
    return smallest;
}

struct apus_tsc_pair apus_tsc_pair(void) {
    struct apus_tsc_pair best = {.error_cycles = UINT64_MAX};

    for (int i = 0; i < 200; i++) {
        fence();
        const uint64_t before = rdtsc();
        fence();
        const uint64_t raw = gettime(CLOCK_MONOTONIC_RAW);
        fence();
        const uint64_t after = rdtsc();
        if ((after - before + 1) / 2 < best.error_cycles)
            best = (struct apus_tsc_pair){before + (after - before) / 2, raw,
                                          (after - before + 1) / 2};
    }
    return best;
}

// ---- Between CPUs ----

struct exchange {
    enum apus_clock clock;
    uint64_t count, until_ns;
    // Whose turn it is is its lowest bit; the highest one ends it.
    _Atomic uint64_t turn __attribute__((aligned(128)));
    _Atomic uint64_t time __attribute__((aligned(128)));
};
#define EXCHANGE_OVER (UINT64_C(1) << 63)

struct side {
    struct exchange *exchange;
    int cpu, number, error;
    struct apus_exchange seen;
};

static void take_turns(struct side *side) {
    struct exchange *exchange = side->exchange;

    for (uint64_t turn = (uint64_t)side->number;; turn += 2) {
        uint64_t now, waits = 0;

        while ((now = atomic_load_explicit(&exchange->turn, memory_order_acquire)) != turn) {
            if (now & EXCHANGE_OVER)
                return;
            relax();
            // The other may wait for this CPU, or not have come.
            if (++waits % 4096 == 0) {
                sched_yield();
                if (gettime(CLOCK_MONOTONIC) > exchange->until_ns)
                    goto over;
            }
        }
        const uint64_t before = atomic_load_explicit(&exchange->time, memory_order_relaxed);
        fence();
        const uint64_t time = read_clock(exchange->clock);
        fence();
        if (turn > 0) {
            side->seen.count++;
            if (time < before) {
                side->seen.backward++;
                if (before - time > side->seen.worst)
                    side->seen.worst = before - time;
            }
        }
        atomic_store_explicit(&exchange->time, time, memory_order_relaxed);
        if (turn >= exchange->count)
            goto over;
        atomic_store_explicit(&exchange->turn, turn + 1, memory_order_release);
    }
over:
    atomic_store(&exchange->turn, EXCHANGE_OVER);
}

static void *run_side(void *context) {
    struct side *side = context;

    side->error = apus_pin(side->cpu);
    if (side->error)
        atomic_store(&side->exchange->turn, EXCHANGE_OVER);
    else
        take_turns(side);
    return nullptr;
}

int apus_clock_exchange(enum apus_clock clock, int one, int other, uint64_t count,
                        uint64_t patience_ns, struct apus_exchange *result) {
    struct exchange exchange = {
        .clock = clock, .count = count, .until_ns = gettime(CLOCK_MONOTONIC) + patience_ns};
    struct side sides[2] = {{&exchange, one, 0, 0, {}}, {&exchange, other, 1, 0, {}}};
    pthread_t threads[2];
    int started = 0, error = 0;

    while (started < 2 && !error) {
        error = pthread_create(&threads[started], nullptr, run_side, &sides[started]);
        started += !error;
    }
    if (error)
        atomic_store(&exchange.turn, EXCHANGE_OVER);
    *result = (struct apus_exchange){};
    for (int i = 0; i < started; i++) {
        pthread_join(threads[i], nullptr);
        error = error ? error : sides[i].error;
        result->count += sides[i].seen.count;
        result->backward += sides[i].seen.backward;
        if (sides[i].seen.worst > result->worst)
            result->worst = sides[i].seen.worst;
    }
    return error;
}
