// SPDX-License-Identifier: Apache-2.0
// The BPF object that tests of the library BPF load.
#pragma once
#include <stddef.h>

extern const unsigned char *_Nonnull const trial_object;
extern const size_t trial_object_size;
