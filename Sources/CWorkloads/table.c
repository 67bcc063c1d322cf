// SPDX-License-Identifier: Apache-2.0
#include "workloads.h"

static const struct workload *const all[] = {
    &apus_getppid,    &apus_readwrite,      &apus_open_close,
    &apus_fork_exec,  &apus_pipe_ping_pong, &apus_futex_ping_pong,
    &apus_page_fault, &apus_compute,        &apus_mixed,
};

size_t apus_workload_count(void) { return sizeof all / sizeof *all; }

const struct workload *workload_at(size_t index) {
    return index < apus_workload_count() ? all[index] : nullptr;
}

const struct apus_workload_info *apus_workload_at(size_t index) {
    const struct workload *workload = workload_at(index);
    return workload ? &workload->info : nullptr;
}
