// SPDX-License-Identifier: Apache-2.0
#include "BPFObjects.h"

// `make bpf` puts the objects beside this file.
#define OBJECT(name) static const unsigned char name##_bytes[] __attribute__((aligned(8)))

OBJECT(clock) = {
#embed "clock.bpf.o"
};

OBJECT(count) = {
#embed "count.bpf.o"
};

OBJECT(counters) = {
#embed "counters.bpf.o"
};

OBJECT(modules) = {
#embed "modules.bpf.o"
};

OBJECT(profile) = {
#embed "profile.bpf.o"
};

OBJECT(syscalls) = {
#embed "syscalls.bpf.o"
};

OBJECT(time) = {
#embed "time.bpf.o"
};

const struct bpf_object_file apus_clock_object = {clock_bytes, sizeof(clock_bytes)};
const struct bpf_object_file apus_count_object = {count_bytes, sizeof(count_bytes)};
const struct bpf_object_file apus_counters_object = {counters_bytes, sizeof(counters_bytes)};
const struct bpf_object_file apus_modules_object = {modules_bytes, sizeof(modules_bytes)};
const struct bpf_object_file apus_profile_object = {profile_bytes, sizeof(profile_bytes)};
const struct bpf_object_file apus_syscalls_object = {syscalls_bytes, sizeof(syscalls_bytes)};
const struct bpf_object_file apus_time_object = {time_bytes, sizeof(time_bytes)};
