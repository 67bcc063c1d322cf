// SPDX-License-Identifier: Apache-2.0
// One thread blocked for a known cause, until another, which sleeps meanwhile, ends it.
#include "workload.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

int run_sleep(int argc, char **argv) {
    const uint64_t length_ns = milliseconds(argv[1]) * NS_PER_MS;
    const uint64_t count = argc > 2 ? number(argv[2], "N", 1, 1'000'000) : 1;
    uint64_t slept_ns = 0;
    for (uint64_t i = 0; i < count; i++) {
        const uint64_t begin = now_ns();
        sleep_until(begin + length_ns);
        slept_ns += now_ns() - begin;
    }
    truth_number("blocked_sleep_ns", slept_ns);
    truth_number("sleeps", count);
    return 0;
}

static void write_byte(void *context) {
    if (TEMP_FAILURE_RETRY(write(*(int *)context, "", 1)) != 1)
        fail("write");
}

static void read_page(void *context) {
    char page[PAGE_BYTES];
    check(TEMP_FAILURE_RETRY(read(*(int *)context, page, sizeof page)), "read from a pipe");
}

int run_pipe_read(int, char **argv) {
    int ends[2];
    char byte;
    check(pipe2(ends, O_CLOEXEC), "pipe");
    struct after writer;
    after_start(&writer, milliseconds(argv[1]) * NS_PER_MS, write_byte, &ends[1]);
    const uint64_t begin = now_ns();
    check(TEMP_FAILURE_RETRY(read(ends[0], &byte, 1)), "read from a pipe");
    truth_number("blocked_pipe_read_ns", now_ns() - begin);
    after_join(&writer);
    return 0;
}

int run_pipe_write(int, char **argv) {
    int ends[2];
    check(pipe2(ends, O_CLOEXEC), "pipe");
    // A full pipe: the next byte waits until the reader has emptied a whole page of it, pipe(7).
    const size_t capacity = (size_t)check(fcntl(ends[1], F_GETPIPE_SZ), "F_GETPIPE_SZ");
    char *bytes = calloc(1, capacity);
    if (!bytes)
        fail("calloc");
    if (TEMP_FAILURE_RETRY(write(ends[1], bytes, capacity)) != (ssize_t)capacity)
        fail("write to a pipe");
    struct after reader;
    after_start(&reader, milliseconds(argv[1]) * NS_PER_MS, read_page, &ends[0]);
    const uint64_t begin = now_ns();
    check(TEMP_FAILURE_RETRY(write(ends[1], bytes, 1)), "write to a pipe");
    truth_number("blocked_pipe_write_ns", now_ns() - begin);
    truth_number("pipe_bytes", capacity);
    after_join(&reader);
    free(bytes);
    return 0;
}

/// A TCP connection over the loopback device, to itself.
static void tcp_pair(int ends[2]) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;
    const int listener = (int)check(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), "socket");
    check(bind(listener, (struct sockaddr *)&address, size), "bind to 127.0.0.1");
    check(listen(listener, 1), "listen");
    check(getsockname(listener, (struct sockaddr *)&address, &size), "getsockname");
    ends[1] = (int)check(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), "socket");
    check(connect(ends[1], (struct sockaddr *)&address, size), "connect to 127.0.0.1");
    ends[0] =
        (int)check(TEMP_FAILURE_RETRY(accept4(listener, nullptr, nullptr, SOCK_CLOEXEC)), "accept");
    close(listener);
}

int run_socket(int argc, char **argv) {
    const uint64_t length_ns = milliseconds(argv[1]) * NS_PER_MS;
    const char *kind = argc > 2 ? argv[2] : "unix";
    int ends[2];
    char byte;
    if (strcmp(kind, "unix") == 0)
        check(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), "socketpair");
    else if (strcmp(kind, "tcp") == 0)
        tcp_pair(ends);
    else
        usage_error("the kind of socket is unix or tcp, not '%s'", kind);
    struct after sender;
    after_start(&sender, length_ns, write_byte, &ends[1]);
    const uint64_t begin = now_ns();
    check(TEMP_FAILURE_RETRY(recv(ends[0], &byte, 1, 0)), "recv");
    truth_number("blocked_socket_ns", now_ns() - begin);
    truth_text("socket", kind);
    after_join(&sender);
    return 0;
}
