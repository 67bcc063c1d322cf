// SPDX-License-Identifier: Apache-2.0
#define _GNU_SOURCE
#include "CLinux.h"

#include <errno.h>
#include <sched.h>
#include <sys/syscall.h>
#include <unistd.h>

// By number: glibc's cpu_set_t is no type for Swift, and bits in words are all that it is.
int apus_get_affinity(pid_t tid, struct apus_cpus *cpus) {
    *cpus = (struct apus_cpus){0};
    return syscall(SYS_sched_getaffinity, tid, sizeof(*cpus), cpus) < 0 ? -1 : 0;
}

int apus_set_affinity(pid_t tid, const struct apus_cpus *cpus) {
    return (int)syscall(SYS_sched_setaffinity, tid, sizeof(*cpus), cpus);
}

int apus_current_cpu(void) { return sched_getcpu(); }

int apus_pin(int cpu) {
    struct apus_cpus cpus = {0};
    if (cpu < 0 || cpu >= 8 * (int)sizeof(cpus))
        return EINVAL;
    cpus.words[cpu / 64] = 1ULL << (cpu % 64);
    apus_set_affinity(0, &cpus);
    return sched_getcpu() == cpu ? 0 : EINVAL;
}
