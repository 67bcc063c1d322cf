// SPDX-License-Identifier: Apache-2.0
// Minor faults: page-fault.
#include "workloads.h"

#include <sys/mman.h>

// 16 MiB, given back and touched again: memory does not grow with the count.
#define PAGE_BYTES 4096
#define PAGES 4096

static void map_pages(struct player *self) {
    void *memory = mmap(nullptr, (size_t)PAGES * PAGE_BYTES, PROT_READ | PROT_WRITE,
                        MAP_ANONYMOUS | MAP_PRIVATE | MAP_NORESERVE, -1, 0);
    if (memory == MAP_FAILED)
        apus_workload_fail("mmap");
    // A fault of a huge page would bring 512 of them. EINVAL: a kernel that has none.
    if (madvise(memory, (size_t)PAGES * PAGE_BYTES, MADV_NOHUGEPAGE) != 0 && errno != EINVAL)
        apus_workload_fail("madvise");
    self->memory = memory;
}

static void touch_pages(struct player *self) {
    volatile char *memory = self->memory;
    for (uint64_t left = self->count; left > 0;) {
        const uint64_t pages = left < PAGES ? left : PAGES;
        for (uint64_t page = 0; page < pages; page++)
            memory[page * PAGE_BYTES] = 1;
        check(CALL(self, SYS_madvise, self->memory, (size_t)PAGES * PAGE_BYTES, MADV_DONTNEED),
              "madvise");
        left -= pages;
    }
}

static void unmap_pages(struct player *self) { munmap(self->memory, (size_t)PAGES * PAGE_BYTES); }

const struct workload apus_page_fault = {
    {"page-fault", "touches fresh pages of memory", "page", 0, 1},
    map_pages,
    touch_pages,
    unmap_pages,
};
