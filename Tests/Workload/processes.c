// SPDX-License-Identifier: Apache-2.0
// Processes that come and go: forks, tree, exec-chain.
#include "workload.h"

#include <stdio.h>
#include <stdlib.h>

#define NODE_SPIN_NS NS_PER_MS
#define MAX_NODES 30'000

int run_forks(int, char **argv) {
    const uint64_t count = number(argv[1], "N", 1, 10'000'000);
    uint64_t wait_ns = 0;
    const uint64_t begin = now_ns();
    for (uint64_t i = 0; i < count; i++) {
        const pid_t child = fork_child();
        if (child == 0)
            _exit(0);
        wait_ns += reap(child);
    }
    const uint64_t taken = now_ns() - begin;
    truth_number("forks", count);
    truth_number("section_ns", taken);
    truth_number("wait_ns", wait_ns);
    truth_real("ns_per_fork", (double)taken / (double)count);
    return 0;
}

struct tree {
    uint64_t processes;
    uint64_t run_cycles;
    uint64_t spin_cycles;
    uint64_t fanout;
};

/// One node: starts its children, spins, and waits for them.
static void grow(struct tree *tree, uint64_t depth) {
    __atomic_fetch_add(&tree->processes, 1, __ATOMIC_RELAXED);
    const uint64_t count = depth > 0 ? tree->fanout : 0;
    pid_t *children = calloc(count + 1, sizeof *children);
    if (!children)
        fail("calloc");
    for (uint64_t i = 0; i < count; i++) {
        children[i] = fork_child();
        if (children[i] == 0) {
            grow(tree, depth - 1);
            _exit(0);
        }
    }
    struct spin spin = {};
    spin_for_cycles(&spin, tree->spin_cycles);
    __atomic_fetch_add(&tree->run_cycles, spin.run_cycles, __ATOMIC_RELAXED);
    for (uint64_t i = 0; i < count; i++)
        reap(children[i]);
    free(children);
}

int run_tree(int, char **argv) {
    const uint64_t depth = number(argv[1], "DEPTH", 0, 1000);
    const uint64_t fanout = number(argv[2], "FANOUT", 1, MAX_NODES);
    uint64_t nodes = 1, level = 1;
    for (uint64_t i = 0; i < depth; i++) {
        level *= fanout;
        nodes += level;
        if (nodes > MAX_NODES)
            usage_error("a tree of more than %d processes", MAX_NODES);
    }
    struct tree *tree = shared_memory(sizeof *tree);
    tree->fanout = fanout;
    tree->spin_cycles = cycles_of(NODE_SPIN_NS);
    grow(tree, depth);
    if (tree->processes != nodes)
        fail_with(ECHILD, "the tree is not complete");
    truth_number("processes", nodes);
    truth_number("forks", nodes - 1);
    truth_number("user_ns", ns_of(tree->run_cycles));
    return 0;
}

int run_exec_chain(int argc, char **argv) {
    const uint64_t left = number(argv[1], "N", 0, 1'000'000);
    const uint64_t done = argc > 2 ? number(argv[2], "DONE", 0, 1'000'000) : 0;
    if (left == 0) {
        truth_number("execs", done);
        return 0;
    }
    // By its real path: through /proc/self/exe the thread's name would become "exe".
    char path[4096], next[24], count[24];
    const ssize_t length =
        check(readlink("/proc/self/exe", path, sizeof path - 1), "/proc/self/exe");
    path[length] = '\0';
    snprintf(next, sizeof next, "%llu", (unsigned long long)left - 1);
    snprintf(count, sizeof count, "%llu", (unsigned long long)done + 1);
    execv(path, (char *[]){"workload", argv[0], next, count, nullptr});
    fail(path);
}
