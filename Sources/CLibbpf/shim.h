// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <linux/memfd.h>
#include <linux/perf_event.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <unistd.h>

// <string.h> and <sys/mman.h> hide them from Swift, which does not define _GNU_SOURCE.
void *memmem(const void *haystack, size_t length, const void *needle, size_t needle_length);
int memfd_create(const char *name, unsigned int flags);
