/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The kernel types that the programs read, and no others. Fields are found by
 * name at load time (CO-RE), so order and neighbours do not matter here. They are
 * looked for in an excerpt of the kernel's types: bpf_core_type_id_kernel() is not
 * to be used.
 */
#ifndef APUS_KERNEL_H
#define APUS_KERNEL_H

#include <linux/bpf.h>

#ifndef bool
#define bool _Bool
#define true 1
#define false 0
#endif

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

struct pt_regs {
	unsigned long bp;
	unsigned long bx;
	unsigned long r10;
	unsigned long r9;
	unsigned long r8;
	unsigned long cx;
	unsigned long dx;
	unsigned long si;
	unsigned long di;
	unsigned long orig_ax;
	unsigned long ip;
	unsigned long sp;
};

typedef struct {
	unsigned int val;
} kuid_t;

struct cred {
	kuid_t uid;
};

struct thread_info {
	unsigned int status;
};

struct sched_entity {
	__u64 sum_exec_runtime;
	__u64 nr_migrations;
};

struct proc_ns_operations {
	char *name;
};

struct ns_common {
	struct proc_ns_operations *ops;
	unsigned int inum;
};

struct pid_namespace {
	struct ns_common ns;
};

struct upid {
	int nr;
	struct pid_namespace *ns;
};

struct pid {
	unsigned int level;
	struct upid numbers[1];
};

struct inode {
	unsigned short i_mode;
	unsigned long i_ino;
	void *i_private;
};

struct file_system_type {
	char *name;
};

struct super_block {
	struct file_system_type *s_type;
};

struct file;

struct fdtable {
	unsigned int max_fds;
	struct file **fd;
};

struct files_struct {
	struct fdtable *fdt;
};

struct qstr {
	__u64 hash_len;
	const unsigned char *name;
};

struct dentry {
	struct dentry *d_parent;
	struct qstr d_name;
	struct inode *d_inode;
	struct super_block *d_sb;
};

struct vfsmount {
	struct dentry *mnt_root;
};

struct mount {
	struct mount *mnt_parent;
	struct dentry *mnt_mountpoint;
	struct vfsmount mnt;
};

struct path {
	struct vfsmount *mnt;
	struct dentry *dentry;
};

struct file {
	struct inode *f_inode;
	struct path f_path;
	void *private_data;
};

struct fs_struct {
	struct path pwd;
};

struct in6_addr {
	__u8 bytes[16];
};

struct sock_common {
	unsigned int skc_daddr;
	unsigned int skc_rcv_saddr;
	unsigned short skc_dport;
	unsigned short skc_num;
	unsigned short skc_family;
	struct in6_addr skc_v6_daddr;
	struct in6_addr skc_v6_rcv_saddr;
};

struct sock {
	struct sock_common __sk_common;
	unsigned short sk_type;
};

struct socket {
	struct sock *sk;
};

struct sigaction {
	void *sa_handler;
};

struct k_sigaction {
	struct sigaction sa;
};

struct sighand_struct {
	struct k_sigaction action[64];
};

/* Opaque: its layout is that of user space's siginfo_t. */
struct kernel_siginfo;

struct mm_struct {
	unsigned long arg_start;
	unsigned long arg_end;
	struct file *exe_file;
};

struct kernfs_node {
	const char *name;
};

struct cgroup {
	struct kernfs_node *kn;
};

struct css_set {
	struct cgroup *dfl_cgrp;
};

typedef struct {
	unsigned long sig[1];
} sigset_t;

struct task_struct {
	struct thread_info thread_info;
	unsigned int __state;
	void *stack;
	unsigned int flags;
	unsigned int on_cpu;
	struct sched_entity se;
	unsigned in_iowait : 1;
	int pid;
	int tgid;
	struct task_struct *real_parent;
	struct task_struct *group_leader;
	struct pid *thread_pid;
	__u64 utime;
	__u64 stime;
	unsigned long nvcsw;
	unsigned long nivcsw;
	unsigned long min_flt;
	unsigned long maj_flt;
	__u64 start_time;
	/* 64 bits since 5.7 (d1e7fd6462ca); it counts executions. */
	__u64 self_exec_id;
	struct cred *cred;
	char comm[16];
	unsigned int ptrace;
	int exit_state;
	int exit_code;
	struct sighand_struct *sighand;
	sigset_t blocked;
	struct fs_struct *fs;
	struct files_struct *files;
	struct mm_struct *mm;
	struct css_set *cgroups;
};

/* `state` became `__state` in 5.14 (2f064a59a11f). */
struct task_struct___before_5_14 {
	volatile long state;
};

struct list_head {
	struct list_head *next;
};

/* Until 6.3. */
struct module_layout {
	unsigned int size;
};

/* Since 6.4 (ac3b43283923). */
struct module_memory {
	unsigned int size;
};

typedef struct {
	int counter;
} atomic_t;

enum module_state {
	MODULE_STATE_LIVE,
	MODULE_STATE_COMING,
	MODULE_STATE_GOING,
};

struct module {
	enum module_state state;
	char name[56];
	const char *version;
	const char *srcversion;
	_Bool sig_ok;
	int (*init)(void);
	unsigned long taints;
	struct list_head source_list;
	struct list_head target_list;
	atomic_t refcnt;
};

struct module___before_6_4 {
	struct module_layout core_layout;
};

struct module___since_6_4 {
	struct module_memory mem[7];
};

/* That `source` uses `target`; in target's source_list, and in source's target_list. */
struct module_use {
	struct list_head source_list;
	struct list_head target_list;
	struct module *source;
	struct module *target;
};

/* kernel/module/internal.h. The file as it was read: an ELF header, and `len` bytes in all. */
struct load_info {
	void *hdr;
	unsigned long len;
};

struct seq_file;

struct bpf_iter_meta {
	struct seq_file *seq;
};

struct bpf_iter__task {
	struct bpf_iter_meta *meta;
	struct task_struct *task;
};

#pragma clang attribute pop

#endif
