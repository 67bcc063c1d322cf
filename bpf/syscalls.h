/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What `apus syscalls` shares between its observers and Swift: records, one after
 * another in the ring `events`, and the tables that configure the programs. Who
 * observes by ptrace writes the same bytes.
 */
#ifndef APUS_SYSCALLS_H
#define APUS_SYSCALLS_H

#ifdef __bpf__
#include "kernel.h"
#else
#include <linux/types.h>
#endif

enum syscall_record_type {
	/* A call that has returned, or (SYSCALL_UNFINISHED) one that has not. */
	SYSCALL_RECORD_CALL,
	/* What a file number of syscall_file stands for: captures of SYSCALL_CAPTURE_NAME. */
	SYSCALL_RECORD_PATH,
	/* `pid` and `tid` were born of `arguments[0]`, the thread that made them. */
	SYSCALL_RECORD_BIRTH,
	/* The process executed another program; `arguments[0]` is the thread's number before. */
	SYSCALL_RECORD_EXEC,
	/* The thread ended; `result` is as wait(2) has it. */
	SYSCALL_RECORD_EXIT,
	/* A signal is delivered: `number`, and syscall_signal in `arguments`. */
	SYSCALL_RECORD_SIGNAL,
	/* The thread stopped by a signal: `number`. By ptrace alone. */
	SYSCALL_RECORD_STOP,
};

enum syscall_flags {
	/* By int $0x80 or a 32-bit program: `number` is of the i386 table. */
	SYSCALL_COMPAT = 1 << 0,
	/* It had not returned when this was written. There is no result and no duration. */
	SYSCALL_UNFINISHED = 1 << 1,
	/* It had begun before the thread was observed: `ts_ns` is when that was, `duration_ns`
	   since. */
	SYSCALL_RESUMED = 1 << 2,
	/* The arguments found no room, and some captures are left out. */
	SYSCALL_CROWDED = 1 << 3,
	/* An observer that is a tracer: the call was restarted, or so. Room for its own marks. */
	SYSCALL_OF_TRACER = 1 << 4,
};

/* The arguments of a SYSCALL_RECORD_SIGNAL. */
enum syscall_signal {
	/* siginfo's si_code, si_pid, si_uid or, for SIGCHLD, si_status; for faults si_addr. */
	SYSCALL_SIGNAL_CODE,
	SYSCALL_SIGNAL_PID,
	SYSCALL_SIGNAL_UID,
	SYSCALL_SIGNAL_STATUS,
	SYSCALL_SIGNAL_ADDRESS,
};

/* How an argument's memory is read. */
enum syscall_capture_kind {
	SYSCALL_CAPTURE_NONE,
	/* Up to its NUL, which is not kept; a path is read in full, a string up to the limit. */
	SYSCALL_CAPTURE_PATH,
	SYSCALL_CAPTURE_STRING,
	/* As many bytes as `count` says, up to the limit. */
	SYSCALL_CAPTURE_BUFFER,
	/* `size` bytes; where only those in the first one's page can be read, those
	   (SYSCALL_CUT). */
	SYSCALL_CAPTURE_STRUCT,
	/* As many elements of `size` bytes as `count` says, up to SYSCALL_ELEMENTS; of no size: as
	   many bits, in words of 64, up to SYSCALL_SET_SIZE. */
	SYSCALL_CAPTURE_ARRAY,
	/* As many bytes as the argument `count` says, at exit the int that it points to (or what it
	   was at entry, if that is less), or the result; up to `size`. */
	SYSCALL_CAPTURE_SIZED,
	/* argv: a capture for each string, `index` counting: its bytes, or (SYSCALL_FAULT) its
	   address. One by SYSCALL_STRINGS says that there were more (SYSCALL_CUT), or none. */
	SYSCALL_CAPTURE_STRINGS,
	/* iovec: the array, then a SYSCALL_CAPTURE_BUFFER for each, `index` counting from 0. With a
	   `size` it is one alone, of whose bytes so many are kept. */
	SYSCALL_CAPTURE_IOVEC,
	/* struct msghdr: itself, its name (SIZED), its control messages (SIZED, with the index
	   SYSCALL_CONTROL; a FILE for each of the first SYSCALL_DESCRIPTORS that are handed on),
	   its iovec and buffers. */
	SYSCALL_CAPTURE_MESSAGE,
	/* As many struct mmsghdr as `count` says, up to SYSCALL_MESSAGES: each as a MESSAGE, of
	   `size` bytes. */
	SYSCALL_CAPTURE_MESSAGES,
	/* How many there are, as __u32, up to SYSCALL_COUNTED: pointers before a NULL; directory
	   entries in as many bytes as `count` says. */
	SYSCALL_CAPTURE_POINTERS,
	SYSCALL_CAPTURE_ENTRIES,
	/* What is behind a descriptor: struct syscall_file. */
	SYSCALL_CAPTURE_FILE,
	/* Of a SYSCALL_RECORD_PATH: names, the last one of the path first, each with its NUL. With
	   the index SYSCALL_NAME_ANONYMOUS it is in no directory: its name, its file system's
	   type, of a namespace its kind; the record's first argument is the inode. */
	SYSCALL_CAPTURE_NAME,
};

