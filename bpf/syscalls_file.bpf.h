/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What is behind a descriptor, read at the moment of the call: right for processes
 * that live too briefly for /proc. A path is written once, and a number from then
 * on stands for it.
 */
#ifndef APUS_SYSCALLS_FILE_H
#define APUS_SYSCALLS_FILE_H

#include "syscalls_thread.bpf.h"

enum {
	S_IFMT = 0170000,
	S_IFIFO = 0010000,
	S_IFSOCK = 0140000,
	AT_FDCWD = -100,
	AF_INET = 2,
	AF_INET6 = 10,
	/* The names of a path and the mounts on its way; the longest of them (NAME_MAX). */
	NAMES = 32,
	NAME_SIZE = 256,
	NAMES_SIZE = 4096,
};

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 8192);
	__type(key, struct name_key);
	__type(value, __u32);
} names SEC(".maps");

/* What has been renamed or mounted by the target: all paths are then read anew. */
__u64 name_epoch = 0;
/* Numbers of paths: each CPU has every so manieth. */
const volatile __u32 cpu_count = SYSCALL_CPUS;

struct name_record {
	struct syscall_record record;
	struct syscall_capture capture;
	char text[NAMES_SIZE + NAME_SIZE];
};

/*
 * The type of the file system of a file that is in no directory, and of a namespace its kind: with
 * them Swift tells it as /proc does.
 */
static __always_inline void read_anonymous(struct name_record *to, struct dentry *dentry)
{
	struct inode *inode = BPF_CORE_READ(dentry, d_inode);
	struct ns_common *space = BPF_CORE_READ(inode, i_private);
	volatile __u16 *end = &to->capture.size;
	char *text = &to->text[bounded(*end, NAMES_SIZE)];
	long size;

	to->capture.index = SYSCALL_NAME_ANONYMOUS;
	to->record.arguments[0] = BPF_CORE_READ(inode, i_ino);
	size = bpf_probe_read_kernel_str(text, NAME_SIZE,
					 BPF_CORE_READ(dentry, d_sb, s_type, name));
	if (size <= 0)
		return;
	*end += size;
	/* "nsfs" */
	if (*(__u32 *)text != 0x7366736e || text[4] || !bpf_core_field_exists(space->ops))
		return;
	size = bpf_probe_read_kernel_str(&to->text[bounded(*end, NAMES_SIZE)], NAME_SIZE,
					 BPF_CORE_READ(space, ops, name));
	if (size > 0)
		*end += size;
}

/*
 * Up to the root of the file's mount namespace, across mounts. How far it wrote is
 * kept in memory, which the verifier does not follow: else it would try all ways.
 */
static __always_inline void read_names(struct name_record *to, struct dentry *dentry,
				       struct vfsmount *volume)
{
	struct mount *mount = (void *)volume - bpf_core_field_offset(struct mount, mnt), *up;
	struct dentry *parent;
	volatile __u16 *end = &to->capture.size;
	long size;

	for (int i = 0; i < NAMES; i++) {
		if (dentry == BPF_CORE_READ(mount, mnt.mnt_root)) {
			up = BPF_CORE_READ(mount, mnt_parent);
			if (up == mount)
				return;
			dentry = BPF_CORE_READ(mount, mnt_mountpoint);
			mount = up;
			continue;
		}
		if (*end >= NAMES_SIZE)
			break;
		parent = BPF_CORE_READ(dentry, d_parent);
		size = bpf_probe_read_kernel_str(&to->text[bounded(*end, NAMES_SIZE)], NAME_SIZE,
						 BPF_CORE_READ(dentry, d_name.name));
		if (size > 0)
			*end += size;
		if (parent == dentry) {
			read_anonymous(to, dentry);
			return;
		}
		dentry = parent;
	}
	to->capture.flags = SYSCALL_CUT;
}

/*
 * A namespace's file, or so: all of one type have the same name, and a dentry that goes with the
 * last descriptor, so that the next one is likely to have its address.
 */
static __always_inline bool is_nameless(__u64 dentry, __u64 parent, __u64 hash_len)
{
	return parent == dentry && hash_len >> 32 == 1;
}

/*
 * The number that stands for a path; 0: there was no room to write it. Global
 * functions, with numbers for arguments, are verified by themselves, and once.
 */
__noinline __u32 number_of_path(__u64 dentry, __u64 mount)
{
	struct path path = {.mnt = (void *)mount, .dentry = (void *)dentry};
	struct name_key key = {
		.dentry = dentry,
		.parent = (__u64)BPF_CORE_READ(path.dentry, d_parent),
		.mount = mount,
		.hash_len = BPF_CORE_READ(path.dentry, d_name.hash_len),
		.epoch = name_epoch,
	};
	__u32 *known, number;
	struct name_record *record;

	if (!has_files)
		return 0;
	if (is_nameless(key.dentry, key.parent, key.hash_len))
		key.parent = BPF_CORE_READ(path.dentry, d_inode, i_ino);
	known = bpf_map_lookup_elem(&names, &key);
	if (known)
		return *known;
	record = bpf_ringbuf_reserve(&events, sizeof(*record), 0);
	if (!record) {
		this_cpu()->lost_events++;
		return 0;
	}
	number = 1 + bpf_get_smp_processor_id() + cpu_count * this_cpu()->names++;
	record->record = (struct syscall_record){
		.ts_ns = bpf_ktime_get_ns(), .number = number, .type = SYSCALL_RECORD_PATH};
	record->capture = (struct syscall_capture){.kind = SYSCALL_CAPTURE_NAME};
	read_names(record, path.dentry, path.mnt);
	record->record.size =
		sizeof(record->record) + sizeof(record->capture) + record->capture.size;
	/* After the record has its place in the ring: nobody's use of the number comes before it.
	 */
	bpf_map_update_elem(&names, &key, &number, BPF_ANY);
	bpf_ringbuf_submit(record, BPF_RB_NO_WAKEUP);
	return number;
}

