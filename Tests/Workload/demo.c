// SPDX-License-Identifier: Apache-2.0
// A small pipeline with a bit of everything. A producer makes items and sends them down a pipe; a
// reader puts them in a queue; two workers take them out, work on them, and log them to a file that
// is synced now and then. A child process, meanwhile, computes and then sleeps.
#include "workload.h"

#include <fcntl.h>
#include <sys/syscall.h>

#define QUEUE_ITEMS 64
#define WORKERS 2
#define STOP 0

struct demo {
    uint64_t end_ns;
    int pipe[2];
    int log;
    pthread_mutex_t mutex;
    pthread_cond_t filled, emptied;
    uint64_t items[QUEUE_ITEMS];
    uint64_t put, taken;
    uint64_t made, done, synced;
};

static void *produce(void *context) {
    struct demo *demo = context;
    struct spin spin = {};
    while (now_ns() < demo->end_ns) {
        // A burst, then a pause: as requests come in.
        for (int i = 0; i < 8; i++) {
            spin_for_ns(&spin, 150 * NS_PER_US);
            demo->made++;
            check(TEMP_FAILURE_RETRY(write(demo->pipe[1], &demo->made, sizeof demo->made)), "pipe");
        }
        sleep_ns(4 * NS_PER_MS);
    }
    close(demo->pipe[1]);
    return nullptr;
}

static void put(struct demo *demo, uint64_t item) {
    pthread_mutex_lock(&demo->mutex);
    while (demo->put - demo->taken == QUEUE_ITEMS)
        pthread_cond_wait(&demo->emptied, &demo->mutex);
    demo->items[demo->put++ % QUEUE_ITEMS] = item;
    pthread_cond_signal(&demo->filled);
    pthread_mutex_unlock(&demo->mutex);
}

static uint64_t take(struct demo *demo) {
    pthread_mutex_lock(&demo->mutex);
    while (demo->put == demo->taken)
        pthread_cond_wait(&demo->filled, &demo->mutex);
    const uint64_t item = demo->items[demo->taken++ % QUEUE_ITEMS];
    pthread_cond_signal(&demo->emptied);
    pthread_mutex_unlock(&demo->mutex);
    return item;
}

static void *read_items(void *context) {
    struct demo *demo = context;
    uint64_t item;
    // Eight bytes are written and read whole: fewer than PIPE_BUF, pipe(7).
    while (check(TEMP_FAILURE_RETRY(read(demo->pipe[0], &item, sizeof item)), "pipe") > 0)
        put(demo, item);
    for (int i = 0; i < WORKERS; i++)
        put(demo, STOP);
    return nullptr;
}

static void *work(void *context) {
    struct demo *demo = context;
    struct spin spin = {};
    uint64_t item;
    char bytes[16 << 10];
    while ((item = take(demo)) != STOP) {
        spin_for_ns(&spin, 200 * NS_PER_US);
        check(syscall(SYS_getrandom, bytes, sizeof bytes, 0), "getrandom");
        check(TEMP_FAILURE_RETRY(write(demo->log, bytes, sizeof bytes)), "log");
        if (item % 100 == 0) {
            check(TEMP_FAILURE_RETRY(fdatasync(demo->log)), "fdatasync");
            __atomic_fetch_add(&demo->synced, 1, __ATOMIC_RELAXED);
        }
        __atomic_fetch_add(&demo->done, 1, __ATOMIC_RELAXED);
    }
    return nullptr;
}

static pthread_t start(const char *name, void *(*body)(void *), struct demo *demo) {
    pthread_t thread;
    int error = pthread_create(&thread, nullptr, body, demo);
    if (!error)
        error = pthread_setname_np(thread, name);
    if (error)
        fail_with(error, "pthread_create");
    return thread;
}

int run_demo(int argc, char **argv) {
    const uint64_t length_ns = (argc > 1 ? milliseconds(argv[1]) : 1000) * NS_PER_MS;
    struct demo demo = {.end_ns = now_ns() + length_ns,
                        .log = temporary_file(),
                        .mutex = PTHREAD_MUTEX_INITIALIZER,
                        .filled = PTHREAD_COND_INITIALIZER,
                        .emptied = PTHREAD_COND_INITIALIZER};
    const pid_t child = fork_child();
    if (child == 0) {
        pthread_setname_np(pthread_self(), "compress");
        struct spin spin = {};
        spin_for_ns(&spin, length_ns / 4);
        sleep_ns(length_ns / 8);
        _exit(0);
    }
    // After the fork: a second writer would keep the pipe from ending.
    check(pipe2(demo.pipe, O_CLOEXEC), "pipe");
    pthread_t threads[WORKERS + 2] = {start("producer", produce, &demo),
                                      start("reader", read_items, &demo)};
    for (int i = 0; i < WORKERS; i++)
        threads[2 + i] = start("worker", work, &demo);
    const uint64_t child_ns = reap(child);
    for (int i = 0; i < WORKERS + 2; i++)
        pthread_join(threads[i], nullptr);
    truth_number("blocked_child_ns", child_ns);
    truth_number("threads", WORKERS + 3);
    truth_number("processes", 2);
    truth_number("items_made", demo.made);
    truth_number("items_done", demo.done);
    truth_number("syncs", demo.synced);
    return demo.made == demo.done ? 0 : 1;
}
