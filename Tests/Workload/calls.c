// SPDX-License-Identifier: Apache-2.0
// Short system calls, counted: getppid, readwrite, syscalls, compat.
// Two runs that differ in N alone differ by exactly that many calls in the whole process too: so
// the time is read once before and once after, and the cycle counter, whose calibration asks the
// clock a varying number of times, is not used.
#include "workload.h"

#include <fcntl.h>
#include <sys/syscall.h>

#define MAX_CALLS 10'000'000'000ULL

static void truth_calls(uint64_t turns, uint64_t calls_per_turn, uint64_t section_ns) {
    const uint64_t calls = turns * calls_per_turn;
    truth_number("syscalls", calls);
    truth_number("section_ns", section_ns);
    if (calls > 0)
        truth_real("ns_per_syscall", (double)section_ns / (double)calls);
    else
        truth_null("ns_per_syscall");
}

int run_getppid(int, char **argv) {
    const uint64_t count = number(argv[1], "N", 0, MAX_CALLS);
    const uint64_t begin = now_ns();
    // Raw, as a C library may answer by itself.
    for (uint64_t i = 0; i < count; i++)
        syscall(SYS_getppid);
    truth_calls(count, 1, now_ns() - begin);
    return 0;
}

int run_readwrite(int, char **argv) {
    const uint64_t count = number(argv[1], "N", 0, MAX_CALLS);
    const int zero = (int)check(open("/dev/zero", O_RDONLY | O_CLOEXEC), "/dev/zero");
    const int null = (int)check(open("/dev/null", O_WRONLY | O_CLOEXEC), "/dev/null");
    char byte;
    const uint64_t begin = now_ns();
    for (uint64_t i = 0; i < count; i++) {
        if (read(zero, &byte, 1) != 1 || write(null, &byte, 1) != 1)
            fail("one byte from /dev/zero to /dev/null");
    }
    truth_calls(count, 2, now_ns() - begin);
    truth_number("bytes_read", count);
    truth_number("bytes_written", count);
    return 0;
}

int run_compat(int, char **argv) {
    const uint64_t count = number(argv[1], "N", 0, MAX_CALLS);
    // As 32-bit programs ask for it; a kernel without them ends this with SIGSEGV.
    enum { GETPID = 20 };
    for (uint64_t i = 0; i < count; i++) {
        long result = GETPID;
        __asm__ volatile("int $0x80" : "+a"(result) : : "memory", "cc", "r8", "r9", "r10", "r11");
        if (result != getpid())
            fail("a 32-bit getpid");
    }
    truth_number("compat_calls", count);
    return 0;
}

int run_syscalls(int, char **argv) {
    const uint64_t count = number(argv[1], "N", 0, MAX_CALLS);
    // Two calls to getsid, which nothing else here makes, mark the section; they are not in N.
    syscall(SYS_getsid, 0);
    const uint64_t begin = now_ns();
    for (uint64_t i = 0; i < count; i++)
        syscall(SYS_getppid);
    const uint64_t taken = now_ns() - begin;
    syscall(SYS_getsid, 0);
    truth_text("syscall", "getppid");
    truth_text("marker", "getsid");
    truth_calls(count, 1, taken);
    return 0;
}
