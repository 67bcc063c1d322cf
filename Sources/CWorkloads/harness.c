// SPDX-License-Identifier: Apache-2.0
// Runs a workload's threads from a common start, and says what the run was like.
#include "workloads.h"

#include <fcntl.h>
#include <inttypes.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>

#define NS_PER_S 1'000'000'000ULL
#define MAX_THREADS 1024

void apus_workload_fail(const char *what) {
    fprintf(stderr, "workload: %s: %s\n", what, strerror(errno));
    exit(1);
}

[[noreturn]] static void misuse(void) {
    fputs("usage: apus __workload NAME COUNT THREADS REPORT\n"
          "       apus __workload program REPORT PROGRAM [ARGUMENTS]\n",
          stderr);
    exit(64);
}

uint64_t apus_workload_now_ns(void) {
    struct timespec time;
    check(clock_gettime(CLOCK_MONOTONIC, &time), "clock_gettime");
    return (uint64_t)time.tv_sec * NS_PER_S + (uint64_t)time.tv_nsec;
}

/// The state of the process at one moment. Taking it makes as many calls each time.
struct reading {
    /// Of the process and of its children that have been waited for.
    uint64_t cpu_ns, system_ns, voluntary, involuntary, faults;
    /// For how long this thread was runnable and did not run: the second figure of schedstat.
    uint64_t delay_ns;
    int cpu;
};

static void add_usage(struct reading *reading, int who) {
    struct rusage usage;
    check(getrusage(who, &usage), "getrusage");
    const uint64_t system_ns =
        (uint64_t)usage.ru_stime.tv_sec * NS_PER_S + (uint64_t)usage.ru_stime.tv_usec * 1000;
    reading->cpu_ns += system_ns + (uint64_t)usage.ru_utime.tv_sec * NS_PER_S +
                       (uint64_t)usage.ru_utime.tv_usec * 1000;
    reading->system_ns += system_ns;
    reading->voluntary += (uint64_t)usage.ru_nvcsw;
    reading->involuntary += (uint64_t)usage.ru_nivcsw;
    reading->faults += (uint64_t)usage.ru_minflt;
}

static struct reading read_all(void) {
    struct reading reading = {};
    char text[128];
    add_usage(&reading, RUSAGE_SELF);
    add_usage(&reading, RUSAGE_CHILDREN);
    // A kernel without CONFIG_SCHED_INFO has no such file.
    const int fd = open("/proc/thread-self/schedstat", O_RDONLY | O_CLOEXEC);
    if (fd >= 0) {
        const ssize_t length = read(fd, text, sizeof text - 1);
        text[length > 0 ? length : 0] = '\0';
        if (sscanf(text, "%*u %" SCNu64, &reading.delay_ns) != 1)
            reading.delay_ns = 0;
        close(fd);
    }
    reading.cpu = sched_getcpu();
    return reading;
}

/// What is written about a run.
struct report {
    /// From the common start until the last thread's last event. 0: not measured.
    uint64_t section_ns;
    uint64_t events;
    /// See `struct player`; over all threads.
    uint64_t calls;
    struct reading before, after;
    /// Of the whole process and its children until now, so that an observer's share can be told.
    struct reading life;
    const char *path;
};

static void write_report(const struct report *report) {
    char text[1024];
    const int length = snprintf(
        text, sizeof text,
        "section_ns %" PRIu64 "\nevents %" PRIu64 "\ncalls %" PRIu64 "\ncpu_ns %" PRIu64
        "\nvoluntary_switches %" PRIu64 "\ninvoluntary_switches %" PRIu64 "\nfaults %" PRIu64
        "\ndelay_ns %" PRIu64 "\nfirst_cpu %d\nlast_cpu %d\nlife_cpu_ns %" PRIu64
        "\nlife_system_ns %" PRIu64 "\n",
        report->section_ns, report->events, report->calls,
        report->after.cpu_ns - report->before.cpu_ns,
        report->after.voluntary - report->before.voluntary,
        report->after.involuntary - report->before.involuntary,
        report->after.faults - report->before.faults,
        report->after.delay_ns - report->before.delay_ns, report->before.cpu, report->after.cpu,
        report->life.cpu_ns, report->life.system_ns);
    const int fd = (int)check(open(report->path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600),
                              report->path);
    if (write(fd, text, (size_t)length) != length)
        apus_workload_fail(report->path);
    close(fd);
}

static uint64_t number(const char *text, uint64_t least, uint64_t most) {
    char *end;
    errno = 0;
    const unsigned long long value = strtoull(text, &end, 10);
    if (errno || end == text || *end || *text == '-' || value < least || value > most)
        misuse();
    return value;
}

struct team {
    const struct workload *workload;
    /// CPUs that it may use.
    cpu_set_t cpus;
    /// How many others are ready; whether to start; how many have done their part.
    uint32_t ready, started, done;
    struct player players[];
};

/// A player that finds its team by its index.
struct seat {
    struct team *team;
    unsigned index;
};

