// SPDX-License-Identifier: Apache-2.0
// The same amount of arithmetic each time, some 5 ms: what disturbs it can only make it longer.
#include <stdint.h>
#include <stdlib.h>

int main(int argc, char **argv) {
    uint64_t turns = argc > 1 ? strtoull(argv[1], NULL, 10) : 2'400'000, state = 1;

    // Each turn waits for the one before.
    for (uint64_t i = 0; i < turns; i++) {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
    }
    return state == 0;
}
