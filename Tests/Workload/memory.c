// SPDX-License-Identifier: Apache-2.0
// Minor faults, counted and timed.
#include "workload.h"

#include <sys/mman.h>
#include <sys/resource.h>

static void *map(size_t bytes, int flags) {
    void *address = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_ANONYMOUS | flags, -1, 0);
    if (address == MAP_FAILED)
        fail("mmap");
    return address;
}

void *shared_memory(size_t bytes) { return map(bytes, MAP_SHARED); }

static uint64_t minor_faults(void) {
    struct rusage usage;
    check(getrusage(RUSAGE_SELF, &usage), "getrusage");
    return (uint64_t)usage.ru_minflt;
}

int run_fault(int, char **argv) {
    const uint64_t pages = number(argv[1], "PAGES", 1, 1ULL << 28);
    volatile char *memory = map(pages * PAGE_BYTES, MAP_PRIVATE | MAP_NORESERVE);
    // A fault of a huge page would bring 512 of them. EINVAL: a kernel that has none.
    if (madvise((void *)memory, pages * PAGE_BYTES, MADV_NOHUGEPAGE) != 0 && errno != EINVAL)
        fail("madvise");
    (void)minor_faults(); // faults in what it needs itself
    const uint64_t before = minor_faults();
    const uint64_t begin = cycles();
    uint64_t fault_cycles = 0, last = begin;
    for (uint64_t i = 0; i < pages; i++) {
        const uint64_t enter = cycles();
        memory[i * PAGE_BYTES] = 1;
        last = cycles();
        fault_cycles += last - enter;
    }
    const uint64_t after = minor_faults();
    truth_number("pages", pages);
    truth_number("minor_faults", after - before);
    truth_number("fault_ns", ns_of(fault_cycles));
    truth_real("ns_per_fault", (double)ns_of(fault_cycles) / (double)pages);
    truth_number("section_ns", ns_of(last - begin));
    return 0;
}
