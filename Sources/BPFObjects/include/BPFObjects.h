// SPDX-License-Identifier: Apache-2.0
// The compiled BPF programs, which are part of the binary.
#pragma once
#include <stddef.h>

struct bpf_object_file {
    const unsigned char *_Nonnull bytes;
    size_t size;
};

extern const struct bpf_object_file apus_time_object;
