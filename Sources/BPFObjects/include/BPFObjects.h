// SPDX-License-Identifier: Apache-2.0
// The compiled BPF programs, which are part of the binary.
#pragma once
#include <stddef.h>

struct bpf_object_file {
    const unsigned char *_Nonnull bytes;
    size_t size;
};

extern const struct bpf_object_file apus_clock_object;
extern const struct bpf_object_file apus_count_object;
extern const struct bpf_object_file apus_counters_object;
extern const struct bpf_object_file apus_modules_object;
extern const struct bpf_object_file apus_profile_object;
extern const struct bpf_object_file apus_syscalls_object;
extern const struct bpf_object_file apus_time_object;
