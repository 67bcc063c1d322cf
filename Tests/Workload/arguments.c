// SPDX-License-Identifier: Apache-2.0
#include "workload.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void usage_error(const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    fputs("workload: ", stderr);
    vfprintf(stderr, format, arguments);
    fputs("\nTry 'workload --help'.\n", stderr);
    va_end(arguments);
    _exit(EXIT_USAGE);
}

void fail_with(int error, const char *what) {
    fprintf(stderr, "workload: %s: %s\n", what, strerror(error));
    _exit(1);
}

void fail(const char *what) { fail_with(errno, what); }

long check(long result, const char *what) {
    if (result == -1)
        fail(what);
    return result;
}

uint64_t number(const char *text, const char *what, uint64_t min, uint64_t max) {
    uint64_t value = 0;
    bool valid = *text != '\0';
    for (const char *digit = text; valid && *digit; digit++) {
        valid = *digit >= '0' && *digit <= '9' && value <= max;
        if (valid)
            value = value * 10 + (uint64_t)(*digit - '0');
    }
    if (!valid || value < min || value > max)
        usage_error("%s must be a whole number from %" PRIu64 " to %" PRIu64 ", not '%s'", what,
                    min, max, text);
    return value;
}

uint64_t milliseconds(const char *text) { return number(text, "MS", 1, 600'000); }

static int hex_digit(char c) {
    if (c >= '0' && c <= '9')
        return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/// One escape sequence, from just behind its backslash.
static char escape(const char **text) {
    static const char letters[] = "abefnrtv\\'\"", values[] = "\a\b\x1b\f\n\r\t\v\\'\"";
    const char c = *(*text)++;
    if (c == 'x' && hex_digit(**text) >= 0) {
        int value = hex_digit(*(*text)++);
        if (hex_digit(**text) >= 0)
            value = value * 16 + hex_digit(*(*text)++);
        return (char)value;
    }
    if (c >= '0' && c <= '7') {
        int value = c - '0';
        for (int i = 0; i < 2 && **text >= '0' && **text <= '7'; i++)
            value = value * 8 + (*(*text)++ - '0');
        return (char)value;
    }
    const char *letter = c ? strchr(letters, c) : nullptr;
    if (!letter)
        usage_error("an escape that C does not know: '\\%.1s'", *text - 1);
    return values[letter - letters];
}

size_t unescape(const char *text, char *out, size_t capacity) {
    size_t length = 0;
    while (*text) {
        if (length == capacity)
            usage_error("too long: at most %zu bytes", capacity);
        const char c = *text++;
        out[length++] = c == '\\' ? escape(&text) : c;
    }
    return length;
}
