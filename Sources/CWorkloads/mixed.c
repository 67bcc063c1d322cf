// SPDX-License-Identifier: Apache-2.0
// A bit of real work: mixed sorts the lines of files, as a program does that reads and writes by
// blocks and gives its output its name when it is whole.
#include "workloads.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define BLOCK 4096
#define BLOCKS 8
#define LINE 32
#define LINES (BLOCKS * BLOCK / LINE)

struct desk {
    char source[4096 + 64], draft[4096 + 64], result[4096 + 64];
    char text[LINES][LINE];
};

static void make_text(struct desk *desk, unsigned seed) {
    uint64_t state = seed + 1;
    for (int line = 0; line < LINES; line++) {
        for (int at = 0; at < LINE - 1; at++) {
            state = state * 6364136223846793005ULL + 1442695040888963407ULL;
            desk->text[line][at] = (char)('a' + (state >> 33) % 26);
        }
        desk->text[line][LINE - 1] = '\n';
    }
}

static void make_source(struct player *self) {
    struct desk *desk = calloc(1, sizeof *desk);
    if (!desk)
        apus_workload_fail("calloc");
    self->memory = desk;
    const char *format = "%s/%u.%s";
    snprintf(desk->source, sizeof desk->source, format, self->folder, self->index, "source");
    snprintf(desk->draft, sizeof desk->draft, format, self->folder, self->index, "draft");
    snprintf(desk->result, sizeof desk->result, format, self->folder, self->index, "result");
    make_text(desk, self->index);
    const int fd = (int)check(open(desk->source, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600),
                              "create a file");
    if (write(fd, desk->text, sizeof desk->text) != sizeof desk->text)
        apus_workload_fail("write a file");
    close(fd);
}

/// Shell's sort, in place: the C library's takes memory, by calls that are not the same each time.
static void sort_lines(char text[LINES][LINE]) {
    for (size_t gap = LINES / 2; gap > 0; gap /= 2) {
        for (size_t at = gap; at < LINES; at++) {
            char line[LINE];
            size_t place = at;
            memcpy(line, text[at], LINE);
            for (; place >= gap && memcmp(text[place - gap], line, LINE) > 0; place -= gap)
                memcpy(text[place], text[place - gap], LINE);
            memcpy(text[place], line, LINE);
        }
    }
}

/// Every call that this makes is counted, and there are as many for each file.
static void sort_file(struct player *self, struct desk *desk) {
    struct stat status;
    long fd = check(CALL(self, SYS_openat, AT_FDCWD, desk->source, O_RDONLY | O_CLOEXEC, 0),
                    "open a file");
    check(CALL(self, SYS_fstat, fd, &status), "fstat");
    char *text = desk->text[0];
    for (size_t at = 0; at < sizeof desk->text; at += BLOCK)
        check(CALL(self, SYS_read, fd, text + at, (size_t)BLOCK), "read a file");
    check(CALL(self, SYS_close, fd), "close");
    sort_lines(desk->text);
    fd = check(CALL(self, SYS_openat, AT_FDCWD, desk->draft, O_WRONLY | O_CREAT | O_CLOEXEC, 0600),
               "create a file");
    for (size_t at = 0; at < sizeof desk->text; at += BLOCK)
        if (CALL(self, SYS_write, fd, text + at, (size_t)BLOCK) != BLOCK)
            apus_workload_fail("write a file");
    check(CALL(self, SYS_close, fd), "close");
    check(CALL(self, SYS_rename, desk->draft, desk->result), "rename");
    check(CALL(self, SYS_stat, desk->result, &status), "stat");
    if (status.st_size != sizeof desk->text) {
        errno = EIO;
        apus_workload_fail("sort a file");
    }
    // Ext4 writes a file to disk that replaces another by rename (auto_da_alloc): a time of its
    // own.
    check(CALL(self, SYS_unlink, desk->result), "unlink");
}

static void sort_files(struct player *self) {
    for (uint64_t i = 0; i < self->count; i++)
        sort_file(self, self->memory);
}

static void remove_files(struct player *self) {
    struct desk *desk = self->memory;
    unlink(desk->source);
    free(desk);
}

const struct workload apus_mixed = {
    // openat, fstat, reads, close; openat, writes, close; rename, stat, unlink
    {"mixed", "sorts the lines of files of 32 KiB that it makes", "file", 2 * BLOCKS + 8, 0},
    make_source,
    sort_files,
    remove_files,
};
