// SPDX-License-Identifier: Apache-2.0
// Runs a program under reference.bpf.c, and prints the sums as one line of JSON on standard error:
//
//     reference OBJECT empty|clock|calls|switches PROGRAM [ARGUMENTS]
//
// Time is counted from before the program executes to the exit of each of its threads.
#define _GNU_SOURCE
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <err.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

// As in reference.bpf.c.
enum { USER, SYSTEM, BLOCKED, RUNNABLE, STATES };

struct thread {
    uint64_t since_ns;
    uint64_t state;
    uint64_t ns[STATES];
    uint64_t syscalls;
    uint64_t switches;
};

// A program whose name says a mode is of that mode alone.
static _Bool is_wanted(const char *program, const char *mode) {
    const size_t length = strlen(mode);
    if (strncmp(program, mode, length) == 0 && program[length] == '_')
        return 1;
    const _Bool is_switch =
        strcmp(program, "sched_switch") == 0 || strcmp(program, "sched_wakeup") == 0;
    const _Bool is_call =
        !is_switch && strncmp(program, "empty_", 6) != 0 && strncmp(program, "clock_", 6) != 0;
    return (strcmp(mode, "switches") == 0 && is_switch) ||
           ((strcmp(mode, "switches") == 0 || strcmp(mode, "calls") == 0) && is_call);
}

static uint64_t now_ns(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

// A child that executes the program when a byte comes through *start.
static pid_t launch(char **arguments, int *start) {
    int ends[2];
    if (pipe2(ends, O_CLOEXEC))
        err(1, "pipe");
    const pid_t pid = fork();
    if (pid < 0)
        err(1, "fork");
    if (pid == 0) {
        char byte;
        close(ends[1]);
        if (read(ends[0], &byte, 1) != 1)
            _exit(1);
        execvp(*arguments, arguments);
        err(127, "%s", *arguments);
    }
    close(ends[0]);
    *start = ends[1];
    return pid;
}

int main(int argc, char **argv) {
    if (argc < 4)
        errx(64, "usage: reference OBJECT empty|clock|calls|switches PROGRAM [ARGUMENTS]");
    struct bpf_object *object = bpf_object__open_file(argv[1], NULL);
    if (!object)
        err(1, "%s", argv[1]);
    struct bpf_program *program;
    bpf_object__for_each_program(program, object)
        bpf_program__set_autoload(program, is_wanted(bpf_program__name(program), argv[2]));
    if (bpf_object__load(object))
        err(1, "load");

    int start, status;
    const pid_t pid = launch(argv + 3, &start);
    const int handle = (int)syscall(SYS_pidfd_open, pid, 0);
    const struct thread first = {.since_ns = now_ns(), .state = SYSTEM};
    const int threads = bpf_object__find_map_fd_by_name(object, "threads");
    if (handle < 0 || bpf_map_update_elem(threads, &handle, &first, BPF_ANY))
        err(1, "marking the target");
    // A link without an owner: it goes with this process.
    bpf_object__for_each_program(program, object) if (bpf_program__autoload(program) &&
                                                      !bpf_program__attach(program))
        err(1, "attach %s", bpf_program__name(program));
    if (write(start, "", 1) != 1 || waitpid(pid, &status, 0) != pid)
        err(1, "running %s", argv[3]);

    struct thread total = {};
    const uint32_t zero = 0;
    const int data = bpf_object__find_map_fd_by_name(object, ".bss");
    if (data < 0 || bpf_map_lookup_elem(data, &zero, &total))
        err(1, "reading the sums");
    fprintf(stderr,
            "{\"user_ns\":%lu,\"system_ns\":%lu,\"blocked_ns\":%lu,\"runnable_ns\":%lu,"
            "\"syscalls\":%lu,\"switches\":%lu}\n",
            total.ns[USER], total.ns[SYSTEM], total.ns[BLOCKED], total.ns[RUNNABLE], total.syscalls,
            total.switches);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}