static __always_inline void read_socket(struct file *file, struct syscall_file *to)
{
	struct socket *socket = BPF_CORE_READ(file, private_data);
	struct sock *sock = BPF_CORE_READ(socket, sk);

	to->family = BPF_CORE_READ(sock, __sk_common.skc_family);
	to->socket_type = BPF_CORE_READ(sock, sk_type);
	to->local_port = BPF_CORE_READ(sock, __sk_common.skc_num);
	to->remote_port = __builtin_bswap16(BPF_CORE_READ(sock, __sk_common.skc_dport));
	if (to->family == AF_INET) {
		bpf_core_read(to->local, 4, &sock->__sk_common.skc_rcv_saddr);
		bpf_core_read(to->remote, 4, &sock->__sk_common.skc_daddr);
	} else if (to->family == AF_INET6 &&
		   bpf_core_field_exists(sock->__sk_common.skc_v6_daddr)) {
		bpf_core_read(to->local, 16, &sock->__sk_common.skc_v6_rcv_saddr);
		bpf_core_read(to->remote, 16, &sock->__sk_common.skc_v6_daddr);
	}
}

/*
 * The descriptor's file, or 0. A global function, which is verified once: for each pointer that is
 * read from the current task, the verifier searches all of the kernel's types (since 6.2).
 */
__noinline __u64 file_of(__u32 descriptor)
{
	struct files_struct *files;
	struct file **slots, *file = NULL;
	struct fdtable *table;

	if (!has_files)
		return 0;
	if (task_storage) {
		files = bpf_get_current_task_btf()->files;
		if (!files)
			return 0;
		table = files->fdt;
		if (descriptor >= table->max_fds)
			return 0;
		slots = table->fd;
	} else {
		struct task_struct *task = (void *)bpf_get_current_task();

		table = BPF_CORE_READ(task, files, fdt);
		if (descriptor >= BPF_CORE_READ(table, max_fds))
			return 0;
		slots = BPF_CORE_READ(table, fd);
	}
	bpf_probe_read_kernel(&file, sizeof(file), &slots[descriptor]);
	return (__u64)file;
}

/*
 * How many bytes of `to` say what it is; 0: there is no such descriptor. What the
 * thread used lately is compared with what it was: that is most of the time
 * that a record takes.
 */
static __noinline __u32 read_file(struct thread *thread, __s32 descriptor, struct syscall_file *to)
{
	struct recent_file *recent = &thread->recent[descriptor & 3];
	struct task_struct *task;
	struct dentry *dentry;
	struct inode *inode;
	struct file *file;
	struct path path;
	/* struct dentry has d_parent before d_name, whose first word this is, on all kernels. */
	struct {
		__u64 parent;
		__u64 hash_len;
	} name;

	if (descriptor == AT_FDCWD) {
		task = (void *)bpf_get_current_task();
		BPF_CORE_READ_INTO(&path, task, fs, pwd);
		to->path = number_of_path((__u64)path.dentry, (__u64)path.mnt);
		to->mode = 0040000;
		to->inode = 0;
		return __builtin_offsetof(struct syscall_file, family);
	}
	file = (void *)file_of(descriptor);
	if (!file)
		return 0;
	if (file_type) {
		struct file *typed = bpf_rdonly_cast(file, file_type);

		dentry = typed->f_path.dentry;
		path.mnt = typed->f_path.mnt;
		name.parent = (__u64)dentry->d_parent;
		name.hash_len = dentry->d_name.hash_len;
	} else {
		bpf_core_read(&path, sizeof(path), &file->f_path);
		dentry = path.dentry;
		bpf_core_read(&name, sizeof(name), &dentry->d_parent);
	}
	if (recent->path && recent->key.dentry == (__u64)dentry &&
	    recent->key.parent == name.parent && recent->key.mount == (__u64)path.mnt &&
	    recent->key.hash_len == name.hash_len && recent->key.epoch == name_epoch) {
		to->path = recent->path;
		to->mode = recent->mode;
		to->inode = recent->inode;
		return __builtin_offsetof(struct syscall_file, family);
	}
	inode = BPF_CORE_READ(file, f_inode);
	to->path = 0;
	to->mode = BPF_CORE_READ(inode, i_mode);
	to->inode = BPF_CORE_READ(inode, i_ino);
	if ((to->mode & S_IFMT) == S_IFSOCK) {
		read_socket(file, to);
		return sizeof(*to);
	}
	/* A pipe has no name; its length is in the upper half of what is hashed. */
	if ((to->mode & S_IFMT) == S_IFIFO && !(name.hash_len >> 32))
		return __builtin_offsetof(struct syscall_file, family);
	recent->key = (struct name_key){(__u64)dentry, name.parent, (__u64)path.mnt, name.hash_len,
					name_epoch};
	/* As numbers: the verifier takes no typed pointers for those. */
	to->path = number_of_path(*(volatile __u64 *)&recent->key.dentry,
				  *(volatile __u64 *)&recent->key.mount);
	recent->path = is_nameless((__u64)dentry, name.parent, name.hash_len) ? 0 : to->path;
	recent->mode = to->mode;
	recent->inode = to->inode;
	return __builtin_offsetof(struct syscall_file, family);
}

#endif
