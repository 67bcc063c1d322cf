// SPDX-License-Identifier: Apache-2.0
// The plain futex, and a wait on one.
#include "workload.h"

#include <limits.h>
#include <linux/futex.h>
#include <sys/syscall.h>

void futex_wait(uint32_t *word, uint32_t expected) {
    const long result = syscall(SYS_futex, word, FUTEX_WAIT_PRIVATE, expected, nullptr, nullptr, 0);
    if (result == -1 && errno != EAGAIN && errno != EINTR)
        fail("futex wait");
}

void futex_wake(uint32_t *word) {
    check(syscall(SYS_futex, word, FUTEX_WAKE_PRIVATE, INT_MAX, nullptr, nullptr, 0), "futex wake");
}

static void set_and_wake(void *context) {
    uint32_t *word = context;
    __atomic_store_n(word, 1, __ATOMIC_RELEASE);
    futex_wake(word);
}

int run_futex_wait(int, char **argv) {
    uint32_t word = 0;
    struct after waker;
    after_start(&waker, milliseconds(argv[1]) * NS_PER_MS, set_and_wake, &word);
    const uint64_t begin = now_ns();
    while (__atomic_load_n(&word, __ATOMIC_ACQUIRE) == 0)
        futex_wait(&word, 0);
    truth_number("blocked_futex_ns", now_ns() - begin);
    after_join(&waker);
    return 0;
}