static void announce(struct player *self, uint32_t *word) {
    __atomic_fetch_add(word, 1, __ATOMIC_ACQ_REL);
    latch_wake(self, word);
}

/// Keeps a player, with the partners that it starts, on one CPU, the first on the first and so on.
/// Where the scheduler puts it depends on what else there is, such as an observer: a program by
/// itself would run on another CPU than under one, and CPUs differ by several percent, as do round
/// trips on one CPU and on two.
static void settle(const struct team *team, const struct player *self) {
    cpu_set_t one;
    unsigned place = self->index % (unsigned)CPU_COUNT(&team->cpus);
    int cpu = 0;
    while (!CPU_ISSET(cpu, &team->cpus) || place-- > 0)
        cpu++;
    CPU_ZERO(&one);
    CPU_SET(cpu, &one);
    check(sched_setaffinity(0, sizeof one, &one), "sched_setaffinity");
}

static void *play(void *context) {
    const struct seat *seat = context;
    struct team *team = seat->team;
    struct player *self = &team->players[seat->index];
    self->tid = gettid();
    settle(team, self);
    team->workload->prepare(self);
    announce(self, &team->ready);
    latch_await(self, &team->started, 1);
    team->workload->run(self);
    self->end_ns = apus_workload_now_ns();
    team->workload->finish(self);
    // Counted before it is made: afterwards nobody looks.
    struct player uncounted = {};
    self->calls++;
    announce(&uncounted, &team->done);
    return nullptr;
}

/// An observer that has just started has had the processor at work, which it otherwise would not
/// have been: its clock, and what a hypervisor lends it, are made the same for each run.
static void warm_up(void) {
    const uint64_t end = apus_workload_now_ns() + 10'000'000;
    while (apus_workload_now_ns() < end)
        ;
}

static int run_workload(const struct workload *workload, char **argv) {
    const uint64_t count = number(argv[1], 0, 1'000'000'000'000);
    const uint32_t threads = (uint32_t)number(argv[2], 1, MAX_THREADS);
    struct report report = {.path = argv[3], .events = count * threads};
    char folder[4096];
    snprintf(folder, sizeof folder, "%s", report.path);
    char *slash = strrchr(folder, '/');
    snprintf(slash ? slash : folder, 2, "%s", slash ? "" : ".");

    struct team *team = calloc(1, sizeof *team + threads * sizeof *team->players);
    struct seat *seats = calloc(threads, sizeof *seats);
    if (!team || !seats)
        apus_workload_fail("calloc");
    team->workload = workload;
    check(sched_getaffinity(0, sizeof team->cpus, &team->cpus), "sched_getaffinity");
    for (unsigned i = 0; i < threads; i++)
        team->players[i] = (struct player){.count = count, .index = i, .folder = folder};
    // The main thread is one of them.
    struct player *self = &team->players[0];
    for (unsigned i = 1; i < threads; i++) {
        seats[i] = (struct seat){team, i};
        start_thread(play, &seats[i]);
    }
    settle(team, self);
    workload->prepare(self);
    latch_await(self, &team->ready, threads - 1);
    warm_up();
    report.before = read_all();
    const uint64_t begin = apus_workload_now_ns();
    if (threads > 1)
        announce(self, &team->started);
    workload->run(self);
    self->end_ns = apus_workload_now_ns();
    workload->finish(self);
    latch_await(self, &team->done, threads - 1);
    for (unsigned i = 1; i < threads; i++)
        await_end(self, team->players[i].tid);
    report.after = read_all();

    uint64_t end = begin;
    for (unsigned i = 0; i < threads; i++) {
        report.calls += team->players[i].calls;
        if (team->players[i].end_ns > end)
            end = team->players[i].end_ns;
    }
    report.section_ns = end - begin;
    report.life = read_all();
    write_report(&report);
    return 0;
}

static int run_program(char **argv) {
    struct report report = {.path = argv[1], .before = read_all(), .events = 1};
    const uint64_t begin = apus_workload_now_ns();
    const pid_t child = (pid_t)check(fork(), "fork");
    if (child == 0) {
        execvp(argv[2], argv + 2);
        const int error = errno;
        fprintf(stderr, "cannot run %s: %s\n", argv[2], strerror(error));
        _exit(error == ENOENT ? 127 : 126);
    }
    int status;
    while (waitpid(child, &status, 0) < 0)
        if (errno != EINTR)
            apus_workload_fail("waitpid");
    report.section_ns = apus_workload_now_ns() - begin;
    report.after = report.life = read_all();
    write_report(&report);
    return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

int apus_workload_main(int argc, char **argv) {
    if (argc >= 3 && strcmp(argv[0], "program") == 0)
        return run_program(argv);
    if (argc != 4)
        misuse();
    for (size_t i = 0; i < apus_workload_count(); i++)
        if (strcmp(workload_at(i)->info.name, argv[0]) == 0)
            return run_workload(workload_at(i), argv);
    misuse();
}
