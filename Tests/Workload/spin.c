// SPDX-License-Identifier: Apache-2.0
// Pure user CPU: spin, preempt.
#include "workload.h"

#include <stdlib.h>

// Some 20 turns of the loop; a timer interrupt takes longer.
#define GAP_NS 500

void spin_for_cycles(struct spin *spin, uint64_t length) {
    static uint64_t known_limit; // Threads that find it unset at once all set it to much the same.
    uint64_t gap_limit = __atomic_load_n(&known_limit, __ATOMIC_RELAXED);
    if (gap_limit == 0) {
        gap_limit = cycles_of(GAP_NS);
        __atomic_store_n(&known_limit, gap_limit, __ATOMIC_RELAXED);
    }
    const uint64_t begin = cycles();
    uint64_t last = begin, gap_cycles = 0;
    while (last - begin < length) {
        const uint64_t now = cycles();
        if (now - last > gap_limit) {
            gap_cycles += now - last;
            spin->gaps++;
        }
        last = now;
    }
    spin->run_cycles += last - begin - gap_cycles;
    spin->gap_cycles += gap_cycles;
}

void spin_for_ns(struct spin *spin, uint64_t length_ns) {
    spin_for_cycles(spin, cycles_of(length_ns));
}

void truth_spin(const struct spin *spin) {
    truth_number("user_ns", ns_of(spin->run_cycles));
    truth_number("gap_ns", ns_of(spin->gap_cycles));
    truth_number("gaps", spin->gaps);
}

struct spinner {
    pthread_t thread;
    unsigned role;
    uint64_t length;
    struct spin spin;
};

static void *run_spinner(void *context) {
    struct spinner *self = context;
    pin_role(self->role);
    spin_for_cycles(&self->spin, self->length);
    return nullptr;
}

int run_spin(int argc, char **argv) {
    const uint64_t length = cycles_of(milliseconds(argv[1]) * NS_PER_MS);
    const unsigned count = argc > 2 ? (unsigned)number(argv[2], "THREADS", 1, 1024) : 1;
    struct spinner *spinners = calloc(count, sizeof *spinners);
    if (!spinners)
        fail("calloc");
    for (unsigned i = 0; i < count; i++)
        spinners[i] = (struct spinner){.role = i, .length = length};
    // The main thread is one of them.
    for (unsigned i = 1; i < count; i++) {
        const int error = pthread_create(&spinners[i].thread, nullptr, run_spinner, &spinners[i]);
        if (error)
            fail_with(error, "pthread_create");
    }
    run_spinner(&spinners[0]);
    struct spin total = {};
    for (unsigned i = 0; i < count; i++) {
        if (i > 0)
            pthread_join(spinners[i].thread, nullptr);
        total.run_cycles += spinners[i].spin.run_cycles;
        total.gap_cycles += spinners[i].spin.gap_cycles;
        total.gaps += spinners[i].spin.gaps;
    }
    truth_number("threads", count);
    truth_spin(&total);
    free(spinners);
    return 0;
}

int run_preempt(int, char **argv) {
    const uint64_t length_ns = milliseconds(argv[1]) * NS_PER_MS;
    struct spin *theirs = shared_memory(sizeof *theirs), mine = {};
    const unsigned cpu = current_cpu();
    pin(cpu);
    const uint64_t length = cycles_of(length_ns);
    const pid_t child = fork_child();
    if (child == 0) {
        spin_for_cycles(theirs, length);
        _exit(0);
    }
    spin_for_cycles(&mine, length);
    const uint64_t wait_ns = reap(child);
    truth_number("cpu", cpu);
    truth_spin(&mine);
    truth_number("child_user_ns", ns_of(theirs->run_cycles));
    truth_number("child_gap_ns", ns_of(theirs->gap_cycles));
    truth_number("child_gaps", theirs->gaps);
    truth_number("blocked_child_ns", wait_ns);
    return 0;
}
