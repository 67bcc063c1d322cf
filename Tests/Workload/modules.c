// SPDX-License-Identifier: Apache-2.0
// Loads and unloads kernel modules by the bare system calls, each once, and counts what they
// return.
#include "workload.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

// 0, or an error number.
static int load(const char *file, const char *parameters) {
    const int descriptor = open(file, O_RDONLY | O_CLOEXEC);
    if (descriptor < 0)
        fail(file);
    const int error = syscall(SYS_finit_module, descriptor, parameters, 0) ? errno : 0;
    close(descriptor);
    return error;
}

static int unload(const char *name, int flags) {
    return syscall(SYS_delete_module, name, O_NONBLOCK | flags) ? errno : 0;
}

static int tell(int error) {
    truth_number("errno", (uint64_t)error);
    truth_number("pid", (uint64_t)getpid());
    return 0;
}

int run_module_load(int argc, char **argv) {
    const char *user = getenv("WORKLOAD_UID");
    if (user)
        check(setuid((uid_t)number(user, "WORKLOAD_UID", 1, 65535)), "setuid");
    return tell(load(argv[1], argc > 2 ? argv[2] : ""));
}

int run_module_load_from_memory(int argc, char **argv) {
    struct stat status;
    const int descriptor = (int)check(open(argv[1], O_RDONLY | O_CLOEXEC), argv[1]);
    check(fstat(descriptor, &status), argv[1]);
    const size_t size = (size_t)status.st_size;
    void *image = mmap(NULL, size, PROT_READ, MAP_PRIVATE | MAP_POPULATE, descriptor, 0);
    if (image == MAP_FAILED)
        fail(argv[1]);
    return tell(syscall(SYS_init_module, image, size, argc > 2 ? argv[2] : "") ? errno : 0);
}

int run_module_unload(int argc, char **argv) {
    return tell(unload(argv[1], argc > 2 && strcmp(argv[2], "force") == 0 ? O_TRUNC : 0));
}

int run_module_refusals(int, char **argv) {
    const unsigned count = (unsigned)number(argv[1], "N", 1, 1'000'000);
    for (unsigned i = 0; i < count; i++)
        if (unload("no_such_module", 0) != ENOENT)
            fail("delete_module");
    truth_number("refusals", count);
    return 0;
}

enum { RACERS = 8 };

// Loads a file from many processes at once, and adds up what each of them got.
static void race(const char *file, unsigned counts[static 256]) {
    int start[2];
    check(pipe2(start, O_CLOEXEC), "pipe2");
    pid_t racers[RACERS];
    for (int i = 0; i < RACERS; i++) {
        racers[i] = (pid_t)check(fork(), "fork");
        if (racers[i] == 0) {
            char byte;
            close(start[1]);
            // End of file for all of them at once.
            if (read(start[0], &byte, 1) != 0)
                _exit(255);
            _exit(load(file, ""));
        }
    }
    close(start[0]);
    close(start[1]);
    for (int i = 0; i < RACERS; i++) {
        int status;
        check(waitpid(racers[i], &status, 0), "waitpid");
        counts[WEXITSTATUS(status)]++;
    }
}

// `loads OK`, `loads ENODEV`: how many ended so.
static void tell_counts(const char *what, const unsigned counts[static 256]) {
    char key[64];
    for (int error = 0; error < 256; error++) {
        if (counts[error] == 0)
            continue;
        snprintf(key, sizeof key, "%s %s", what, error ? strerrorname_np(error) : "OK");
        truth_number(key, counts[error]);
    }
}

int run_module_race(int, char **argv) {
    const unsigned rounds = (unsigned)number(argv[3], "N", 1, 10'000);
    unsigned loads[256] = {}, unloads[256] = {};
    for (unsigned round = 0; round < rounds; round++) {
        race(argv[1], loads);
        unloads[unload(argv[2], 0)]++;
    }
    tell_counts("loads", loads);
    tell_counts("unloads", unloads);
    return 0;
}

int run_module_cycles(int, char **argv) {
    const unsigned cycles = (unsigned)number(argv[1], "N", 1, 1'000'000);
    char plain[4096], failing[4096], slow[4096];
    snprintf(plain, sizeof plain, "%s/apus_plain.ko", argv[2]);
    snprintf(failing, sizeof failing, "%s/apus_failing.ko", argv[2]);
    snprintf(slow, sizeof slow, "%s/apus_slow.ko", argv[2]);
    unsigned loads[256] = {}, unloads[256] = {};
    for (unsigned cycle = 0; cycle < cycles; cycle++) {
        if (cycle % 10 == 3)
            loads[load(failing, "")]++;
        if (cycle % 100 == 7) {
            race(slow, loads);
            unloads[unload("apus_slow", 0)]++;
        }
        loads[load(plain, "")]++;
        unloads[unload("apus_plain", 0)]++;
    }
    tell_counts("loads", loads);
    tell_counts("unloads", unloads);
    return 0;
}
