// SPDX-License-Identifier: Apache-2.0
#include "TestObjects.h"

static const unsigned char bytes[] __attribute__((aligned(8))) = {
#embed "trial.bpf.o"
};

const unsigned char *const trial_object = bytes;
const size_t trial_object_size = sizeof(bytes);
