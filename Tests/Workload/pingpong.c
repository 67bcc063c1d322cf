// SPDX-License-Identifier: Apache-2.0
// Round trips between two processes or two threads: the cost of a block and a wakeup.
#include "workload.h"

#include <fcntl.h>

#define MAX_TRIPS 1'000'000'000ULL

static void truth_trips(uint64_t count, uint64_t taken_ns) {
    truth_number("round_trips", count);
    truth_number("section_ns", taken_ns);
    truth_real("ns_per_round_trip", (double)taken_ns / (double)count);
}

static void send_byte(int fd) {
    if (TEMP_FAILURE_RETRY(write(fd, "", 1)) != 1)
        fail("write to a pipe");
}

static void receive_byte(int fd) {
    char byte;
    const ssize_t got = TEMP_FAILURE_RETRY(read(fd, &byte, 1));
    if (got == 0)
        fail_with(EPIPE, "read from a pipe");
    check(got, "read from a pipe");
}

int run_pipe_ping_pong(int, char **argv) {
    const uint64_t count = number(argv[1], "N", 1, MAX_TRIPS);
    int ping[2], pong[2];
    check(pipe2(ping, O_CLOEXEC), "pipe");
    check(pipe2(pong, O_CLOEXEC), "pipe");
    const pid_t child = fork_child();
    if (child == 0) {
        pin_role(1);
        // Without this end the parent's death would not end the reads below.
        close(ping[1]);
        for (uint64_t i = 0; i <= count; i++) {
            receive_byte(ping[0]);
            send_byte(pong[1]);
        }
        _exit(0);
    }
    close(pong[1]);
    // One trip more, unmeasured, waits until the child is there.
    send_byte(ping[1]);
    receive_byte(pong[0]);
    const uint64_t begin = now_ns();
    for (uint64_t i = 0; i < count; i++) {
        send_byte(ping[1]);
        receive_byte(pong[0]);
    }
    truth_trips(count, now_ns() - begin);
    truth_number("blocked_child_ns", reap(child));
    return 0;
}

struct table {
    uint32_t turn;
    uint64_t count;
};

static void take_turns(struct table *table, uint32_t mine, uint64_t count) {
    for (uint64_t i = 0; i < count; i++) {
        uint32_t turn;
        while ((turn = __atomic_load_n(&table->turn, __ATOMIC_ACQUIRE)) != mine)
            futex_wait(&table->turn, turn);
        __atomic_store_n(&table->turn, !mine, __ATOMIC_RELEASE);
        futex_wake(&table->turn);
    }
}

static void *second_player(void *context) {
    struct table *table = context;
    pin_role(1);
    take_turns(table, 1, table->count + 1);
    return nullptr;
}

int run_futex_ping_pong(int, char **argv) {
    struct table table = {.count = number(argv[1], "N", 1, MAX_TRIPS)};
    pthread_t thread;
    const int error = pthread_create(&thread, nullptr, second_player, &table);
    if (error)
        fail_with(error, "pthread_create");
    take_turns(&table, 0, 1);
    const uint64_t begin = now_ns();
    take_turns(&table, 0, table.count);
    const uint64_t taken = now_ns() - begin;
    pthread_join(thread, nullptr);
    truth_trips(table.count, taken);
    return 0;
}
