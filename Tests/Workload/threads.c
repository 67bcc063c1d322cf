// SPDX-License-Identifier: Apache-2.0
// Many threads alive at once.
#include "workload.h"

#include <stdlib.h>

#define STACK_BYTES (32 << 10)
#define SPIN_NS (20 * NS_PER_US)

struct crowd {
    pthread_barrier_t barrier;
    uint64_t sleep_ns;
    uint64_t spin_cycles;
    uint64_t alive;
    uint64_t run_cycles;
};

static void *run(void *context) {
    struct crowd *crowd = context;
    __atomic_fetch_add(&crowd->alive, 1, __ATOMIC_RELAXED);
    pthread_barrier_wait(&crowd->barrier);
    struct spin spin = {};
    spin_for_cycles(&spin, crowd->spin_cycles);
    __atomic_fetch_add(&crowd->run_cycles, spin.run_cycles, __ATOMIC_RELAXED);
    sleep_ns(crowd->sleep_ns);
    return nullptr;
}

int run_threads(int argc, char **argv) {
    const unsigned count = (unsigned)number(argv[1], "N", 1, 1'000'000);
    struct crowd crowd = {.sleep_ns = (argc > 2 ? milliseconds(argv[2]) : 1) * NS_PER_MS,
                          .spin_cycles = cycles_of(SPIN_NS)};
    pthread_t *threads = calloc(count, sizeof *threads);
    pthread_attr_t small;
    int error = pthread_attr_init(&small);
    // Without guard pages neighbouring stacks are one mapping: vm.max_map_count limits those.
    if (!error)
        error = pthread_attr_setguardsize(&small, 0);
    if (!error)
        error = pthread_attr_setstacksize(&small, STACK_BYTES);
    // All of them, and the main thread.
    if (!error)
        error = pthread_barrier_init(&crowd.barrier, nullptr, count + 1);
    if (error || !threads)
        fail_with(error ? error : ENOMEM, "preparing the threads");

    const uint64_t begin = now_ns();
    for (unsigned i = 0; i < count; i++) {
        error = pthread_create(&threads[i], &small, run, &crowd);
        if (error)
            fail_with(error, "pthread_create");
    }
    const uint64_t created = now_ns();
    pthread_barrier_wait(&crowd.barrier);
    const uint64_t alive = __atomic_load_n(&crowd.alive, __ATOMIC_RELAXED);
    for (unsigned i = 0; i < count; i++)
        pthread_join(threads[i], nullptr);
    truth_number("threads", alive);
    truth_number("user_ns", ns_of(crowd.run_cycles));
    truth_number("create_ns", created - begin);
    truth_number("finish_ns", now_ns() - created);
    free(threads);
    return 0;
}

static void *outlive(void *context) {
    sleep_ns(*(const uint64_t *)context);
    exit(0);
}

int run_headless(int, char **argv) {
    static uint64_t time_ns;
    time_ns = milliseconds(argv[1]) * NS_PER_MS;
    pthread_t other;
    const int error = pthread_create(&other, nullptr, outlive, &time_ns);
    if (error)
        fail_with(error, "pthread_create");
    pthread_exit(nullptr);
}
