// SPDX-License-Identifier: Apache-2.0
// User and system time in known shares.
#include "workload.h"

#include <string.h>
#include <sys/syscall.h>

// The random generator makes some 0.5 MB a millisecond; reading /dev/zero takes far larger buffers.
#define BUFFER_BYTES (64ULL << 20)
#define PROBE_BYTES (64ULL << 10)
// linux/random.h, since Linux 5.6: never waits for the pool, so the call never sleeps.
#define NEVER_WAIT 0x0004

static char *buffer;
static uint64_t calls;

/// One call that burns CPU in the kernel. Raw: glibc 2.41 makes numbers in user space, by the vDSO.
static void burn(uint64_t bytes) {
    uint64_t done = 0;
    do {
        const long got = syscall(SYS_getrandom, buffer + done, bytes - done, NEVER_WAIT);
        calls++;
        // A signal, a stop for one, cuts a long call short, and the rest is then a call more.
        if (got == -1 && errno == EINTR)
            continue;
        done += (uint64_t)check(got, "getrandom");
    } while (done < bytes);
}

/// Memory of which every page is there: else the faults of the kernel's writes are counted too.
/// Not from malloc, which in glibc calls getrandom itself.
static char *warm_buffer(uint64_t bytes) {
    char *memory = shared_memory(bytes + PAGE_BYTES);
    memset(memory, 1, bytes + PAGE_BYTES);
    return memory;
}

static uint64_t fastest_burn(uint64_t bytes) {
    uint64_t fastest = UINT64_MAX;
    for (int i = 0; i < 7; i++) {
        const uint64_t begin = cycles();
        burn(bytes);
        const uint64_t taken = cycles() - begin;
        if (taken < fastest)
            fastest = taken;
    }
    return fastest;
}

/// How many bytes take `length` cycles, a call of no bytes taking `empty`.
static uint64_t size_for(uint64_t length, uint64_t empty) {
    const uint64_t probe = fastest_burn(PROBE_BYTES);
    if (length <= empty || probe <= empty)
        return 0;
    const double bytes = (double)PROBE_BYTES * (double)(length - empty) / (double)(probe - empty);
    return bytes > (double)BUFFER_BYTES ? BUFFER_BYTES : (uint64_t)bytes;
}

int run_split(int, char **argv) {
    const uint64_t total_ns = milliseconds(argv[1]) * NS_PER_MS;
    const uint64_t user_ns = number(argv[2], "USER_US", 0, 100'000) * NS_PER_US;
    const uint64_t system_ns = number(argv[3], "SYSTEM_US", 0, 100'000) * NS_PER_US;
    const uint64_t setup_begin_ns = now_ns(), setup_cpu_ns = thread_cpu_ns();

    buffer = warm_buffer(PROBE_BYTES);
    const uint64_t empty = fastest_burn(0);
    const uint64_t bytes = size_for(cycles_of(system_ns), empty);
    buffer = warm_buffer(bytes);
    const uint64_t setup_calls = calls;

    const uint64_t total = cycles_of(total_ns), user = cycles_of(user_ns);
    struct spin spin = {};
    spin_for_cycles(&spin, 0); // its own set-up
    spin = (struct spin){};
    uint64_t user_cycles = 0, system_cycles = 0;
    section_edge();
    const uint64_t begin_ns = now_ns(), begin_cpu_ns = thread_cpu_ns();
    const uint64_t begin = cycles();
    uint64_t last = begin;
    while (last - begin < total) {
        spin_for_cycles(&spin, user);
        const uint64_t enter = cycles();
        burn(bytes);
        const uint64_t leave = cycles();
        user_cycles += enter - last;
        system_cycles += leave - enter;
        last = leave;
    }
    const uint64_t end_cpu_ns = thread_cpu_ns();
    section_edge();

    truth_number("section_begin_ns", begin_ns);
    truth_number("section_ns", ns_of(last - begin));
    truth_number("section_cpu_ns", end_cpu_ns - begin_cpu_ns);
    truth_number("user_ns", ns_of(user_cycles - spin.gap_cycles));
    truth_number("gap_ns", ns_of(spin.gap_cycles));
    truth_number("gaps", spin.gaps);
    truth_number("system_ns", ns_of(system_cycles));
    truth_text("syscall", "getrandom");
    truth_number("syscalls", calls - setup_calls);
    truth_number("setup_syscalls", setup_calls);
    truth_number("bytes_per_syscall", bytes);
    truth_number("empty_syscall_ns", ns_of(empty));
    truth_number("setup_ns", begin_ns - setup_begin_ns);
    truth_number("setup_cpu_ns", begin_cpu_ns - setup_cpu_ns);
    return 0;
}
