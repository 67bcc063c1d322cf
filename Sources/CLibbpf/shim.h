// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <linux/perf_event.h>
#include <sys/syscall.h>
#include <unistd.h>

// <string.h> hides it from Swift, which does not define _GNU_SOURCE.
void *memmem(const void *haystack, size_t length, const void *needle, size_t needle_length);
