// SPDX-License-Identifier: Apache-2.0
#include "workload.h"

static void *run(void *context) {
    struct after *after = context;
    pin_role(1);
    const uint64_t begin = now_ns();
    sleep_until(begin + after->delay_ns);
    after->slept_ns = now_ns() - begin;
    after->act(after->context);
    return nullptr;
}

void after_start(struct after *after, uint64_t delay_ns, void (*act)(void *), void *context) {
    *after = (struct after){.delay_ns = delay_ns, .act = act, .context = context};
    const int error = pthread_create(&after->thread, nullptr, run, after);
    if (error)
        fail_with(error, "pthread_create");
}

void after_join(struct after *after) {
    const uint64_t begin = now_ns();
    const int error = pthread_join(after->thread, nullptr);
    if (error)
        fail_with(error, "pthread_join");
    truth_number("blocked_sleep_ns", after->slept_ns);
    truth_number("join_ns", now_ns() - begin);
}
