// SPDX-License-Identifier: Apache-2.0
// Calls whose arguments point to masks, sets, stacks, control messages and lists of descriptors:
// each once, in this order, with the same values in every run.
#include "workload.h"

#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <sys/wait.h>

static void masks(void) {
    // More bytes than any kernel has CPUs for.
    unsigned char own[2048] = {};
    const long size =
        check(syscall(SYS_sched_getaffinity, 0, sizeof own, own), "sched_getaffinity");
    check(syscall(SYS_sched_setaffinity, 0, size, own), "sched_setaffinity");
    own[0] |= 1;
    check(syscall(SYS_sched_setaffinity, 0, sizeof own, own), "sched_setaffinity");
    check(syscall(SYS_sched_setaffinity, 0, 1, own), "sched_setaffinity");
}

static void stacks(void) {
    stack_t old, new = {.ss_sp = shared_memory(1 << 16), .ss_size = 1 << 16};
    check(sigaltstack(nullptr, &old), "sigaltstack");
    check(sigaltstack(&new, &old), "sigaltstack");
    new.ss_flags = SS_DISABLE;
    check(sigaltstack(&new, &old), "sigaltstack");
}

static void sets(const int *ends, int full) {
    const struct timespec none = {};
    uint64_t signals = 1 << (SIGINT - 1) | 1 << (SIGTERM - 1);
    const struct {
        const uint64_t *set;
        size_t size;
    } mask = {&signals, sizeof signals}, no_mask = {nullptr, sizeof signals};
    fd_set in, out, except;
    FD_ZERO(&in);
    FD_ZERO(&out);
    FD_ZERO(&except);
    FD_SET(ends[0], &in);
    FD_SET(full, &in);
    FD_SET(ends[1], &out);
    FD_SET(ends[0], &except);
    check(syscall(SYS_pselect6, 10, &in, &out, &except, &none, &mask), "pselect6");
    check(syscall(SYS_pselect6, 10, nullptr, nullptr, nullptr, &none, &no_mask), "pselect6");
    check(syscall(SYS_pselect6, 10, nullptr, nullptr, nullptr, &none, nullptr), "pselect6");
}

/// Up to `count` descriptors, and who sends them.
static void send_message(int socket, const int *descriptors, unsigned count) {
    alignas(struct cmsghdr) char
        control[CMSG_SPACE(sizeof(struct ucred)) + CMSG_SPACE(80 * sizeof(int))] = {};
    struct iovec text = {.iov_base = "abc", .iov_len = 3};
    struct msghdr message = {.msg_iov = &text,
                             .msg_iovlen = 1,
                             .msg_control = control,
                             .msg_controllen = sizeof control};
    const struct ucred self = {.pid = getpid(), .uid = getuid(), .gid = getgid()};
    struct cmsghdr *header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_CREDENTIALS;
    header->cmsg_len = CMSG_LEN(sizeof self);
    memcpy(CMSG_DATA(header), &self, sizeof self);
    header = CMSG_NXTHDR(&message, header);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(count * sizeof *descriptors);
    memcpy(CMSG_DATA(header), descriptors, count * sizeof *descriptors);
    message.msg_controllen = CMSG_SPACE(sizeof self) + CMSG_SPACE(count * sizeof *descriptors);
    check(sendmsg(socket, &message, 0), "sendmsg");
}

static void receive_message(int socket, size_t control_size) {
    alignas(struct cmsghdr) char control[1024], text[8];
    struct iovec room = {.iov_base = text, .iov_len = sizeof text};
    struct msghdr message = {.msg_iov = &room,
                             .msg_iovlen = 1,
                             .msg_control = control_size ? control : nullptr,
                             .msg_controllen = control_size};
    check(recvmsg(socket, &message, MSG_CMSG_CLOEXEC), "recvmsg");
}

static void messages(const int *ends, int file) {
    const int one = 1, few[] = {file, ends[0], ends[1]};
    int many[80], pair[2];
    for (unsigned i = 0; i < 80; i++)
        many[i] = few[i % 3];
    check(socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0, pair), "socketpair");
    check(setsockopt(pair[1], SOL_SOCKET, SO_PASSCRED, &one, sizeof one), "SO_PASSCRED");
    check(setsockopt(pair[1], SOL_SOCKET, SO_TIMESTAMP, &one, sizeof one), "SO_TIMESTAMP");
    send_message(pair[0], few, 3);
    receive_message(pair[1], 1024);
    send_message(pair[0], many, 80);
    receive_message(pair[1], 1024);
    send_message(pair[0], few, 1);
    receive_message(pair[1], 0);
    close(pair[0]);
    close(pair[1]);
}

static void polls(const int *ends, int file) {
    const struct timespec none = {};
    struct pollfd wanted[40] = {{.fd = ends[0], .events = POLLIN},
                                {.fd = -1, .events = POLLIN},
                                {.fd = ends[1], .events = POLLOUT},
                                {.fd = -100},
                                {.fd = file, .events = POLLIN}};
    check(syscall(SYS_poll, wanted, 5, 0), "poll");
    for (unsigned i = 5; i < 40; i++)
        wanted[i] = wanted[0];
    check(syscall(SYS_ppoll, wanted, 40, &none, nullptr, 8), "ppoll");
}

