// SPDX-License-Identifier: Apache-2.0

/// How the calls that programs make most are decoded: a line each.
///
/// `name parameter:type … = result`. What a type means is in ``SyscallType``; `^` behind one: the
/// kernel writes it, so that it is read when the call returns; `+`: it is read before and after; `!`: the kernel
/// writes it if a signal ends the call, and only then. `#n`: argument n (from 0) says how much there is, `#r`: the
/// result does. `&name`: flags of that name, `%name`: those before permission bits, `|name`: one of them (SyscallNames
/// of `Rendering`). Numbers and types are those of the calls' manual pages, and of include/linux/syscalls.h where they
/// differ.
enum SyscallTexts {
    static let lines = """
        read fd:fd buf:buffer^#r count:uint
        write fd:fd buf:buffer#2 count:uint
        open pathname:path flags:&open mode:openmode#1 = fd
        close fd:fd
        stat pathname:path statbuf:stat^
        fstat fd:fd statbuf:stat^
        lstat pathname:path statbuf:stat^
        poll fds:pollfds+#1 nfds:u32 timeout:int = poll
        lseek fd:fd offset:long whence:|whence = long
        mmap addr:pointer length:uint prot:&prot flags:&map fd:fd offset:hex = hex
        mprotect addr:hex len:uint prot:&prot
        munmap addr:hex len:uint
        brk addr:pointer = hex
        rt_sigaction signum:signal act:sigaction#3 oldact:sigaction^#3 sigsetsize:uint
        rt_sigprocmask how:|sighow set:sigset#3 oldset:sigset^#3 sigsetsize:uint
        rt_sigreturn mask:frame
        ioctl fd:fd request:ioctl argp:ioctlarg^
        pread64 fd:fd buf:buffer^#r count:uint offset:long
        pwrite64 fd:fd buf:buffer#2 count:uint offset:long
        readv fd:fd iov:iovec^#2 iovcnt:int
        writev fd:fd iov:iovec#2 iovcnt:int
        access pathname:path mode:&access
        pipe pipefd:pipe^
        select nfds:int readfds:fdset+#0 writefds:fdset+#0 exceptfds:fdset+#0 timeout:timeval+ = select
        sched_yield
        mremap old_address:hex old_size:uint new_size:uint flags:&mremap new_address:newaddress#3 = hex
        msync addr:hex length:uint flags:&msync
        mincore addr:hex length:uint vec:pointer
        madvise addr:hex length:uint advice:|madvise
        dup oldfd:fd = fd
        dup2 oldfd:fd newfd:fd = fd
        pause
        nanosleep req:timespec rem:timespec!
        alarm seconds:u32
        setitimer which:|itimer new:itimerval old:itimerval^
        getitimer which:|itimer curr_value:itimerval^
        getpid
        sendfile out_fd:fd in_fd:fd offset:offset+ count:uint
        socket domain:|family type:&socket protocol:protocol#0 = fd
        connect sockfd:fd addr:sockaddr#2 addrlen:uint
        accept sockfd:fd addr:sockaddr^#2 addrlen:int+ = fd
        sendto sockfd:fd buf:buffer#2 len:uint flags:&msg dest_addr:sockaddr#5 addrlen:uint
        recvfrom sockfd:fd buf:buffer^#r len:uint flags:&msg src_addr:sockaddr^#5 addrlen:int+
        sendmsg sockfd:fd msg:message flags:&msg
        recvmsg sockfd:fd msg:message^ flags:&msg
        shutdown sockfd:fd how:|shutdown
        bind sockfd:fd addr:sockaddr#2 addrlen:uint
        listen sockfd:fd backlog:int
        getsockname sockfd:fd addr:sockaddr^#2 addrlen:int+
        getpeername sockfd:fd addr:sockaddr^#2 addrlen:int+
        socketpair domain:|family type:&socket protocol:protocol#0 sv:pipe^
        setsockopt sockfd:fd level:|sockopt_level optname:sockopt optval:optval#4 optlen:uint
        getsockopt sockfd:fd level:|sockopt_level optname:sockopt optval:optval^#4 optlen:int+
        clone flags:clone stack:clone parent_tid:clone child_tid:clone tls:clone
        fork
        vfork
        execve pathname:path argv:strings envp:environment
        exit status:int
        wait4 pid:int wstatus:status^ options:&wait rusage:rusage^
        kill pid:int sig:signal
        uname buf:utsname^
        fcntl fd:fd op:|fcntl arg:fcntl+ = fcntl
        flock fd:fd operation:&flock
        fsync fd:fd
        fdatasync fd:fd
        truncate path:path length:long
        ftruncate fd:fd length:long
        getdents fd:fd dirp:entries^#r count:uint
        getcwd buf:path^ size:uint
        chdir path:path
        fchdir fd:fd
        rename oldpath:path newpath:path
        mkdir pathname:path mode:octal
        rmdir pathname:path
        creat pathname:path mode:octal = fd
        link oldpath:path newpath:path
        unlink pathname:path
        symlink target:path linkpath:path
        readlink pathname:path buf:buffer^#r bufsiz:uint
        chmod pathname:path mode:octal
        fchmod fd:fd mode:octal
        chown pathname:path owner:id group:id
        fchown fd:fd owner:id group:id
        lchown pathname:path owner:id group:id
        umask mask:octal = octal
        gettimeofday tv:timeval^ tz:pointer
        getrlimit resource:|rlimit rlim:rlimit^
        setrlimit resource:|rlimit rlim:rlimit
        getrusage who:|rusage usage:rusage^
        sysinfo info:sysinfo^
        times buf:tms^
        getuid
        getgid
        setuid uid:id
        setgid gid:id
        geteuid
        getegid
        setpgid pid:int pgid:int
        getppid
        getpgrp
        setsid
        getgroups size:int list:ids^#r
        setgroups size:int list:ids#0
        getpgid pid:int
        setreuid ruid:id euid:id
        setregid rgid:id egid:id
        setresuid ruid:id euid:id suid:id
        setresgid rgid:id egid:id sgid:id
        getresuid ruid:int^ euid:int^ suid:int^
        getresgid rgid:int^ egid:int^ sgid:int^
        getpriority which:|priority who:int
        setpriority which:|priority who:int prio:int
        timer_create clockid:|clock sevp:sigevent timerid:int^
        timer_settime timerid:int flags:&timer new_value:itimerspec old_value:itimerspec^
        timer_gettime timerid:int curr_value:itimerspec^
        timer_getoverrun timerid:int
        timer_delete timerid:int
        shmat shmid:int shmaddr:pointer shmflg:&shmat = hex
        shmdt shmaddr:pointer
        mknod pathname:path mode:mode dev:device#1
        mknodat dirfd:dirfd pathname:path mode:mode dev:device#2
        getsid pid:int
        rt_sigsuspend mask:sigset#1 sigsetsize:uint
        rt_sigpending set:sigset^#1 sigsetsize:uint
        rt_sigtimedwait set:sigset#3 info:siginfo^ timeout:timespec sigsetsize:uint = signal
        tkill tid:int sig:signal
        sigaltstack ss:stack old_ss:stack^
        statfs path:path buf:statfs^
        fstatfs fd:fd buf:statfs^
        prctl option:|prctl arg2:prctl^ arg3:prctl arg4:prctl arg5:vmaname
        arch_prctl op:|arch_prctl addr:hex
        chroot path:path
        mount source:string target:path filesystemtype:string mountflags:&mount data:string
        umount2 target:path flags:&umount
        gettid
        getxattr path:path name:string value:buffer^#r size:uint
        lgetxattr path:path name:string value:buffer^#r size:uint
        fgetxattr fd:fd name:string value:buffer^#r size:uint
        setxattr path:path name:string value:buffer#3 size:uint flags:&xattr
        lsetxattr path:path name:string value:buffer#3 size:uint flags:&xattr
        fsetxattr fd:fd name:string value:buffer#3 size:uint flags:&xattr
        removexattr path:path name:string
        lremovexattr path:path name:string
        fremovexattr fd:fd name:string
        listxattr path:path list:buffer^#r size:uint
        llistxattr path:path list:buffer^#r size:uint
        flistxattr fd:fd list:buffer^#r size:uint
        futex uaddr:pointer op:futex val:futex timeout:futextime uaddr2:futex val3:futex
        sched_setaffinity pid:int cpusetsize:uint mask:cpuset#1
        sched_getaffinity pid:int cpusetsize:uint mask:cpuset^#r
        epoll_create size:int = fd
        getdents64 fd:fd dirp:entries^#r count:uint
        set_tid_address tidptr:pointer
        restart_syscall
        fadvise64 fd:fd offset:long len:uint advice:|fadvise
        clock_gettime clockid:|clock tp:timespec^
        clock_getres clockid:|clock res:timespec^
        clock_nanosleep clockid:|clock flags:&timer req:timespec rem:timespec!
        exit_group status:int
        epoll_wait epfd:fd events:epollevents^#r maxevents:int timeout:int
        epoll_ctl epfd:fd op:|epoll_ctl fd:fd event:epollevent
        tgkill tgid:int tid:int sig:signal
        waitid idtype:|idtype id:int infop:siginfo^ options:&wait rusage:rusage^
        openat dirfd:dirfd pathname:path flags:&open mode:openmode#2 = fd
        mkdirat dirfd:dirfd pathname:path mode:octal
        fchownat dirfd:dirfd pathname:path owner:id group:id flags:&at
        newfstatat dirfd:dirfd pathname:path statbuf:stat^ flags:&at
        unlinkat dirfd:dirfd pathname:path flags:&unlinkat
        renameat olddirfd:dirfd oldpath:path newdirfd:dirfd newpath:path
        linkat olddirfd:dirfd oldpath:path newdirfd:dirfd newpath:path flags:&at
        symlinkat target:path newdirfd:dirfd linkpath:path
        readlinkat dirfd:dirfd pathname:path buf:buffer^#r bufsiz:uint
        fchmodat dirfd:dirfd pathname:path mode:octal
        faccessat dirfd:dirfd pathname:path mode:&access
        pselect6 nfds:int readfds:fdset+#0 writefds:fdset+#0 exceptfds:fdset+#0 timeout:timespec+ sigmask:sigmask = select
        ppoll fds:pollfds+#1 nfds:u32 tmo_p:timespec+ sigmask:sigset#4 sigsetsize:uint = poll
        set_robust_list head:hex len:uint
        splice fd_in:fd off_in:offset+ fd_out:fd off_out:offset+ len:uint flags:&splice
        tee fd_in:fd fd_out:fd len:uint flags:&splice
        vmsplice fd:fd iov:iovec#2 nr_segs:uint flags:&splice
        utimensat dirfd:dirfd pathname:path times:timespecs flags:&at
        epoll_pwait epfd:fd events:epollevents^#r maxevents:int timeout:int sigmask:sigset#5 sigsetsize:uint
        epoll_pwait2 epfd:fd events:epollevents^#r maxevents:int timeout:timespec sigmask:sigset#5 sigsetsize:uint
        timerfd_create clockid:|clock flags:&timerfd = fd
        timerfd_gettime fd:fd curr_value:itimerspec^
        eventfd initval:u32 = fd
        eventfd2 initval:u32 flags:&eventfd = fd
        signalfd fd:fd mask:sigset#2 sizemask:uint = fd
        signalfd4 fd:fd mask:sigset#2 sizemask:uint flags:&signalfd = fd
        fallocate fd:fd mode:&fallocate offset:long len:long
        timerfd_settime fd:fd flags:&timerfdset new_value:itimerspec old_value:itimerspec^
        accept4 sockfd:fd addr:sockaddr^#2 addrlen:int+ flags:&sockflags = fd
        epoll_create1 flags:&epoll_create = fd
        dup3 oldfd:fd newfd:fd flags:&pipe = fd
        pipe2 pipefd:pipe^ flags:&pipe
        inotify_init = fd
        inotify_init1 flags:&inotify_init = fd
        inotify_add_watch fd:fd pathname:path mask:&inotify
        inotify_rm_watch fd:fd wd:int
        preadv fd:fd iov:iovec^#2 iovcnt:int offset:long
        pwritev fd:fd iov:iovec#2 iovcnt:int offset:long
        prlimit64 pid:int resource:|rlimit new_limit:rlimit old_limit:rlimit^
        sendmmsg sockfd:fd msgvec:messages^#r vlen:u32 flags:&msg
        recvmmsg sockfd:fd msgvec:messages^#r vlen:u32 flags:&msg timeout:timespec
        renameat2 olddirfd:dirfd oldpath:path newdirfd:dirfd newpath:path flags:&rename
        getrandom buf:bytes^#r buflen:uint flags:&random
        memfd_create name:string flags:&memfd = fd
        execveat dirfd:dirfd pathname:path argv:strings envp:environment flags:&at
        copy_file_range fd_in:fd off_in:offset+ fd_out:fd off_out:offset+ len:uint flags:u32
        statx dirfd:dirfd pathname:path flags:&statx_at mask:&statx statxbuf:statx^
        rseq rseq:pointer rseq_len:hex flags:&rseq sig:hex
        clone3 cl_args:cloneargs size:uint
        close_range first:u32 last:u32 flags:&close_range
        openat2 dirfd:dirfd pathname:path how:openhow size:uint = fd
        faccessat2 dirfd:dirfd pathname:path mode:&access flags:&at
        pidfd_open pid:int flags:&pidfd = fd
        pidfd_getfd pidfd:fd targetfd:int flags:u32 = fd
        unshare flags:&clone
        setns fd:fd nstype:&clone
        pidfd_send_signal pidfd:fd sig:signal info:pointer flags:u32
        capget header:capheader data:capabilities^
        capset header:capheader data:capabilities
        sched_getparam pid:int param:int^
        sched_setparam pid:int param:intPointer
        sched_getscheduler pid:int = |sched
        sched_setscheduler pid:int policy:&sched param:intPointer
        sched_getattr pid:int attr:schedattr^ size:u32 flags:hex
        sched_setattr pid:int attr:schedattr flags:hex
        sched_get_priority_max policy:&sched
        sched_get_priority_min policy:&sched
        sched_rr_get_interval pid:int tp:timespec^
        mlock addr:hex len:uint
        mlock2 addr:hex len:uint flags:&mlock2
        munlock addr:hex len:uint
        mlockall flags:&mlockall
        munlockall
        time tloc:pointer
        getcpu cpu:int^ node:int^ tcache:pointer
        clock_settime clockid:|clock tp:timespec
        settimeofday tv:timeval tz:pointer
        readahead fd:fd offset:long count:uint
        sync
        syncfs fd:fd
        sync_file_range fd:fd offset:long nbytes:long flags:&sync_file_range
        preadv2 fd:fd iov:iovec^#2 iovcnt:int offset:long pos_h:unused flags:&rwf
        pwritev2 fd:fd iov:iovec#2 iovcnt:int offset:long pos_h:unused flags:&rwf
        fchmodat2 dirfd:dirfd pathname:path mode:octal flags:&at
        utime filename:path times:pointer
        utimes filename:path times:pointer
        setfsuid uid:id
        setfsgid gid:id
        personality persona:hex = hex
        sethostname name:buffer#1 len:uint
        setdomainname name:buffer#1 len:uint
        ioprio_get which:|ioprio who:int = hex
        ioprio_set which:|ioprio who:int ioprio:hex
        membarrier cmd:hex flags:hex cpu_id:int
        kcmp pid1:int pid2:int type:|kcmp idx1:hex idx2:hex
        get_robust_list pid:int head_ptr:pointer len_ptr:pointer
        pivot_root new_root:path put_old:path
        swapon path:path flags:hex
        swapoff path:path
        acct filename:path
        userfaultfd flags:&userfaultfd = fd
        process_vm_readv pid:int local_iov:iovec^#2 liovcnt:uint remote_iov:pointer riovcnt:uint flags:uint
        process_vm_writev pid:int local_iov:iovec#2 liovcnt:uint remote_iov:pointer riovcnt:uint flags:uint
        process_madvise pidfd:fd iov:pointer iovcnt:uint advice:|madvise flags:u32
        name_to_handle_at dirfd:dirfd pathname:path handle:pointer mount_id:int^ flags:&at
        open_by_handle_at mount_fd:fd handle:pointer flags:&open = fd
        open_tree dirfd:dirfd pathname:path flags:&at = fd
        move_mount from_dirfd:dirfd from_pathname:path to_dirfd:dirfd to_pathname:path flags:hex
        fsopen fsname:string flags:hex = fd
        fsmount fd:fd flags:hex attr_flags:hex = fd
        io_uring_setup entries:u32 params:pointer = fd
        io_uring_enter fd:fd to_submit:u32 min_complete:u32 flags:&io_uring_enter arg:pointer argsz:uint
        io_uring_register fd:fd opcode:u32 arg:pointer nr_args:u32
        mq_open name:path oflag:&open mode:openmode#1 attr:mqattr = fd
        mq_unlink name:path
        mq_timedsend mqdes:fd msg_ptr:buffer#2 msg_len:uint msg_prio:u32 abs_timeout:timespec
        mq_timedreceive mqdes:fd msg_ptr:buffer^#r msg_len:uint msg_prio:int^ abs_timeout:timespec
        mq_notify mqdes:fd sevp:sigevent
        mq_getsetattr mqdes:fd newattr:mqattr oldattr:mqattr^
        shmget key:|ipckey size:uint shmflg:%shmflags
        shmctl shmid:int cmd:|shmcmd buf:pointer
        semget key:|ipckey nsems:int semflg:%ipcflags
        semop semid:int sops:sembufs#2 nsops:uint
        semtimedop semid:int sops:sembufs#2 nsops:uint timeout:timespec
        semctl semid:int semnum:int cmd:|semcmd arg:pointer
        msgget key:|ipckey msgflg:%ipcflags
        msgsnd msqid:int msgp:pointer msgsz:uint msgflg:&ipcflags
        msgrcv msqid:int msgp:pointer msgsz:uint msgtyp:long msgflg:&ipcflags
        msgctl msqid:int cmd:|ipccmd buf:pointer
        init_module image:pointer len:uint param_values:string
        finit_module fd:fd param_values:string flags:u32
        delete_module name:string flags:&pipe
        perf_event_open attr:pointer pid:int cpu:int group_fd:fd flags:hex = fd
        seccomp operation:|seccomp flags:hex args:pointer
        set_mempolicy mode:|mempolicy nodemask:pointer maxnode:uint
        get_mempolicy mode:int^ nodemask:pointer maxnode:uint addr:pointer flags:hex
        rt_sigqueueinfo pid:int sig:signal uinfo:siginfo
        rt_tgsigqueueinfo tgid:int tid:int sig:signal uinfo:siginfo
        ptrace request:|ptrace pid:int addr:pointer data:pointer
        bpf cmd:|bpf attr:pointer size:u32
        syslog type:int bufp:buffer^#r len:int
        adjtimex buf:pointer
        clock_adjtime clockid:|clock buf:pointer
        futex_waitv waiters:pointer nr_futexes:u32 flags:hex timeout:timespec clockid:|clock
        mount_setattr dirfd:dirfd pathname:path flags:&at attr:pointer size:uint
        fsconfig fd:fd cmd:u32 key:string value:string aux:int
        fspick dirfd:dirfd pathname:path flags:hex = fd
        pkey_alloc flags:hex access_rights:hex
        pkey_free pkey:int
        pkey_mprotect addr:hex len:uint prot:&prot pkey:int
        landlock_create_ruleset attr:pointer size:uint flags:hex
        landlock_restrict_self ruleset_fd:fd flags:hex
        fanotify_init flags:hex event_f_flags:&open = fd
        fanotify_mark fanotify_fd:fd flags:hex mask:hex dirfd:dirfd pathname:path
        mbind addr:hex len:uint mode:|mempolicy nodemask:pointer maxnode:uint flags:hex
        """

    /// After these, known paths are read anew.
    static let movingNames = "rename renameat renameat2 mount umount2 move_mount pivot_root chroot"
}
