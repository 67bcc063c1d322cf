// SPDX-License-Identifier: Apache-2.0
// A parent that waits for its child: child-wait, vfork, stopped.
#include "workload.h"

#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>

pid_t fork_child(void) { return (pid_t)check(fork(), "fork"); }

static int wait_for(pid_t child, int options) {
    int status;
    check(TEMP_FAILURE_RETRY(waitpid(child, &status, options)), "waitpid");
    return status;
}

uint64_t reap(pid_t child) {
    const uint64_t begin = now_ns();
    const int status = wait_for(child, 0);
    const uint64_t taken = now_ns() - begin;
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
        fail_with(ECHILD, "the child failed");
    return taken;
}

int run_child_wait(int, char **argv) {
    const uint64_t length = cycles_of(milliseconds(argv[1]) * NS_PER_MS);
    struct spin *spin = shared_memory(sizeof *spin);
    const uint64_t begin = now_ns();
    const pid_t child = fork_child();
    if (child == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        pin_role(1);
        spin_for_cycles(spin, length);
        _exit(0);
    }
    truth_number("fork_ns", now_ns() - begin);
    truth_number("blocked_child_ns", reap(child));
    truth_number("child_user_ns", ns_of(spin->run_cycles));
    truth_number("child_gap_ns", ns_of(spin->gap_cycles));
    return 0;
}

int run_vfork(int, char **argv) {
    const uint64_t length_ms = milliseconds(argv[1]);
    const struct timespec length = {(time_t)(length_ms / 1000),
                                    (long)(length_ms % 1000) * 1'000'000};
    const uint64_t begin = now_ns();
    // The child borrows the parent's stack: it does nothing but two raw calls.
    const pid_t child = vfork();
    if (child == 0) {
        syscall(SYS_nanosleep, &length, nullptr);
        _exit(0);
    }
    check(child, "vfork");
    truth_number("blocked_vfork_ns", now_ns() - begin);
    truth_number("blocked_child_ns", reap(child));
    return 0;
}

int run_stopped(int, char **argv) {
    const uint64_t length_ns = milliseconds(argv[1]) * NS_PER_MS;
    uint64_t *stopped_ns = shared_memory(sizeof *stopped_ns);
    const pid_t child = fork_child();
    if (child == 0) {
        pin_role(1);
        const uint64_t begin = now_ns();
        raise(SIGSTOP);
        *stopped_ns = now_ns() - begin;
        _exit(0);
    }
    const uint64_t begin = now_ns();
    if (!WIFSTOPPED(wait_for(child, WUNTRACED)))
        fail_with(ECHILD, "the child did not stop");
    const uint64_t stopped = now_ns();
    sleep_until(stopped + length_ns);
    const uint64_t continued = now_ns();
    check(kill(child, SIGCONT), "SIGCONT");
    const uint64_t reap_ns = reap(child);
    truth_number("blocked_stopped_ns", *stopped_ns);
    truth_number("blocked_sleep_ns", continued - stopped);
    truth_number("blocked_child_ns", stopped - begin + reap_ns);
    return 0;
}
