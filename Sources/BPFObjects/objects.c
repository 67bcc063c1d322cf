// SPDX-License-Identifier: Apache-2.0
#include "BPFObjects.h"

// `make bpf` puts the objects beside this file.
#define OBJECT(name) static const unsigned char name##_bytes[] __attribute__((aligned(8)))

OBJECT(time) = {
#embed "time.bpf.o"
};

const struct bpf_object_file apus_time_object = {time_bytes, sizeof(time_bytes)};
