// SPDX-License-Identifier: Apache-2.0
// Ends and names: exit, signal, name.
#include "workload.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>

int run_exit(int, char **argv) {
    const int code = (int)number(argv[1], "CODE", 0, 255);
    truth_number("exit_code", (uint64_t)code);
    return code;
}

static int signal_number(const char *name) {
    if (*name >= '0' && *name <= '9')
        return (int)number(name, "a signal", 1, (uint64_t)SIGRTMAX);
    if (strncmp(name, "SIG", 3) == 0)
        name += 3;
    for (int i = 1; i < NSIG; i++) {
        const char *known = sigabbrev_np(i);
        if (known && strcmp(known, name) == 0)
            return i;
    }
    usage_error("no signal is called '%s'", name);
}

int run_signal(int, char **argv) {
    const int signal = signal_number(argv[1]);
    // signal(7): these stop, continue or do nothing; all others end the process.
    static const int harmless[] = {SIGCHLD, SIGCONT, SIGSTOP, SIGTSTP,
                                   SIGTTIN, SIGTTOU, SIGURG,  SIGWINCH};
    for (size_t i = 0; i < sizeof harmless / sizeof *harmless; i++)
        if (signal == harmless[i])
            usage_error("%s does not end a process", argv[1]);
    truth_number("signal", (uint64_t)signal);
    truth_end();
    // It may have been inherited ignored or blocked; and no core file is wanted.
    const struct sigaction action = {.sa_handler = SIG_DFL};
    sigset_t none;
    sigemptyset(&none);
    if (signal != SIGKILL)
        check(sigaction(signal, &action, nullptr), "sigaction");
    check(sigprocmask(SIG_SETMASK, &none, nullptr), "sigprocmask");
    check(setrlimit(RLIMIT_CORE, &(struct rlimit){}), "RLIMIT_CORE");
    raise(signal);
    fail_with(EINTR, "still alive");
}

int run_name(int, char **argv) {
    char name[4097], hex[2 * 16 + 1] = "";
    const size_t length = unescape(argv[1], name, sizeof name - 1);
    name[length] = '\0';
    check(prctl(PR_SET_NAME, name), "PR_SET_NAME");
    // What the kernel made of it: it cuts at 15 bytes, and at the first zero.
    char kept[16] = "";
    check(prctl(PR_GET_NAME, kept), "PR_GET_NAME");
    for (size_t i = 0; kept[i]; i++)
        snprintf(hex + 2 * i, 3, "%02x", (unsigned)(unsigned char)kept[i]);
    const uint64_t begin = now_ns();
    sleep_until(begin + 20 * NS_PER_MS);
    truth_number("blocked_sleep_ns", now_ns() - begin);
    truth_text("name_hex", hex);
    return 0;
}
