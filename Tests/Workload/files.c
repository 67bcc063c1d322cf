// SPDX-License-Identifier: Apache-2.0
// Waiting for a disk: file, page-in.
#include "workload.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>

#define MB (1ULL << 20)

int temporary_file(void) {
    const char *directory = getenv("TMPDIR");
    char path[4096];
    const int length = snprintf(path, sizeof path, "%s/workload-XXXXXX",
                                directory && *directory ? directory : ".");
    if (length < 0 || (size_t)length >= sizeof path)
        fail_with(ENAMETOOLONG, "TMPDIR");
    const int fd = (int)check(mkostemp(path, O_CLOEXEC), path);
    // Nameless at once: it goes away with the process, however that ends.
    check(unlink(path), path);
    return fd;
}

/// Returns how many writes it took: one for each MB.
static uint64_t fill(int fd, uint64_t megabytes) {
    char *block = malloc(MB);
    if (!block)
        fail("malloc");
    memset(block, 'a', MB);
    for (uint64_t i = 0; i < megabytes; i++) {
        const ssize_t written = TEMP_FAILURE_RETRY(write(fd, block, MB));
        if (written != (ssize_t)MB)
            fail_with(written == -1 ? errno : ENOSPC, "write to a temporary file");
    }
    free(block);
    return megabytes;
}

int run_file(int, char **argv) {
    const uint64_t megabytes = number(argv[1], "MB", 1, 16'384);
    const int fd = temporary_file();
    const uint64_t begin = now_ns();
    const uint64_t writes = fill(fd, megabytes);
    const uint64_t written = now_ns();
    check(TEMP_FAILURE_RETRY(fsync(fd)), "fsync");
    truth_number("fsync_ns", now_ns() - written);
    truth_number("write_ns", written - begin);
    truth_number("writes", writes);
    truth_number("size_bytes", megabytes * MB);
    close(fd);
    return 0;
}

static struct rusage usage(void) {
    struct rusage usage;
    check(getrusage(RUSAGE_SELF, &usage), "getrusage");
    return usage;
}

int run_page_in(int, char **argv) {
    const uint64_t megabytes = number(argv[1], "MB", 1, 16'384), bytes = megabytes * MB;
    const int fd = temporary_file();
    fill(fd, megabytes);
    // DONTNEED leaves dirty pages in the cache, posix_fadvise(2).
    check(TEMP_FAILURE_RETRY(fsync(fd)), "fsync");
    const int error = posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
    if (error)
        fail_with(error, "posix_fadvise");
    const char *map = mmap(nullptr, bytes, PROT_READ, MAP_PRIVATE, fd, 0);
    if (map == MAP_FAILED)
        fail("mmap");
    // No read-ahead: a fault reads one page.
    check(madvise((void *)map, bytes, MADV_RANDOM), "madvise");
    const struct rusage before = usage();
    const uint64_t begin = cycles();
    unsigned sum = 0;
    for (uint64_t at = 0; at < bytes; at += PAGE_BYTES)
        sum += *(const volatile unsigned char *)(map + at);
    const uint64_t taken = cycles() - begin;
    const struct rusage after = usage();
    if (sum != (unsigned)(bytes / PAGE_BYTES) * 'a')
        fail_with(EIO, "the file does not hold what was written");
    truth_number("pages", bytes / PAGE_BYTES);
    truth_number("major_faults", (uint64_t)(after.ru_majflt - before.ru_majflt));
    truth_number("minor_faults", (uint64_t)(after.ru_minflt - before.ru_minflt));
    truth_number("touch_ns", ns_of(taken));
    close(fd);
    return 0;
}
