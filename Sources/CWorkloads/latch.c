// SPDX-License-Identifier: Apache-2.0
// Threads that wait for one another. The C library's barriers and joins make calls or do not, as it
// comes; these count theirs.
#include "workloads.h"

#include <limits.h>
#include <linux/futex.h>
#include <pthread.h>
#include <signal.h>
#include <time.h>

void latch_wait(struct player *player, uint32_t *word, uint32_t expected) {
    const long result =
        CALL(player, SYS_futex, word, FUTEX_WAIT_PRIVATE, expected, nullptr, nullptr, 0);
    if (result == -1 && errno != EAGAIN && errno != EINTR)
        apus_workload_fail("futex wait");
}

void latch_wake(struct player *player, uint32_t *word) {
    check(CALL(player, SYS_futex, word, FUTEX_WAKE_PRIVATE, INT_MAX, nullptr, nullptr, 0),
          "futex wake");
}

void latch_await(struct player *player, uint32_t *word, uint32_t value) {
    uint32_t now;
    while ((now = __atomic_load_n(word, __ATOMIC_ACQUIRE)) != value)
        latch_wait(player, word, now);
}

void start_thread(void *(*body)(void *), void *context) {
    pthread_t thread;
    errno = pthread_create(&thread, nullptr, body, context);
    if (!errno)
        errno = pthread_detach(thread);
    if (errno)
        apus_workload_fail("pthread_create");
}

void await_end(struct player *player, pid_t tid) {
    const struct timespec moment = {.tv_nsec = 20'000};
    while (CALL(player, SYS_tgkill, getpid(), tid, 0) == 0) {
        player->calls++; // getpid, which the C library does not answer by itself
        CALL(player, SYS_nanosleep, &moment, nullptr);
    }
    player->calls++;
    if (errno != ESRCH)
        apus_workload_fail("tgkill");
}
