/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What `apus modules` shares between the kernel and Swift: the records in the
 * ring `events`. Each begins with a module_event.
 */
#ifndef APUS_MODULES_H
#define APUS_MODULES_H

#ifdef __bpf__
#include "kernel.h"
#else
#include <linux/types.h>
#endif

enum module_event_type {
	MODULE_EVENT_LOAD,
	MODULE_EVENT_UNLOAD,
	MODULE_EVENT_REFERENCE,
	/* The kernel asks for a module: request_module(). */
	MODULE_EVENT_REQUEST,
	/* A line of the kernel's log, while a module is being loaded or unloaded. */
	MODULE_EVENT_LOG,
};

enum {
	/* MODULE_NAME_LEN of include/linux/module.h; rounded up for aliases. */
	MODULE_NAME_SIZE = 56,
	MODULE_ALIAS_SIZE = 64,
	MODULE_COMMAND_SIZE = 16,
	MODULE_TEXT_SIZE = 512,
	MODULE_STRING_SIZE = 256,
	MODULE_VERSION_SIZE = 32,
	MODULE_CGROUP_SIZE = 128,
	/* The deepest file that is named in full, and the longest name in its path. */
	MODULE_PATH_PARTS = 16,
	MODULE_PART_SIZE = 64,
	MODULE_USES = 32,
	MODULE_INFO_SIZE = 2048,
	/* SHA-1's, as ld's --build-id makes it. */
	MODULE_BUILD_ID_SIZE = 20,
	/* A CPU beyond the last counts with the first. */
	MODULE_CPUS = 512,
};

/* What was longer than its room; a string's end is then `…`. */
enum module_cut {
	MODULE_CUT_PARAMETERS = 1,
	MODULE_CUT_ARGUMENTS = 2,
	MODULE_CUT_USES = 4,
	MODULE_CUT_LOG = 8,
};

/* Runs of the programs, in a cache line for each CPU. */
struct module_cpu {
	__u64 runs;
	__u64 _pad[7];
};

struct module_event {
	/* CLOCK_BOOTTIME when it was written. */
	__u64 ts_ns;
	/* Events lost before this one, since the start. */
	__u64 lost;
	__u32 type;
	__u32 pid;
	__u32 tid;
	__u32 _pad;
	char command[MODULE_COMMAND_SIZE];
};

/* A path, the last name first; an empty name ends it. */
struct module_path {
	char parts[MODULE_PATH_PARTS][MODULE_PART_SIZE];
};

/* Who made an event, beyond what each event says. */
struct module_process {
	__u32 uid;
	__u32 parent_pid;
	/* A thread of the kernel's started it: the user-mode helper. */
	__u32 by_kernel;
	__u32 _pad;
	char parent_command[MODULE_COMMAND_SIZE];
	char cgroup[MODULE_CGROUP_SIZE];
	struct module_path executable;
};

struct module_request {
	struct module_event event;
	struct module_process process;
	__u64 caller;
	__u32 waits;
	__u32 _pad;
	char alias[MODULE_ALIAS_SIZE];
};

struct module_log {
	struct module_event event;
	__u32 length;
	/* enum module_cut */
	__u32 cut;
	char text[MODULE_TEXT_SIZE];
};

struct module_reference {
	struct module_event event;
	__u64 caller;
	__s32 count;
	__u32 is_put;
	char name[MODULE_NAME_SIZE];
};

/*
 * A load or an unload, from its system call's entry to its exit. Times are
 * CLOCK_MONOTONIC, and 0 where that point was not passed, or has no hook.
 */
struct module_action {
	struct module_event event;
	struct module_process process;
	__u64 begin_ns;
	/* kernel_read_file(), load_module(). */
	__u64 read_ns;
	__u64 checked_ns;
	/* All is resolved, the state is COMING; parameters are set; the tracepoint module_load. */
	__u64 formed_ns;
	__u64 parsed_ns;
	__u64 loaded_ns;
	__u64 init_ns;
	__u64 init_end_ns;
	__u64 live_ns;
	/* Of an unload: the module is found; its exit function has returned; the memory goes. */
	__u64 found_ns;
	__u64 exited_ns;
	__u64 freed_ns;
	__u64 end_ns;
	__s64 result;
	__s32 init_result;
	/* Of the system call. */
	__u32 flags;
	__u64 size_bytes;
	__u64 taints;
	__u64 loader_start_ns;
	/* struct module, once it is there; not told. */
	__u64 module;
	__u32 modinfo_size;
	/* Modules that it uses; of an unload, those that use it. */
	__u32 use_count;
	__u8 from_memory;
	__u8 is_signed;
	/* Its call was not seen to begin. */
	__u8 is_late;
	/* enum module_cut */
	__u8 cut;
	__u32 arguments_size;
	/* Of an unload, when the module was found: enum module_state, and how many hold it. */
	__u32 state;
	__s32 references;
	/* Bytes of build_id that are known: all or none. */
	__u32 build_id_size;
	__u8 build_id[MODULE_BUILD_ID_SIZE];
	char name[MODULE_NAME_SIZE];
	char version[MODULE_VERSION_SIZE];
	char srcversion[MODULE_VERSION_SIZE];
	char parameters[MODULE_STRING_SIZE];
	/* The loader's command line: strings, each with its NUL. */
	char arguments[MODULE_STRING_SIZE];
	struct module_path file;
	char uses[MODULE_USES][MODULE_NAME_SIZE];
	/* The beginning of the section .modinfo: strings, each with its NUL. */
	char modinfo[MODULE_INFO_SIZE];
};

_Static_assert(sizeof(struct module_event) == 48, "layout");
_Static_assert(sizeof(struct module_cpu) == 64, "one line");
_Static_assert(sizeof(struct module_process) == 160 + sizeof(struct module_path), "layout");
_Static_assert(sizeof(struct module_request) ==
		       48 + sizeof(struct module_process) + 16 + MODULE_ALIAS_SIZE,
	       "layout");
_Static_assert(sizeof(struct module_log) == 48 + 8 + MODULE_TEXT_SIZE, "layout");
_Static_assert(sizeof(struct module_reference) == 48 + 16 + MODULE_NAME_SIZE, "layout");
_Static_assert(sizeof(struct module_path) == MODULE_PATH_PARTS * MODULE_PART_SIZE, "layout");
_Static_assert(__builtin_offsetof(struct module_action, begin_ns) == 1232, "layout");
_Static_assert(__builtin_offsetof(struct module_action, name) == 1432, "layout");

#endif
