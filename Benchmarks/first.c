// SPDX-License-Identifier: Apache-2.0
// The time of its own first instruction, CLOCK_MONOTONIC in nanoseconds. Static, so that no loader
// runs before.
#include <stdio.h>
#include <time.h>

int main(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    printf("%lld\n", now.tv_sec * 1000000000LL + now.tv_nsec);
}
