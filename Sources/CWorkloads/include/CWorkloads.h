// SPDX-License-Identifier: Apache-2.0
// The built-in workloads of `apus compare`: each makes a known number of events, and measures
// itself.
#pragma once
#include <stddef.h>
#include <stdint.h>

/// What a workload does, as the table in table.c says.
struct apus_workload_info {
    const char *_Nonnull name;
    /// What it does over and over, and one such event.
    const char *_Nonnull summary;
    const char *_Nonnull event;
    /// System calls in one event; 0: none.
    uint32_t calls;
    /// Page faults in one event.
    uint32_t faults;
};

size_t apus_workload_count(void);
/// NULL past the end.
const struct apus_workload_info *_Nullable apus_workload_at(size_t index);

/// Runs a workload in this process, and writes what it did into a file. The arguments are those of
/// `apus __workload`: NAME COUNT THREADS REPORT, or `program` REPORT PROGRAM [ARGUMENTS].
///
/// The report has a line for each figure, its name and a number: see `struct report` in harness.c.
///
/// Returns the exit status; for `program`, that of the program, if it ended by itself.
int apus_workload_main(int argc, char *_Nullable *_Nonnull argv);
