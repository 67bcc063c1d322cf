// SPDX-License-Identifier: Apache-2.0
#include "workload.h"

int run_migrate(int, char **argv) {
    const uint64_t count = number(argv[1], "N", 0, 100'000'000);
    pin(1);
    pin(0); // Proves that both can be had, before anything is counted.
    uint64_t migrations = 0;
    unsigned last = current_cpu();
    const uint64_t begin = now_ns();
    for (uint64_t i = 0; i < count; i++) {
        pin((i + 1) % 2);
        const unsigned cpu = current_cpu();
        migrations += cpu != last;
        last = cpu;
    }
    const uint64_t taken = now_ns() - begin;
    truth_number("migrations", migrations);
    truth_number("section_ns", taken);
    if (count > 0)
        truth_real("ns_per_migration", (double)taken / (double)count);
    else
        truth_null("ns_per_migration");
    return 0;
}
