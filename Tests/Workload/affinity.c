// SPDX-License-Identifier: Apache-2.0
#include "workload.h"

#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>

static unsigned cpus[2];
static unsigned cpu_count;

static void parse_list(char *list) {
    char *comma = strchr(list, ',');
    if (comma)
        *comma = '\0';
    cpus[cpu_count++] = (unsigned)number(list, "--cpu", 0, CPU_SETSIZE - 1);
    if (comma)
        cpus[cpu_count++] = (unsigned)number(comma + 1, "--cpu", 0, CPU_SETSIZE - 1);
}

int take_cpu_option(int argc, char **argv) {
    int kept = 0;
    for (int i = 0; i < argc; i++) {
        if (strcmp(argv[i], "--cpu") != 0) {
            argv[kept++] = argv[i];
            continue;
        }
        if (cpu_count > 0)
            usage_error("--cpu is given twice");
        if (++i == argc)
            usage_error("--cpu needs a CPU, or two: A,B");
        parse_list(argv[i]);
    }
    argv[kept] = nullptr;
    return kept;
}

void pin(unsigned cpu) {
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET(cpu, &set);
    // sched_setaffinity(2) fails with EINVAL for a CPU that is offline or forbidden by a cpuset.
    if (sched_setaffinity(0, sizeof set, &set) != 0) {
        char what[64];
        snprintf(what, sizeof what, "cannot run on CPU %u", cpu);
        fail(what);
    }
}

void pin_role(unsigned role) {
    if (cpu_count > 0)
        pin(cpus[role % cpu_count]);
}

unsigned current_cpu(void) {
    unsigned cpu;
    // Raw, as sched_getcpu reads what the kernel left in the rseq area or in the vDSO.
    check(syscall(SYS_getcpu, &cpu, nullptr, nullptr), "getcpu");
    return cpu;
}
