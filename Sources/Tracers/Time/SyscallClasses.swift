// SPDX-License-Identifier: Apache-2.0
import CEvents
import Linux

/// Which kind of wait each system call can end in: the table that `bpf/time.bpf.c` looks up when a
/// thread goes to sleep.
enum SyscallClasses {
    /// One of `enum time_syscall_class` for each number, `TIME_SYSCALLS` of them.
    static let table: [UInt8] = {
        var table = [UInt8](repeating: UInt8(TIME_CLASS_OTHER.rawValue), count: TIME_SYSCALLS)
        for (kind, names) in classes {
            for name in names.split(whereSeparator: \.isWhitespace) {
                if let number = SyscallTable.number(String(name)) { table[number] = UInt8(kind.rawValue) }
            }
        }
        return table
    }()

    /// Every name is in ``SyscallTable``, and in one class alone: a test checks it.
    static let classes: [(time_syscall_class, String)] = [
        (TIME_CLASS_FUTEX, "futex futex_waitv futex_wait futex_requeue"),
        (
            TIME_CLASS_SOCKET,
            """
            connect accept accept4 sendto recvfrom sendmsg recvmsg sendmmsg recvmmsg shutdown
            """
        ),
        (
            TIME_CLASS_POLL,
            """
            poll ppoll select pselect6 epoll_wait epoll_pwait epoll_pwait2 epoll_wait_old
            """
        ),
        (TIME_CLASS_SLEEP, "nanosleep clock_nanosleep"),
        // The parent of a vfork sleeps in it until the child has executed or ended.
        (TIME_CLASS_CHILD, "wait4 waitid vfork clone clone3"),
        (
            TIME_CLASS_FILE,
            """
            open openat openat2 creat stat lstat fstat newfstatat statx access faccessat faccessat2
            fsync fdatasync sync syncfs sync_file_range msync truncate ftruncate fallocate rename renameat
            renameat2 unlink unlinkat mkdir mkdirat rmdir link linkat symlink symlinkat readlink
            readlinkat getdents getdents64 chdir fchdir chmod fchmod fchmodat fchmodat2 chown fchown
            lchown fchownat utimensat statfs fstatfs mount umount2 execve execveat readahead close
            """
        ),
        (TIME_CLASS_READ, "read readv pread64 preadv preadv2 splice tee"),
        (TIME_CLASS_WRITE, "write writev pwrite64 pwritev pwritev2 sendfile vmsplice"),
    ]
}
