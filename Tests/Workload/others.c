// SPDX-License-Identifier: Apache-2.0
// Blocked in something that a tracer may have no name for: a file lock, an eventfd, a System V
// message queue, one after another.
#include "workload.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/file.h>
#include <sys/ipc.h>
#include <sys/msg.h>

static uint64_t slept_ns, join_ns;

/// Like after_join, but sums up.
static void join(struct after *after) {
    const uint64_t begin = now_ns();
    pthread_join(after->thread, nullptr);
    join_ns += now_ns() - begin;
    slept_ns += after->slept_ns;
}

static void unlock(void *context) { check(flock(*(int *)context, LOCK_UN), "flock"); }

static void write_event(void *context) {
    check(TEMP_FAILURE_RETRY(eventfd_write(*(int *)context, 1)), "write to an eventfd");
}

struct message {
    long type;
    char text[1];
};

static void send_message(void *context) {
    const struct message message = {.type = 1};
    check(TEMP_FAILURE_RETRY(msgsnd(*(int *)context, &message, sizeof message.text, 0)), "msgsnd");
}

static uint64_t wait_for_lock(uint64_t length_ns) {
    int holder = temporary_file();
    // A second open file description of the same file: flock(2) locks belong to those.
    char path[64];
    snprintf(path, sizeof path, "/proc/self/fd/%d", holder);
    const int waiter = (int)check(open(path, O_RDWR | O_CLOEXEC), path);
    check(flock(holder, LOCK_EX), "flock");
    struct after unlocker;
    after_start(&unlocker, length_ns, unlock, &holder);
    const uint64_t begin = now_ns();
    check(TEMP_FAILURE_RETRY(flock(waiter, LOCK_EX)), "flock");
    const uint64_t waited = now_ns() - begin;
    join(&unlocker);
    return waited;
}

static uint64_t wait_for_event(uint64_t length_ns) {
    int fd = (int)check(eventfd(0, EFD_CLOEXEC), "eventfd");
    eventfd_t value;
    struct after writer;
    after_start(&writer, length_ns, write_event, &fd);
    const uint64_t begin = now_ns();
    check(TEMP_FAILURE_RETRY(eventfd_read(fd, &value)), "read from an eventfd");
    const uint64_t waited = now_ns() - begin;
    join(&writer);
    return waited;
}

/// False where the kernel has no System V message queues.
static bool wait_for_message(uint64_t length_ns, uint64_t *waited) {
    int queue = msgget(IPC_PRIVATE, 0600);
    if (queue == -1 && errno == ENOSYS)
        return false;
    check(queue, "msgget");
    struct message message;
    struct after sender;
    after_start(&sender, length_ns, send_message, &queue);
    const uint64_t begin = now_ns();
    const long got = TEMP_FAILURE_RETRY(msgrcv(queue, &message, sizeof message.text, 0, 0));
    *waited = now_ns() - begin;
    const int error = errno;
    join(&sender);
    check(msgctl(queue, IPC_RMID, nullptr), "IPC_RMID");
    if (got == -1)
        fail_with(error, "msgrcv");
    return true;
}

int run_other(int, char **argv) {
    const uint64_t length_ns = milliseconds(argv[1]) * NS_PER_MS;
    const uint64_t lock_ns = wait_for_lock(length_ns);
    const uint64_t event_ns = wait_for_event(length_ns);
    uint64_t message_ns = 0;
    const bool has_messages = wait_for_message(length_ns, &message_ns);
    truth_number("blocked_flock_ns", lock_ns);
    truth_number("blocked_eventfd_ns", event_ns);
    if (has_messages)
        truth_number("blocked_msgrcv_ns", message_ns);
    else
        truth_null("blocked_msgrcv_ns");
    truth_number("blocked_other_ns", lock_ns + event_ns + message_ns);
    truth_number("blocked_sleep_ns", slept_ns);
    truth_number("join_ns", join_ns);
    return 0;
}