/// Two messages at once, the second one of two pieces.
static void several(void) {
    struct iovec out[] = {{.iov_base = "ab", .iov_len = 2}, {.iov_base = "cde", .iov_len = 3}};
    struct mmsghdr messages[] = {{.msg_hdr = {.msg_iov = out, .msg_iovlen = 1}},
                                 {.msg_hdr = {.msg_iov = out, .msg_iovlen = 2}}};
    char text[3][4];
    struct iovec in[] = {{text[0], 4}, {text[1], 4}, {text[2], 4}};
    int pair[2];
    check(socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0, pair), "socketpair");
    check(sendmmsg(pair[0], messages, 2, 0), "sendmmsg");
    messages[0].msg_hdr.msg_iov = in;
    messages[1].msg_hdr.msg_iov = in + 1;
    check(recvmmsg(pair[1], messages, 2, 0, nullptr), "recvmmsg");
    if (recvmmsg(pair[1], messages, 2, MSG_DONTWAIT, nullptr) >= 0)
        fail("recvmmsg of nothing");
    close(pair[0]);
    close(pair[1]);
}

/// What an iovec and a msghdr lead to, in pages that nobody has touched.
static void untouched(const int *ends) {
    const int self = (int)check(open("/proc/self/exe", O_RDONLY | O_CLOEXEC), "/proc/self/exe");
    int pair[2];
    check(socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0, pair), "socketpair");
    for (unsigned i = 0; i < 2; i++) {
        struct iovec text = {mmap(nullptr, 4096, PROT_READ, MAP_PRIVATE, self, 0), 4};
        struct msghdr message = {.msg_iov = &text, .msg_iovlen = 1};
        if (text.iov_base == MAP_FAILED)
            fail("mmap");
        check(i ? sendmsg(pair[0], &message, 0) : writev(ends[1], &text, 1), "writev, sendmsg");
    }
    close(self);
    close(pair[0]);
    close(pair[1]);
}

/// What calls use of structures that end where nothing is mapped; nothing where nothing can be.
static void edges(const int *ends) {
    char *const pages =
        mmap(nullptr, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (pages == MAP_FAILED)
        fail("mmap");
    char *const end = pages + 4096;
    check(munmap(end, 4096), "munmap");
    // _LINUX_CAPABILITY_VERSION_1, which has three words of data.
    struct {
        uint32_t version;
        int pid;
    } header = {0x1998'0330, 0};
    check(syscall(SYS_capget, &header, end - 12), "capget");
    check(ioctl(ends[0], FIONREAD, end - 4), "FIONREAD");
    check(syscall(SYS_sched_getattr, 0, end - 48, 48, 0), "sched_getattr");
    check(syscall(SYS_rt_sigpending, end - 4, 4), "rt_sigpending");
    const struct f_owner_ex owner = {F_OWNER_PID, getpid()};
    memcpy(end - sizeof owner, &owner, sizeof owner);
    check(fcntl(ends[0], F_SETOWN_EX, end - sizeof owner), "F_SETOWN_EX");
    check(fcntl(ends[0], F_GETOWN_EX, end - sizeof owner), "F_GETOWN_EX");
    const int internet = (int)check(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), "socket");
    socklen_t room = 2;
    check(getsockname(internet, (struct sockaddr *)(end - 2), &room), "getsockname");
    close(internet);
    const struct iovec texts[] = {{(void *)0xffff'8880'0000'0000, 0}, {"x", 1}};
    if (writev(ends[1], texts, 2) >= 0 || errno != EFAULT)
        fail("writev of the kernel's memory");
    munmap(pages, 4096);
}

static void counts(void) {
    char entries[4096];
    char *environment[] = {"A=1", "B=2", "C=3", nullptr};
    const int folder = (int)check(open("/proc/sys", O_RDONLY | O_DIRECTORY), "/proc/sys");
    check(syscall(SYS_getdents64, folder, entries, sizeof entries), "getdents64");
    check(syscall(SYS_getdents64, folder, entries, sizeof entries), "getdents64");
    close(folder);
    syscall(SYS_execve, "/nowhere", nullptr, environment);
}

static void wake(int) {}

/// One sleep that a signal ends, and one that none does.
static void sleeps(void) {
    const struct sigaction action = {.sa_handler = wake};
    const struct itimerval soon = {.it_value = {.tv_usec = 10'000}};
    struct timespec sleep = {.tv_sec = 5}, left;
    sigset_t alarm;
    sigemptyset(&alarm);
    sigaddset(&alarm, SIGALRM);
    check(sigprocmask(SIG_UNBLOCK, &alarm, nullptr), "sigprocmask");
    check(sigaction(SIGALRM, &action, nullptr), "sigaction");
    check(setitimer(ITIMER_REAL, &soon, nullptr), "setitimer");
    syscall(SYS_nanosleep, &sleep, &left);
    sleep = (struct timespec){.tv_nsec = 1000};
    check(syscall(SYS_nanosleep, &sleep, &left), "nanosleep");
}

int run_lists(int, char **) {
    int ends[2];
    // Whatever is open already: the descriptors are the same in each run.
    check(syscall(SYS_close_range, 3, ~0U, 0), "close_range");
    const int file = (int)check(open("/dev/zero", O_RDONLY | O_CLOEXEC), "/dev/zero");
    check(pipe2(ends, O_CLOEXEC), "pipe2");
    if (write(ends[1], "x", 1) != 1)
        fail("write to a pipe");
    masks();
    stacks();
    sets(ends, file);
    messages(ends, file);
    polls(ends, file);
    several();
    untouched(ends);
    edges(ends);
    counts();
    sleeps();
    return 0;
}
