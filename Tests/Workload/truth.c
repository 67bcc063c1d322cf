// SPDX-License-Identifier: Apache-2.0
#include "workload.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/resource.h>

// Written by one write(2) at the end, and not through stdio, which adds calls of its own (fstat):
// the calls that a workload makes outside its section are then the same on each run.
static char line[8192];
static size_t length;
static uint64_t begin_ns;

[[gnu::format(printf, 1, 2)]] static void append(const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    const int added = vsnprintf(line + length, sizeof line - length, format, arguments);
    va_end(arguments);
    if (added < 0 || (size_t)added >= sizeof line - length)
        fail_with(ENOBUFS, "the line of JSON");
    length += (size_t)added;
}

void truth_begin(const char *workload) {
    append("{\"workload\":\"%s\"", workload);
    begin_ns = now_ns();
}

void truth_number(const char *key, uint64_t value) { append(",\"%s\":%" PRIu64, key, value); }

void truth_real(const char *key, double value) { append(",\"%s\":%.3f", key, value); }

void truth_null(const char *key) { append(",\"%s\":null", key); }

void truth_text(const char *key, const char *value) {
    append(",\"%s\":\"", key);
    for (; *value; value++) {
        const unsigned char c = (unsigned char)*value;
        append(c < 0x20 || c > 0x7e || c == '"' || c == '\\' ? "\\u%04x" : "%c", c);
    }
    append("\"");
}

static uint64_t timeval_ns(struct timeval time) {
    return (uint64_t)time.tv_sec * NS_PER_S + (uint64_t)time.tv_usec * NS_PER_US;
}

static void resources(int who, const char *prefix) {
    struct rusage usage;
    check(getrusage(who, &usage), "getrusage");
    append(",\"%sru_nvcsw\":%ld,\"%sru_nivcsw\":%ld", prefix, usage.ru_nvcsw, prefix,
           usage.ru_nivcsw);
    append(",\"%sru_minflt\":%ld,\"%sru_majflt\":%ld", prefix, usage.ru_minflt, prefix,
           usage.ru_majflt);
    append(",\"%sru_utime_ns\":%" PRIu64 ",\"%sru_stime_ns\":%" PRIu64, prefix,
           timeval_ns(usage.ru_utime), prefix, timeval_ns(usage.ru_stime));
}

void truth_end(void) {
    const uint64_t end_ns = now_ns();
    truth_number("pid", (uint64_t)getpid());
    truth_number("begin_ns", begin_ns);
    truth_number("end_ns", end_ns);
    truth_number("wall_ns", end_ns - begin_ns);
    resources(RUSAGE_SELF, "");
    resources(RUSAGE_CHILDREN, "children_");
    append("}\n");
    for (size_t written = 0; written < length;)
        written += (size_t)check(
            TEMP_FAILURE_RETRY(write(STDOUT_FILENO, line + written, length - written)),
            "standard output");
}