enum syscall_capture_flags {
	/* The memory could not be read. */
	SYSCALL_FAULT = 1 << 0,
	/* There was more. */
	SYSCALL_CUT = 1 << 1,
	/* Taken at the call's return, not at its entry. */
	SYSCALL_AT_EXIT = 1 << 2,
};

enum {
	SYSCALL_ARGUMENTS = 6,
	/* The argument's number that stands for the result. */
	SYSCALL_RESULT = 6,
	/* Numbers up to here are known; 512 for each of the two tables. */
	SYSCALL_NUMBERS = 512,
	/* Rules for one call. */
	SYSCALL_RULES = 9,
	/* PATH_MAX. */
	SYSCALL_CAPTURE_SIZE = 4096,
	/* Captures that begin beyond find no room. The sum is what fits 8 KB with the storage's
	   head. */
	SYSCALL_CAPTURES_SIZE = 3584,
	SYSCALL_ELEMENTS = 32,
	/* Bytes of a set of descriptors, at most: FD_SETSIZE bits. */
	SYSCALL_SET_SIZE = 128,
	SYSCALL_STRINGS = 48,
	SYSCALL_VECTORS = 8,
	SYSCALL_MESSAGES = 8,
	/* The entries that 32 KB have room for: what readdir(3) asks for at once. */
	SYSCALL_COUNTED = 1376,
	/* Of a list of descriptors those whose files are told. */
	SYSCALL_DESCRIPTORS = 8,
	SYSCALL_CONTROL = 1,
	/* Bytes of control messages; so many of them are looked at for descriptors. */
	SYSCALL_CONTROL_SIZE = 256,
	SYSCALL_CONTROLS = 4,
	SYSCALL_PATTERN_SIZE = 128,
	SYSCALL_PATTERNS = 4,
	/* MAX_ERRNO of include/linux/err.h, and 0. */
	SYSCALL_ERRORS = 4096,
	SYSCALL_CPUS = 1024,
	/* From rt_sigreturn's stack pointer, at a struct ucontext, to its uc_sigmask. The call has
	   no arguments: where that is stands for one. */
	SYSCALL_SIGNAL_MASK = 296,
	SYSCALL_NAME_ANONYMOUS = 1,
};

/* Followed by captures, each at a multiple of 8. What is looked at first lies together. */
struct syscall_record {
	/* Of the call; of a signal; of a path its file's number. */
	__s32 number;
	/* Of the whole record, this header included. */
	__u16 size;
	__u8 type;
	__u8 flags;
	__u32 pid;
	__u32 tid;
	/* CLOCK_MONOTONIC at the call's entry, or when it happened. */
	__u64 ts_ns;
	/* From entry to return. */
	__u64 duration_ns;
	__s64 result;
	/* Records of this thread that were lost just before this one. */
	__u64 lost;
	__u64 arguments[SYSCALL_ARGUMENTS];
};

/* The bytes follow, then padding up to a multiple of 8. */
struct syscall_capture {
	/* 0 to 5, or SYSCALL_RESULT. */
	__u8 argument;
	__u8 kind;
	__u8 flags;
	/* Which of several: a string of argv, a buffer of an iovec. */
	__u8 index;
	/* Of the bytes. */
	__u16 size;
	__u16 _pad;
};

