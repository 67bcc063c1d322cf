// SPDX-License-Identifier: Apache-2.0
// Reading clocks in loops that a compiler leaves as they are.
#pragma once
#include <stdint.h>
#include <sys/types.h>

/// What time can be read from in user space. Values are nanoseconds, but for the first two.
enum apus_clock {
    /// Cycles of the time-stamp counter; x86 alone.
    APUS_CLOCK_RDTSC,
    APUS_CLOCK_RDTSCP,
    APUS_CLOCK_MONOTONIC,
    APUS_CLOCK_MONOTONIC_RAW,
    APUS_CLOCK_MONOTONIC_COARSE,
    APUS_CLOCK_REALTIME,
    APUS_CLOCK_BOOTTIME,
    APUS_CLOCK_PROCESS_CPUTIME,
    APUS_CLOCK_THREAD_CPUTIME,
    APUS_CLOCK_GETTIMEOFDAY,
    /// User and system time of the process.
    APUS_CLOCK_GETRUSAGE,
    /// getppid(2): a system call that does next to nothing. Its value is no time.
    APUS_CLOCK_SYSCALL,
};

/// True if this CPU has it and this process may use it.
int apus_clock_is_available(enum apus_clock clock);

/// True if the time-stamp counter runs at a constant rate in all power states (CPUID 80000007H).
int apus_tsc_is_invariant(void);

uint64_t apus_clock_read(enum apus_clock clock);

/// Reads it `count` times in a row. Returns nanoseconds of CLOCK_MONOTONIC.
uint64_t apus_clock_loop(enum apus_clock clock, uint64_t count);

/// The smallest difference other than 0 between two readings in a row, of at least 10,000 readings;
/// goes on until it has seen three, or for `patience_ns`. 0: there was none.
uint64_t apus_clock_step(enum apus_clock clock, uint64_t patience_ns);

/// The time-stamp counter and CLOCK_MONOTONIC_RAW at the same moment.
struct apus_tsc_pair {
    uint64_t cycles, raw_ns;
    /// The moment may be off by this much, up or down.
    uint64_t error_cycles;
};
struct apus_tsc_pair apus_tsc_pair(void);

/// What two CPUs saw that handed each other the time.
struct apus_exchange {
    /// Readings on one CPU that were compared with one made before on the other.
    uint64_t count;
    /// How many of them were earlier than that, and by how much at most.
    uint64_t backward, worst;
};

/// Two threads, pinned to two CPUs, read the clock by turns. Ends after `count` readings or
/// `patience_ns`. 0, or an error number.
int apus_clock_exchange(enum apus_clock clock, int one, int other, uint64_t count,
                        uint64_t patience_ns, struct apus_exchange *_Nonnull result);

// ---- CPUs ----

/// A set of CPUs, a bit each. Masks of the kernel can be wider than cpu_set_t's 1,024.
struct apus_cpus {
    uint64_t words[128];
};

/// On which CPUs a thread may run, 0 for the calling one. 0, or -1 and errno.
int apus_get_affinity(pid_t tid, struct apus_cpus *_Nonnull cpus);
int apus_set_affinity(pid_t tid, const struct apus_cpus *_Nonnull cpus);
int apus_current_cpu(void);
/// Pins the calling thread to a CPU. 0, or an error number.
int apus_pin(int cpu);
