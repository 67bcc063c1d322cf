// SPDX-License-Identifier: Apache-2.0
#define _GNU_SOURCE
#include "CLinux.h"
#include <string.h>

const char *apus_errno_name(int number) { return strerrorname_np(number); }