/*
 * What is behind a descriptor, SYSCALL_CAPTURE_FILE: without the fields from `family` on where it
 * is no socket of the internet or a path, and no bytes at all where there is no such descriptor.
 */
struct syscall_file {
	/* That a SYSCALL_RECORD_PATH before it has named; 0: none has. */
	__u32 path;
	/* inode.i_mode: its type tells what it is. */
	__u32 mode;
	__u64 inode;
	/* Of a socket: its family, type, ports in host order, addresses as they are on the wire. */
	__u16 family;
	__u16 socket_type;
	__u16 local_port;
	__u16 remote_port;
	__u8 local[16];
	__u8 remote[16];
};

/* ---- What Swift tells the programs ---- */

/* One capture of a call. */
struct syscall_rule {
	__u8 argument;
	__u8 kind;
	/* SYSCALL_AT_EXIT or 0. */
	__u8 flags;
	/* The argument that says how much there is; SYSCALL_RESULT at exit. */
	__u8 count;
	__u16 size;
	/* If not 0, each so many bytes of a STRUCT or an ARRAY begin with a descriptor: the first
	   SYSCALL_DESCRIPTORS of them have a FILE, whose `index` counts them. */
	__u8 stride;
	/* At entry: the call writes there as well. What could not be read is not read when it
	   returns: it is not what it was. */
	__u8 is_written;
};

/* Of one call: those at entry first. */
struct syscall_rules {
	struct syscall_rule rules[SYSCALL_RULES];
	__u8 entry_count;
	__u8 count;
	/* It can change what paths mean: a rename, a mount. */
	__u8 moves_names;
	/* What is captured at exit is written if a signal ends the call, and only then. */
	__u8 is_of_interrupt;
	__u8 _pad[4];
};

/* A path to compare arguments with, as a shell's pattern that has one star at its end at most. */
struct syscall_pattern {
	__u16 size;
	__u8 is_prefix;
	__u8 _pad[5];
	char text[SYSCALL_PATTERN_SIZE];
};

/* ---- What the programs sum ---- */

enum {
	/* Four buckets an octave, the first of 64 ns, as TIME_LATENCY_SHIFT of time.h has them. */
	SYSCALL_BUCKETS = 152,
	SYSCALL_BUCKET_SHIFT = 6,
};

/* Of all calls by one number, or of those of one process. */
struct syscall_sum {
	__u64 count;
	__u64 errors;
	__u64 total_ns;
	/* Of it, asleep until it was woken; and runnable: preempted, or woken and without a CPU. */
	__u64 blocked_ns;
	__u64 runnable_ns;
	__u64 max_ns;
	__u64 buckets[SYSCALL_BUCKETS];
};

/* Of sums: `pid` is 0 where they are of all processes. `error` is 0 for the sum, else an errno. */
struct syscall_sum_key {
	__u32 pid;
	/* With SYSCALL_NUMBERS added for the i386 table. */
	__u16 number;
	__u16 error;
};

/* What the programs count, each CPU by itself. */
struct syscall_cpu {
	__u64 runs;
	/* Calls that the filter let through: written, lost or summed. */
	__u64 calls;
	__u64 lost_calls;
	/* Other records that found no room. */
	__u64 lost_events;
	/* Paths that have got a number. */
	__u64 names;
	__u64 written;
	__u64 _pad[2];
};

/* A process that is stopped, or about to be; in the map `stops` by its PID. */
struct syscall_stop {
	/* When the programs stopped it, as the ring filled; 0: they did not. */
	__u64 ts_ns;
	/* The signal by which someone else wants it stopped; 0: nobody does. And since when, in
	 * 2^20 ns. */
	__u32 foreign;
	__u32 foreign_at;
};

_Static_assert(sizeof(struct syscall_record) == 96, "layout");
_Static_assert(sizeof(struct syscall_capture) == 8, "layout");
_Static_assert(sizeof(struct syscall_file) == 56, "layout");
_Static_assert(sizeof(struct syscall_rule) == 8, "layout");
_Static_assert(sizeof(struct syscall_rules) == 80, "layout");
_Static_assert(sizeof(struct syscall_pattern) == 136, "layout");
_Static_assert(sizeof(struct syscall_sum) == 1264, "layout");
_Static_assert(sizeof(struct syscall_sum_key) == 8, "layout");

#endif
