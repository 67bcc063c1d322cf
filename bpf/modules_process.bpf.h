/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The process that loads a module or asks for one, and paths of files. */
#ifndef APUS_MODULES_PROCESS_H
#define APUS_MODULES_PROCESS_H

#include "common.bpf.h"
#include "modules.h"

/*
 * A string of the kernel's, whose end is `…` if it is longer than its room, which
 * is some bytes more than those three and a NUL.
 */
static __always_inline void read_text(char *to, __u32 size, const void *from)
{
	char next = 0;

	if (bpf_probe_read_kernel_str(to, size, from) != size)
		return;
	if (!bpf_probe_read_kernel(&next, 1, from + size - 1) && next)
		__builtin_memcpy(to + size - 4, "…", 4);
}

/* The same for user space's; true: it is longer. */
static __always_inline bool read_user_text(char *to, __u32 size, const void *from)
{
	char next = 0;

	if (bpf_probe_read_user_str(to, size, from) != size)
		return false;
	if (bpf_probe_read_user(&next, 1, from + size - 1) || !next)
		return false;
	__builtin_memcpy(to + size - 4, "…", 4);
	return true;
}

/* Up to the root of the file's mount namespace, across mounts. */
static __always_inline void read_path(struct file *file, struct module_path *to)
{
	struct vfsmount *volume = BPF_CORE_READ(file, f_path.mnt);
	struct mount *mount = (void *)volume - bpf_core_field_offset(struct mount, mnt);
	struct dentry *dentry = BPF_CORE_READ(file, f_path.dentry), *parent;
	struct mount *up;

	if (!file)
		return;
	for (int i = 0; i < MODULE_PATH_PARTS; i++) {
		for (int crossed = 0; crossed < 4; crossed++) {
			if (dentry != BPF_CORE_READ(mount, mnt.mnt_root))
				break;
			up = BPF_CORE_READ(mount, mnt_parent);
			if (up == mount)
				return;
			dentry = BPF_CORE_READ(mount, mnt_mountpoint);
			mount = up;
		}
		parent = BPF_CORE_READ(dentry, d_parent);
		/* No mount has it: a pipe, an anonymous file. */
		read_text(to->parts[i], MODULE_PART_SIZE, BPF_CORE_READ(dentry, d_name.name));
		if (parent == dentry)
			return;
		dentry = parent;
	}
}

static __always_inline struct file *file_of(__u64 descriptor)
{
	struct task_struct *task = (struct task_struct *)bpf_get_current_task();
	struct fdtable *table = BPF_CORE_READ(task, files, fdt);
	struct file **files = BPF_CORE_READ(table, fd), *file = NULL;

	if (descriptor < BPF_CORE_READ(table, max_fds))
		bpf_probe_read_kernel(&file, sizeof(file), &files[descriptor]);
	return file;
}

static __always_inline void read_process(struct module_process *process)
{
	struct task_struct *task = (struct task_struct *)bpf_get_current_task();
	struct task_struct *parent = BPF_CORE_READ(task, real_parent);

	process->uid = bpf_get_current_uid_gid();
	process->parent_pid = observed_pid(BPF_CORE_READ(parent, group_leader));
	/* Not the idle task, PID 1's parent. */
	process->by_kernel =
		BPF_CORE_READ(parent, flags) & PF_KTHREAD && BPF_CORE_READ(parent, pid);
	bpf_core_read(&process->parent_command, sizeof(process->parent_command), &parent->comm);
	read_text(process->cgroup, MODULE_CGROUP_SIZE,
		  BPF_CORE_READ(task, cgroups, dfl_cgrp, kn, name));
	read_path(BPF_CORE_READ(task, mm, exe_file), &process->executable);
}

static __always_inline void read_loader(struct module_action *action)
{
	struct task_struct *task = (struct task_struct *)bpf_get_current_task();
	unsigned long arguments = BPF_CORE_READ(task, mm, arg_start);
	__u64 size = BPF_CORE_READ(task, mm, arg_end) - arguments;

	read_process(&action->process);
	action->loader_start_ns = BPF_CORE_READ(task, group_leader, start_time);
	if (size >= sizeof(action->arguments)) {
		size = sizeof(action->arguments) - 1;
		action->cut |= MODULE_CUT_ARGUMENTS;
	}
	size = bounded(size, MODULE_STRING_SIZE);
	if (!bpf_probe_read_user(action->arguments, size, (void *)arguments))
		action->arguments_size = size;
	if (action->cut & MODULE_CUT_ARGUMENTS)
		__builtin_memcpy(action->arguments + MODULE_STRING_SIZE - 4, "…", 4);
}

#endif
