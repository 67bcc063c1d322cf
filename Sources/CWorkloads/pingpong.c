// SPDX-License-Identifier: Apache-2.0
// Round trips between two processes or two threads: a block and a wakeup each way.
#include "workloads.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/wait.h>

static void send_byte(int fd) {
    if (write(fd, "", 1) != 1)
        apus_workload_fail("write to a pipe");
}

/// False: nobody can write any more.
static int receive_byte(int fd) {
    char byte;
    return check(read(fd, &byte, 1), "read from a pipe") == 1;
}

static void round_trips(struct player *self, uint64_t count) {
    for (uint64_t i = 0; i < count; i++) {
        send_byte(self->fds[1]);
        if (!receive_byte(self->fds[2])) {
            errno = EPIPE;
            apus_workload_fail("read from a pipe");
        }
    }
}

static void start_partner(struct player *self) {
    int ping[2], pong[2];
    check(pipe2(ping, O_CLOEXEC), "pipe");
    check(pipe2(pong, O_CLOEXEC), "pipe");
    self->child = (pid_t)check(syscall(SYS_fork), "fork");
    if (self->child == 0) {
        close(ping[1]);
        close(pong[0]);
        // One trip more, unmeasured: then the partner is there.
        for (uint64_t i = 0; i <= self->count && receive_byte(ping[0]); i++)
            send_byte(pong[1]);
        _exit(0);
    }
    close(ping[0]);
    close(pong[1]);
    self->fds[1] = ping[1];
    self->fds[2] = pong[0];
    round_trips(self, 1);
}

static void run_pipe(struct player *self) {
    round_trips(self, self->count);
    self->calls += 4 * self->count;
}

static void end_partner(struct player *self) {
    int status;
    check(waitpid(self->child, &status, 0), "waitpid");
    close(self->fds[1]);
    close(self->fds[2]);
    if (status != 0) {
        errno = ECHILD;
        apus_workload_fail("the other process");
    }
}

const struct workload apus_pipe_ping_pong = {
    {"pipe-ping-pong", "two processes send a byte to and fro, through pipes", "round trip", 4, 0},
    start_partner,
    run_pipe,
    end_partner,
};

struct table {
    uint32_t turn;
    uint32_t over;
    struct player other;
};

static void take_turns(struct player *self, struct table *table, uint32_t mine, uint64_t count) {
    for (uint64_t i = 0; i < count; i++) {
        latch_await(self, &table->turn, mine);
        __atomic_store_n(&table->turn, !mine, __ATOMIC_RELEASE);
        latch_wake(self, &table->turn);
    }
}

static void *play_second(void *context) {
    struct table *table = context;
    table->other.tid = gettid();
    take_turns(&table->other, table, 1, table->other.count + 1);
    // Counted before it is made: afterwards nobody looks.
    table->other.calls++;
    __atomic_store_n(&table->over, 1, __ATOMIC_RELEASE);
    struct player uncounted = {};
    latch_wake(&uncounted, &table->over);
    return nullptr;
}

static void seat_second(struct player *self) {
    struct table *table = calloc(1, sizeof *table);
    if (!table)
        apus_workload_fail("calloc");
    self->memory = table;
    table->other.count = self->count;
    start_thread(play_second, table);
    take_turns(self, table, 0, 1);
}

static void run_futex(struct player *self) { take_turns(self, self->memory, 0, self->count); }

static void leave_table(struct player *self) {
    struct table *table = self->memory;
    latch_await(self, &table->over, 1);
    self->calls += table->other.calls;
    await_end(self, table->other.tid);
    free(table);
}

const struct workload apus_futex_ping_pong = {
    {"futex-ping-pong", "two threads wake each other by turns", "round trip", 4, 0},
    seat_second,
    run_futex,
    leave_table,
};
