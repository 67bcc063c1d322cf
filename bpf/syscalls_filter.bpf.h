/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Which calls are wanted: by number, by outcome, by duration. */
#ifndef APUS_SYSCALLS_FILTER_H
#define APUS_SYSCALLS_FILTER_H

#include "syscalls_thread.bpf.h"

/* The filter: calls by number, 64 a word, the i386 table's after the others; and both in one. */
const volatile __u64 wanted[2 * SYSCALL_NUMBERS / 64] = {};
const volatile __u64 wanted_any[SYSCALL_NUMBERS / 64] = {};
const volatile bool wants_success = true;
const volatile bool wants_failure = true;
/* By errno, 64 a word; if any is asked for. */
const volatile bool filters_errors = false;
const volatile __u64 wanted_errors[SYSCALL_ERRORS / 64] = {};
const volatile __u64 least_ns = 0;
const volatile __u64 most_ns = ~0ULL;

static __always_inline bool has_bit(const volatile __u64 *words, __u32 bit)
{
	return words[bit / 64] >> (bit % 64) & 1;
}

/* Where tables have what belongs to a call; what has no number in them goes by the last one. */
static __always_inline __u32 key_of(__u64 number, bool compat)
{
	if (number >= SYSCALL_NUMBERS)
		number = SYSCALL_NUMBERS - 1;
	return bounded(number, SYSCALL_NUMBERS) + (compat ? SYSCALL_NUMBERS : 0);
}

static __always_inline __u32 key_of_record(struct thread *thread)
{
	return key_of((__u32)thread->record.number, thread->record.flags & SYSCALL_COMPAT);
}

static __always_inline bool passes(struct syscall_record *record, bool unfinished)
{
	bool failed = record->result < 0 && record->result > -SYSCALL_ERRORS;

	/* It neither failed nor succeeded. */
	if (unfinished && (!wants_failure || !wants_success || filters_errors))
		return false;
	if (failed ? !wants_failure : !wants_success)
		return false;
	if (filters_errors &&
	    !(failed && has_bit(wanted_errors, bounded(-record->result, SYSCALL_ERRORS))))
		return false;
	return record->duration_ns >= least_ns && record->duration_ns <= most_ns;
}

#endif
