// SPDX-License-Identifier: Apache-2.0
// The least that observes calls by ptrace: stops at each entry and return, reads the call, and
// counts. usage: tracer free|pinned PROGRAM [ARGUMENTS]: tracer and program on any CPU, or both on
// one.
#define _GNU_SOURCE
#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

int main(int argc, char **argv) {
    if (argc < 3 || (strcmp(argv[1], "free") && strcmp(argv[1], "pinned"))) {
        fprintf(stderr, "usage: tracer free|pinned PROGRAM [ARGUMENTS]\n");
        return 64;
    }
    if (strcmp(argv[1], "pinned") == 0) {
        cpu_set_t one;
        CPU_ZERO(&one);
        CPU_SET(sched_getcpu(), &one);
        sched_setaffinity(0, sizeof(one), &one);
    }
    pid_t child = fork();
    if (child == 0) {
        raise(SIGSTOP);
        execvp(argv[2], argv + 2);
        _exit(127);
    }
    int status = 0;
    unsigned long long calls = 0;
    waitpid(child, &status, WUNTRACED);
    if (ptrace(PTRACE_SEIZE, child, 0, PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACEEXEC)) {
        perror("PTRACE_SEIZE");
        kill(child, SIGKILL);
        return 125;
    }
    kill(child, SIGCONT);
    while (waitpid(child, &status, __WALL) > 0 && WIFSTOPPED(status)) {
        struct __ptrace_syscall_info info;
        int signal = WSTOPSIG(status), event = status >> 16;
        if (signal == (SIGTRAP | 0x80)) {
            if (ptrace(PTRACE_GET_SYSCALL_INFO, child, sizeof(info), &info) > 0 &&
                info.op == PTRACE_SYSCALL_INFO_EXIT)
                calls++;
            signal = 0;
        } else if (event) {
            signal = 0;
        }
        ptrace(PTRACE_SYSCALL, child, 0, signal);
    }
    fprintf(stderr, "{\"calls\": %llu}\n", calls);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128;
}
