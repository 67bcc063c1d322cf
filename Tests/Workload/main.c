// SPDX-License-Identifier: Apache-2.0
// Small programs whose behaviour is known, for a tracer to observe. Each keeps its own account, and
// prints it at its end: one line of JSON on standard output.
#include "workload.h"

#include <stdio.h>
#include <string.h>

// name in argv, C name, least and most arguments, usage, help
#define WORKLOADS(X)                                                                               \
    X("split", split, 3, 3, "TOTAL_MS USER_US SYSTEM_US", "user and system time by turns")         \
    X("spin", spin, 1, 2, "MS [THREADS]", "pure user CPU")                                         \
    X("shares", shares, 1, 1, "MS", "user CPU: spin_half 50 %, spin_third 30 %, spin_fifth 20 %")  \
    X("hostile", hostile, 1, 1, "MS", "user CPU in a function with a bad name")                    \
    X("jit", jit, 1, 1, "MS", "user CPU in code that it makes, with a perf map")                   \
    X("stacks", stacks, 1, 2, "N [MS]", "a wait in each of N stacks")                              \
    X("preempt", preempt, 1, 1, "MS", "two processes spin on one CPU")                             \
    X("migrate", migrate, 1, 1, "N", "moves itself between CPUs 0 and 1")                          \
    X("dodge-tick", dodge_tick, 1, 1, "MS", "works between ticks, sleeps when one is due")         \
    X("getppid", getppid, 1, 1, "N", "N calls to getppid")                                         \
    X("readwrite", readwrite, 1, 1, "N", "N one-byte reads and N one-byte writes")                 \
    X("syscalls", syscalls, 1, 1, "N", "exactly N calls between two calls to getsid")              \
    X("compat", compat, 1, 1, "N", "exactly N calls of 32-bit programs: getpid")                   \
    X("pipe-ping-pong", pipe_ping_pong, 1, 1, "N", "round trips between two processes")            \
    X("futex-ping-pong", futex_ping_pong, 1, 1, "N", "round trips between two threads")            \
    X("sleep", sleep, 1, 2, "MS [N]", "N sleeps of MS")                                            \
    X("futex-wait", futex_wait, 1, 1, "MS", "blocked on a futex")                                  \
    X("pipe-read", pipe_read, 1, 1, "MS", "blocked reading an empty pipe")                         \
    X("pipe-write", pipe_write, 1, 1, "MS", "blocked writing to a full pipe")                      \
    X("socket", socket, 1, 2, "MS [unix|tcp]", "blocked receiving from a socket")                  \
    X("poll", poll, 1, 1, "MS", "blocked in poll")                                                 \
    X("epoll", epoll, 1, 1, "MS", "blocked in epoll_wait")                                         \
    X("select", select, 1, 1, "MS", "blocked in select")                                           \
    X("child-wait", child_wait, 1, 1, "MS", "blocked waiting for a child, which spins")            \
    X("vfork", vfork, 1, 1, "MS", "blocked in vfork, while the child sleeps")                      \
    X("stopped", stopped, 1, 1, "MS", "a child stopped by SIGSTOP")                                \
    X("other", other, 1, 1, "MS", "blocked in flock, eventfd and msgrcv, MS in each")              \
    X("file", file, 1, 1, "MB", "writes and syncs a file in $TMPDIR, or here")                     \
    X("page-in", page_in, 1, 1, "MB", "major faults on a file in $TMPDIR, or here")                \
    X("fault", fault, 1, 1, "PAGES", "minor faults on fresh pages of 4 KiB")                       \
    X("headless", headless, 1, 1, "MS", "the first thread ends at once, another sleeps MS")        \
    X("threads", threads, 1, 2, "N [MS]", "N threads alive at once, each sleeps MS")               \
    X("forks", forks, 1, 1, "N", "fork, exit and wait, one after another")                         \
    X("tree", tree, 2, 2, "DEPTH FANOUT", "a tree of processes, each spins 1 ms")                  \
    X("exec-chain", exec_chain, 1, 2, "N [DONE]", "executes itself N times")                       \
    X("name", name, 1, 1, "BYTES", "sets its name, C escapes and all; sleeps 20 ms")               \
    X("signal", signal, 1, 1, "NAME", "kills itself")                                              \
    X("exit", exit, 1, 1, "CODE", "exits with CODE")                                               \
    X("signals", signals, 1, 1, "N", "N signals to itself, each handled")                          \
    X("thread-exec", thread_exec, 1, 1, "CODE", "a second thread executes; exits with CODE")       \
    X("affinity", affinity, 0, 0, "", "asks on which CPUs it may run")                             \
    X("patient", patient, 1, 1, "MS", "blocked in epoll_wait, fails if it is interrupted")         \
    X("module-load", module_load, 1, 2, "FILE [PARAMETERS]", "one finit_module")                   \
    X("module-load-from-memory", module_load_from_memory, 1, 2, "FILE [PARAMETERS]",               \
      "one init_module")                                                                           \
    X("module-unload", module_unload, 1, 2, "NAME [force]", "one delete_module")                   \
    X("module-refusals", module_refusals, 1, 1, "N",                                               \
      "N times delete_module of one that is not there")                                            \
    X("module-race", module_race, 3, 3, "FILE NAME N",                                             \
      "N times eight loads at once, and an unload")                                                \
    X("module-cycles", module_cycles, 2, 2, "N FOLDER", "N loads and unloads, and others between") \
    X("lists", lists, 0, 0, "",                                                                    \
      "calls with masks, sets, control messages and lists of descriptors")                         \
    X("demo", demo, 0, 1, "[MS]", "a pipeline with a bit of everything")

#define DECLARE(name, c_name, least, most, usage, help) workload_main run_##c_name;
WORKLOADS(DECLARE)

#define ROW(name, c_name, least, most, usage, help) {name, run_##c_name, least, most, usage, help},
static const struct workload {
    const char *name;
    workload_main *run;
    int least, most;
    const char *usage, *help;
} workloads[] = {WORKLOADS(ROW)};

static const size_t count = sizeof workloads / sizeof *workloads;

static int help(void) {
    puts("usage: workload NAME [ARGUMENTS] [--cpu A[,B]]\n"
         "\n"
         "Does something known, and prints what it did as one line of JSON. With --cpu, the\n"
         "main thread runs on CPU A, and the second thread or process, if any, on B (or A).\n");
    for (size_t i = 0; i < count; i++)
        printf("  %-16s%-28s%s\n", workloads[i].name, workloads[i].usage, workloads[i].help);
    return 0;
}

int main(int argc, char **argv) {
    if (argc < 2 || strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0)
        return help();
    argc = take_cpu_option(argc - 1, argv + 1);
    argv++;
    for (size_t i = 0; argc > 0 && i < count; i++) {
        const struct workload *workload = &workloads[i];
        if (strcmp(argv[0], workload->name) != 0)
            continue;
        if (argc - 1 < workload->least || argc - 1 > workload->most)
            usage_error("usage: workload %s %s", workload->name, workload->usage);
        pin_role(0);
        clock_start();
        truth_begin(workload->name);
        const int status = workload->run(argc, argv);
        truth_end();
        return status;
    }
    usage_error("no workload is called '%s'", argc > 0 ? argv[0] : "");
}
