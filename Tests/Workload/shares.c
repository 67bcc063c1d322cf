// SPDX-License-Identifier: Apache-2.0
// CPU time, or waits, in functions that are known by name.
#include "workload.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

// A frame pointer in each, and no call that becomes a jump: a stack is what is written here.
#define KEPT [[gnu::noinline, gnu::used]]

static struct spin spun[3];

// So much CPU time: what interrupts it, or takes the CPU from it, does not count.
static inline void spin_undisturbed(struct spin *spin, uint64_t length) {
    const uint64_t end = spin->run_cycles + length, step = length / 64 + 1;
    while (spin->run_cycles < end)
        spin_for_cycles(spin, step);
}

KEPT void spin_half(uint64_t length) {
    spin_undisturbed(&spun[0], length * 5);
    __asm__ volatile("");
}

KEPT void spin_third(uint64_t length) {
    spin_undisturbed(&spun[1], length * 3);
    __asm__ volatile("");
}

KEPT void spin_fifth(uint64_t length) {
    spin_undisturbed(&spun[2], length * 2);
    __asm__ volatile("");
}

int run_shares(int, char **argv) {
    const uint64_t total = cycles_of(milliseconds(argv[1]) * NS_PER_MS);
    // A tenth of a turn. In each function it is long against the time between samples, so that they
    // are at most one too many or too few a turn.
    const uint64_t tenth = cycles_of(97 * NS_PER_MS) / 10;
    const uint64_t begin = cycles();
    do {
        spin_half(tenth);
        spin_third(tenth);
        spin_fifth(tenth);
    } while (cycles() - begin < total);
    truth_number("half_ns", ns_of(spun[0].run_cycles));
    truth_number("third_ns", ns_of(spun[1].run_cycles));
    truth_number("fifth_ns", ns_of(spun[2].run_cycles));
    truth_number("gap_ns", ns_of(spun[0].gap_cycles + spun[1].gap_cycles + spun[2].gap_cycles));
    truth_number("cpu_ns", thread_cpu_ns());
    return 0;
}

// A name as no compiler makes it, and any file can have it.
KEPT void
hostile(uint64_t length) __asm__("a;b <img src=x onerror=\"document.title='hit'\">\n\033[31m&c");
KEPT void hostile(uint64_t length) {
    spin_for_cycles(&spun[0], length);
    __asm__ volatile("");
}

int run_hostile(int, char **argv) {
    hostile(cycles_of(milliseconds(argv[1]) * NS_PER_MS));
    return 0;
}

// Machine code as a just-in-time compiler makes it, and what it tells of it in /tmp/perf-PID.map.
int run_jit(int, char **argv) {
    // push %rbp; mov %rsp,%rbp; 1: dec %rdi; jnz 1b; pop %rbp; ret
    static const uint8_t code[] = {0x55, 0x48, 0x89, 0xe5, 0x48, 0xff,
                                   0xcf, 0x75, 0xfb, 0x5d, 0xc3};
    uint8_t *page = mmap(nullptr, PAGE_BYTES, PROT_READ | PROT_WRITE | PROT_EXEC,
                         MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (page == MAP_FAILED)
        fail("mmap");
    memcpy(page, code, sizeof code);
    char path[64];
    snprintf(path, sizeof path, "/tmp/perf-%d.map", getpid());
    FILE *map = fopen(path, "we");
    if (!map)
        fail(path);
    fprintf(map, "%" PRIxPTR " %zx compiled_in_time(int, long)\n", (uintptr_t)page, sizeof code);
    fclose(map);
    const uint64_t end_ns = now_ns() + milliseconds(argv[1]) * NS_PER_MS;
    while (now_ns() < end_ns)
        ((void (*)(uint64_t))page)(100'000);
    truth_text("map", path);
    return 0;
}

static uint64_t wait_length_ns;

static void wait_here(void) {
    const struct timespec time = {(time_t)(wait_length_ns / NS_PER_S),
                                  (long)(wait_length_ns % NS_PER_S)};
    nanosleep(&time, nullptr);
}

KEPT void wait_left(uint64_t path, unsigned depth);
KEPT void wait_right(uint64_t path, unsigned depth);

// Left or right by the lowest bit of what is left of the path.
static inline void wait_on(uint64_t path, unsigned depth) {
    if (depth == 0)
        wait_here();
    else if (path & 1)
        wait_right(path >> 1, depth - 1);
    else
        wait_left(path >> 1, depth - 1);
    __asm__ volatile("");
}

KEPT void wait_left(uint64_t path, unsigned depth) { wait_on(path, depth); }
KEPT void wait_right(uint64_t path, unsigned depth) { wait_on(path, depth); }

int run_stacks(int argc, char **argv) {
    const uint64_t count = number(argv[1], "N", 1, 1 << 20);
    wait_length_ns = argc > 2 ? milliseconds(argv[2]) * NS_PER_MS : 1;
    unsigned depth = 1;
    while (1ULL << depth < count)
        depth++;
    for (uint64_t path = 0; path < count; path++)
        wait_on(path, depth);
    truth_number("stacks", count);
    return 0;
}
