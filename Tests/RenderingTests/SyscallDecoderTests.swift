// SPDX-License-Identifier: Apache-2.0
import CEvents
import Glibc
import Linux
import Testing
import Tracers

@testable import Rendering

/// Arguments and results, as strace 6.1 writes them where nothing else is said.
struct SyscallDecoderTests {
    typealias Capture = SyscallFormatTests.Capture

    /// The line of a call of this name, up to its duration.
    static func line(
        _ name: String, _ arguments: [UInt64], result: Int64 = 0, _ captures: [Capture] = [], isCompat: Bool = false
    ) -> String {
        guard let number = isCompat ? SyscallTable.compatNumber(name) : SyscallTable.number(name) else {
            return "no call \(name)"
        }
        let record = SyscallFormatTests.record(
            Int32(number), arguments, result: result, flags: isCompat ? SYSCALL_COMPAT.rawValue : 0,
            captures: captures)
        let text = SyscallFormatTests.lines(record)
        return String(text.dropLast(" <0.000001500>\n".count))
    }

    static func bytes<T>(_ values: T...) -> [UInt8] {
        values.flatMap { value in withUnsafeBytes(of: value) { Array($0) } }
    }

    /// - Parameter isCut: the rest is in a page that is not there.
    static func structure(
        _ argument: Int, _ bytes: [UInt8], atExit: Bool = true, isCut: Bool = false
    ) -> Capture {
        Capture(
            argument: argument, kind: SYSCALL_CAPTURE_STRUCT, bytes: bytes,
            flags: (atExit ? SYSCALL_AT_EXIT.rawValue : 0) | (isCut ? SYSCALL_CUT.rawValue : 0))
    }

    @Test(
        arguments: [
            ("pipe2", [0, 1], "pipe2(NULL, 0x1)"), ("pipe2", [0, 0x4080], "pipe2(NULL, O_EXCL|O_DIRECT)"),
            ("epoll_create1", [1], "epoll_create1(0x1)"), ("epoll_create1", [0x80000], "epoll_create1(EPOLL_CLOEXEC)"),
            ("timerfd_create", [1, 0x80800], "timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC|TFD_NONBLOCK)"),
            ("eventfd2", [3, 0x80001], "eventfd2(3, EFD_SEMAPHORE|EFD_CLOEXEC)"),
            ("inotify_init1", [0x80800], "inotify_init1(IN_NONBLOCK|IN_CLOEXEC)"),
            ("dup3", [1, 1, 0x99], "dup3(1, 1, O_EXCL|0x19)"),
            ("signalfd4", [.max, 0, 8, 0x80000], "signalfd4(-1, NULL, 8, SFD_CLOEXEC)"),
            (
                "timerfd_settime", [7, 3, 0, 0],
                "timerfd_settime(7, TFD_TIMER_ABSTIME|TFD_TIMER_CANCEL_ON_SET, NULL, NULL)"
            ),
            ("open", [0, 3], "open(NULL, O_ACCMODE)"), ("open", [0, 0x80003], "open(NULL, O_ACCMODE|O_CLOEXEC)"),
            ("umount2", [0, 3], "umount2(NULL, MNT_FORCE|MNT_DETACH)"),
            ("fallocate", [3, 3, 0, 10], "fallocate(3, FALLOC_FL_KEEP_SIZE|FALLOC_FL_PUNCH_HOLE, 0, 10)"),
            ("close_range", [90, 0xffff_ffff, 4], "close_range(90, 4294967295, CLOSE_RANGE_CLOEXEC)"),
            ("unshare", [0x4002_0000], "unshare(CLONE_NEWNS|CLONE_NEWNET)"), ("setns", [3, 0], "setns(3, 0)"),
            ("getrusage", [0xffff_ffff, 0], "getrusage(RUSAGE_CHILDREN, NULL)"),
            ("userfaultfd", [0x80801], "userfaultfd(UFFD_USER_MODE_ONLY|O_NONBLOCK|O_CLOEXEC)"),
            ("ptrace", [31, 9, 0, 0], "ptrace(PTRACE_SYSEMU, 9, NULL, NULL)"),
            ("msgget", [0, 0o1600], "msgget(IPC_PRIVATE, IPC_CREAT|0600)"),
        ] as [(String, [UInt64], String)])
    func `flags are those of the call`(name: String, arguments: [UInt64], line: String) {
        #expect(Self.line(name, arguments) == line + " = 0")
    }

    @Test(
        arguments: [
            ([1024, 0], 0, "F_SETLEASE, F_RDLCK) = 0"), ([1025, 9], 2, "F_GETLEASE) = 0x2 (F_UNLCK)"),
            ([3, 9], 0x8002, "F_GETFL) = 0x8002 (flags O_RDWR|O_LARGEFILE)"),
            ([1, 9], 1, "F_GETFD) = 0x1 (flags FD_CLOEXEC)"),
            ([11, 9], 29, "F_GETSIG) = 29 (SIGIO)"), ([10, 29], 0, "F_SETSIG, SIGIO) = 0"),
            ([1033, 10], 0, "F_ADD_SEALS, F_SEAL_SHRINK|F_SEAL_WRITE) = 0"),
            ([1034, 9], 10, "F_GET_SEALS) = 0xa (seals F_SEAL_SHRINK|F_SEAL_WRITE)"), ([77, 5], 0, "0x4d, 0x5) = 0"),
        ] as [([UInt64], Int64, String)])
    func `fcntl's argument and result are its operation's`(arguments: [UInt64], result: Int64, end: String) {
        #expect(Self.line("fcntl", [3] + arguments, result: result) == "fcntl(3, " + end)
    }

    @Test func `an owner is told by its kind`() {
        let owner = Self.bytes(UInt32(1), 9) + [UInt8](repeating: 0, count: 24)
        #expect(
            Self.line("fcntl", [3, 15, 0x1000], [Self.structure(2, owner, atExit: false)])
                == "fcntl(3, F_SETOWN_EX, {type=F_OWNER_PID, pid=9}) = 0")
        #expect(
            Self.line("fcntl", [3, 16, 0x1000], [Self.structure(2, owner)])
                == "fcntl(3, F_GETOWN_EX, {type=F_OWNER_PID, pid=9}) = 0")
        #expect(Self.line("fcntl", [3, 16, 0x1000]) == "fcntl(3, F_GETOWN_EX, 0x1000) = 0")
    }

    @Test func `a name of memory is told`() {
        let name = Capture(
            argument: 4, kind: SYSCALL_CAPTURE_STRING, bytes: Array("heap".utf8))
        #expect(
            Self.line("prctl", [0x5356_4d41, 0, 0x1000, 4096, 0x2000], [name])
                == #"prctl(PR_SET_VMA, PR_SET_VMA_ANON_NAME, 0x1000, 4096, "heap") = 0"#)
        #expect(
            Self.line("prctl", [0x5356_4d41, 0, 0x1000, 4096, 0])
                == "prctl(PR_SET_VMA, PR_SET_VMA_ANON_NAME, 0x1000, 4096, NULL) = 0")
    }

    @Test func `a lock is told as it was asked for, or as it was found`() {
        var lock = flock()
        (lock.l_type, lock.l_start, lock.l_len, lock.l_pid) = (1, 4, 2, 9)
        let (asked, found) = (Self.structure(2, Self.bytes(lock), atExit: false), Self.structure(2, Self.bytes(lock)))
        let text = "{l_type=F_WRLCK, l_whence=SEEK_SET, l_start=4, l_len=2"
        #expect(Self.line("fcntl", [3, 6, 0x1000], [asked]) == "fcntl(3, F_SETLK, \(text)}) = 0")
        #expect(Self.line("fcntl", [3, 5, 0x1000], [asked]) == "fcntl(3, F_GETLK, \(text)}) = 0")
        #expect(Self.line("fcntl", [3, 5, 0x1000], [asked, found]) == "fcntl(3, F_GETLK, \(text), l_pid=9}) = 0")
    }

    @Test(
        arguments: [
            ([0, 4, 0, 7, 7], "FUTEX_WAIT, 4, NULL"), ([129, 1, 6, 7, 7], "FUTEX_WAKE_PRIVATE, 1"),
            ([4, 1, 2, 16, 9], "FUTEX_CMP_REQUEUE, 1, 2, 0x10, 9"), ([6, 4, 0, 16, 9], "FUTEX_LOCK_PI, NULL"),
            ([7, 4, 5, 16, 9], "FUTEX_UNLOCK_PI"),
            ([10, 1, 5, 16, 0xffff_ffff], "FUTEX_WAKE_BITSET, 1, FUTEX_BITSET_MATCH_ANY"),
            ([265, 4, 0, 16, 3], "FUTEX_WAIT_BITSET|FUTEX_CLOCK_REALTIME, 4, NULL, 0x3"),
            ([77, 1, 2, 3, 4], "0x4d, 1, 0x2, 0x3, 0x4"), ([0x201, 1, 2, 3, 4], "0x201, 1, 0x2, 0x3, 0x4"),
        ] as [([UInt64], String)])
    func `futex has the arguments that its operation uses`(arguments: [UInt64], line: String) {
        #expect(Self.line("futex", [0x1000] + arguments) == "futex(0x1000, \(line)) = 0")
    }

    @Test(
        arguments: [
            ([1, 9, 7, 7, 7], "PR_SET_PDEATHSIG, SIGKILL"), ([3, 7, 7, 7, 7], "PR_GET_DUMPABLE"),
            ([4, 1, 7, 7, 7], "PR_SET_DUMPABLE, 1"), ([38, 1, 0, 0, 0], "PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0"),
            ([22, 2, 16, 7, 7], "PR_SET_SECCOMP, SECCOMP_MODE_FILTER, 0x10"),
            ([9999, 1, 2, 3, 4], "0x270f, 0x1, 0x2, 0x3, 0x4"),
        ] as [([UInt64], String)])
    func `prctl has the arguments that its option uses`(arguments: [UInt64], line: String) {
        #expect(Self.line("prctl", arguments) == "prctl(\(line)) = 0")
    }

    @Test func `lists that are empty, and what in them could not be read`() {
        func string(_ index: Int, _ bytes: [UInt8], _ flags: syscall_capture_flags? = nil) -> Capture {
            Capture(
                argument: 1, kind: SYSCALL_CAPTURE_STRINGS, bytes: bytes, flags: flags?.rawValue ?? 0, index: index)
        }
        #expect(
            Self.line("execve", [0, 0x1000, 0], [string(Int(SYSCALL_STRINGS), [])]) == "execve(NULL, [], NULL) = 0")
        #expect(Self.line("execve", [0, 0x1000, 0]) == "execve(NULL, 0x1000, NULL) = 0")
        let list = [string(0, Self.bytes(UInt64(8)), SYSCALL_FAULT), string(1, Array("a".utf8))]
        #expect(Self.line("execve", [0, 0x1000, 0], list) == #"execve(NULL, [0x8, "a"], NULL) = 0"#)
        let vectors = [
            Capture(argument: 1, kind: SYSCALL_CAPTURE_IOVEC, bytes: Self.bytes(UInt64(0), 0)),
            Capture(argument: 1, kind: SYSCALL_CAPTURE_BUFFER, bytes: []),
        ]
        // Of nothing the address does not count.
        let none = Capture(argument: 1, kind: SYSCALL_CAPTURE_BUFFER, bytes: [], flags: SYSCALL_FAULT.rawValue)
        let array = Capture(argument: 1, kind: SYSCALL_CAPTURE_IOVEC, bytes: Self.bytes(UInt64(0x2000), 0))
        #expect(Self.line("write", [1, 0x1000, 0], [none]) == #"write(1, "", 0) = 0"#)
        #expect(Self.line("write", [1, 0x1000, 1], [none]) == "write(1, 0x1000, 1) = 0")
        #expect(
            Self.line("writev", [1, 0x1000, 1], [array, none]) == #"writev(1, [{iov_base="", iov_len=0}], 1) = 0"#)
        #expect(Self.line("writev", [1, 0x1000, 1], vectors) == "writev(1, [{iov_base=NULL, iov_len=0}], 1) = 0")
    }

    @Test func `values are told as what they are`() {
        #expect(Self.line("shmat", [48, 0, 0], result: 0x7f46_64a7_c000) == "shmat(48, NULL, 0) = 0x7f4664a7c000")
        #expect(
            Self.line("rt_sigtimedwait", [0, 0, 0, 8], result: 10)
                == "rt_sigtimedwait(NULL, NULL, NULL, 8) = 10 (SIGUSR1)")
        let times = Self.structure(2, Self.bytes(0, 0x3fff_ffff, 0, 0x3fff_fffe), atExit: false)
        #expect(
            Self.line("utimensat", [3, 0, 0x1000, 0], [times]) == "utimensat(3, NULL, [UTIME_NOW, UTIME_OMIT], 0) = 0")
        #expect(Self.line("socket", [2, 1, 6], result: 3) == "socket(AF_INET, SOCK_STREAM, IPPROTO_TCP) = 3")
        #expect(Self.line("socket", [16, 3, 0], result: 3) == "socket(AF_NETLINK, SOCK_RAW, NETLINK_ROUTE) = 3")
        #expect(Self.line("setresuid", [0xffff_ffff, 5, .max]) == "setresuid(-1, 5, -1) = 0")
        #expect(Self.line("mknod", [0, 0o10600, 7]) == "mknod(NULL, S_IFIFO|0600) = 0")
        #expect(Self.line("mknod", [0, 0o20600, 0x103]) == "mknod(NULL, S_IFCHR|0600, makedev(0x1, 0x3)) = 0")
    }

    @Test func `what requests, options and sets hold`() {
        #expect(
            Self.line("ioctl", [5, 0x541b, 0x1000], [Self.structure(2, Self.bytes(5, 0) as [UInt8])])
                == "ioctl(5, FIONREAD, [5]) = 0")
        #expect(
            Self.line("ioctl", [5, 0x5413, 0x1000], [Self.structure(2, Self.bytes(UInt16(24), 80, 0, 0))])
                == "ioctl(5, TIOCGWINSZ, {ws_row=24, ws_col=80, ws_xpixel=0, ws_ypixel=0}) = 0")
        let value = Capture(argument: 3, kind: SYSCALL_CAPTURE_SIZED, bytes: Self.bytes(Int32(1)))
        #expect(
            Self.line("setsockopt", [3, 6, 1, 0x1000, 4], [value]) == "setsockopt(3, SOL_TCP, TCP_NODELAY, [1], 4) = 0")
        func set(_ bits: UInt64, _ flags: UInt32 = 0) -> Capture {
            Capture(argument: 1, kind: SYSCALL_CAPTURE_ARRAY, bytes: Self.bytes(bits, 0), flags: flags)
        }
        #expect(
            Self.line("select", [20, 0x1000, 0, 0, 0], result: 1, [set(0x120), set(0x20, SYSCALL_AT_EXIT.rawValue)])
                == "select(20, [5 8], NULL, NULL, NULL) = 1 (in [5])")
        let three = (1...3).map { argument in
            [(UInt64(0xff), UInt32(0)), (argument == 2 ? 0 : 1 << UInt64(argument), SYSCALL_AT_EXIT.rawValue)].map {
                Capture(
                    argument: argument, kind: SYSCALL_CAPTURE_ARRAY, bytes: Self.bytes($0.0), flags: $0.1)
            }
        }
        #expect(
            Self.line("select", [4, 0x1000, 0x2000, 0x3000, 0], result: 2, three.flatMap { $0 })
                == "select(4, [0 1 2 3], [0 1 2 3], [0 1 2 3], NULL) = 2 (in [1], except [3])")
        let offsets = [
            Self.structure(2, Self.bytes(Int64(4)), atExit: false), Self.structure(2, Self.bytes(Int64(14))),
        ]
        #expect(
            Self.line("sendfile", [12, 17, 0x1000, 10], result: 10, offsets) == "sendfile(12, 17, [4] => [14], 10) = 10"
        )
    }

    @Test func `capabilities have their names`() {
        let header = Self.structure(0, Self.bytes(UInt32(0x2008_0522), 7), atExit: false)
        let data = Self.structure(1, Self.bytes(UInt32(1), 0x21, 0, 0x100, 0, 0))
        #expect(
            Self.line("capget", [0x1000, 0x2000], [header, data])
                == "capget({version=_LINUX_CAPABILITY_VERSION_3, pid=7}, "
                + "{effective=1<<CAP_CHOWN|1<<CAP_CHECKPOINT_RESTORE, permitted=1<<CAP_CHOWN|1<<CAP_KILL, "
                + "inheritable=0}) = 0")
        #expect(Self.line("prctl", [23, 5, 7, 7, 7], result: 1) == "prctl(PR_CAPBSET_READ, CAP_KILL) = 1")
    }

    @Test func `the first version of capabilities has three words`() {
        func line(_ version: UInt32?, _ data: Capture) -> String {
            let header = version.map { [Self.structure(0, Self.bytes($0, 0), atExit: false)] } ?? []
            let text = Self.line("capset", [0x1000, 0x2000], header + [data])
            return String(text.dropFirst("capset(".count).drop { $0 != " " }.drop { $0 == " " })
        }
        let words = Self.bytes(UInt32(1), 2, 0, 1, 1, 1)
        let short = "{effective=1<<CAP_CHOWN, permitted=1<<CAP_DAC_OVERRIDE, inheritable=0}) = 0"
        #expect(line(0x1998_0330, Self.structure(1, words, atExit: false)).hasSuffix(short))
        #expect(line(77, Self.structure(1, words, atExit: false)).hasSuffix(short))
        #expect(line(0x2007_1026, Self.structure(1, words, atExit: false)).contains("1<<CAP_SETFCAP") == false)
        #expect(line(0x2007_1026, Self.structure(1, words, atExit: false)).contains("1<<CAP_MAC_OVERRIDE"))
        let cut = Self.structure(1, Array(words.prefix(12)), atExit: false, isCut: true)
        #expect(line(0x1998_0330, cut).hasSuffix(short))
        #expect(line(0x2008_0522, cut).hasSuffix("0x2000) = 0") && line(nil, cut).hasSuffix("0x2000) = 0"))
    }

    @Test func `of a structure at a page's end there is what the call uses`() {
        #expect(
            Self.line("ioctl", [5, 0x541b, 0x1000], [Self.structure(2, Self.bytes(Int32(5)), isCut: true)])
                == "ioctl(5, FIONREAD, [5]) = 0")
        #expect(
            Self.line("ioctl", [5, 0x5413, 0x1000], [Self.structure(2, Self.bytes(Int32(5)), isCut: true)])
                == "ioctl(5, TIOCGWINSZ, 0x1000) = 0")
        #expect(
            Self.line("fcntl", [3, 16, 0x1000], [Self.structure(2, Self.bytes(UInt32(1), 9), isCut: true)])
                == "fcntl(3, F_GETOWN_EX, {type=F_OWNER_PID, pid=9}) = 0")
        let set = Self.structure(0, [2, 0, 0, 0], isCut: true)
        #expect(Self.line("rt_sigpending", [0x1000, 4], [set]) == "rt_sigpending([INT], 4) = 0")
        #expect(Self.line("rt_sigpending", [0x1000, 8], [set]) == "rt_sigpending(0x1000, 8) = 0")
        #expect(Self.line("rt_sigpending", [0x1000, 0], [set]) == "rt_sigpending(0x1000, 0) = 0")
        func attributes(_ size: UInt32) -> String {
            let bytes = Self.bytes(size, 0, 0, 0, 5, 0) + [UInt8](repeating: 0, count: 24)
            return Self.line(
                "sched_setattr", [0, 0x1000, 0], [Self.structure(1, bytes, atExit: false, isCut: true)])
        }
        #expect(attributes(48).hasPrefix("sched_setattr(0, {size=48, sched_policy=SCHED_OTHER, sched_flags=0, sched_n"))
        #expect(attributes(56) == "sched_setattr(0, 0x1000, 0) = 0")
        let time = Self.structure(0, Self.bytes(1), atExit: false, isCut: true)
        #expect(Self.line("nanosleep", [0x1000, 0], [time]) == "nanosleep(0x1000, NULL) = 0")
    }

    @Test func `a call of a 32-bit program has its own order and numbers`() {
        let flags: UInt64 = 0x138_0011
        #expect(
            Self.line("clone", [flags, 0, 1, 2, 3])
                == "clone(flags=CLONE_SETTLS|CLONE_PARENT_SETTID|CLONE_CHILD_CLEARTID|CLONE_CHILD_SETTID|SIGCHLD, "
                + "child_stack=NULL, parent_tid=0x1, child_tidptr=0x2, tls=0x3) = 0")
        #expect(
            Self.line("clone", [flags, 0, 1, 2, 3], isCompat: true).hasSuffix(
                "parent_tid=0x1, tls=0x2, child_tidptr=0x3) = 0"))
        for isCompat in [false, true] {
            #expect(
                Self.line("shmget", [0, 4096, 0o5600], isCompat: isCompat).hasSuffix(
                    "(IPC_PRIVATE, 4096, IPC_CREAT|SHM_HUGETLB|0600) = 0"))
        }
    }

    @Test func `queues and semaphores are told by their flags, and numbers by their sign`() {
        let queue = Self.structure(3, Self.bytes(0x800, -1, -2, 5), atExit: false)
        #expect(
            Self.line("mq_open", [0, 0, 0, 0x1000], [queue])
                == "mq_open(NULL, O_RDONLY, {mq_flags=0x800, mq_maxmsg=-1, mq_msgsize=-2, mq_curmsgs=5}) = 0")
        let operations = Capture(argument: 1, kind: SYSCALL_CAPTURE_ARRAY, bytes: Self.bytes(UInt16(0), 1, 0x1800))
        #expect(
            Self.line("semop", [3, 0x1000, 1], [operations])
                == "semop(3, [{sem_num=0, sem_op=1, sem_flg=SEM_UNDO|IPC_NOWAIT}], 1) = 0")
    }

    @Test func `a terminal's modes and requests without a name`() {
        let modes = Self.structure(2, Self.bytes(UInt32(0x500), 5, 0xbf, 0x8a3b))
        #expect(
            Self.line("ioctl", [0, 0x5401, 0x1000], [modes])
                == "ioctl(0, TCGETS, {c_iflag=ICRNL|IXON, c_oflag=NL0|CR0|TAB0|BS0|VT0|FF0|OPOST|ONLCR, "
                + "c_cflag=B38400|CS8|CREAD, c_lflag=ISIG|ICANON|ECHO|ECHOE|ECHOK|IEXTEN|ECHOCTL|ECHOKE, ...}) = 0")
        #expect(
            Self.line("ioctl", [0, 0xc010_1234, 5])
                == "ioctl(0, _IOC(_IOC_READ|_IOC_WRITE, 0x12, 0x34, 0x10), 0x5) = 0")
        #expect(Self.line("ioctl", [0, 0x7678, 5]) == "ioctl(0, _IOC(_IOC_NONE, 0x76, 0x78, 0), 0x5) = 0")
        #expect(Self.line("ioctl", [0, 0x540b, 1]) == "ioctl(0, TCFLSH, TCOFLUSH) = 0")
    }

    @Test func `sizes, limits, modes and times`() {
        let sizes = [Self.structure(2, Self.bytes(Int32(110)), atExit: false), Self.structure(2, Self.bytes(Int32(2)))]
        #expect(Self.line("getsockname", [3, 0, 0x1000], sizes) == "getsockname(3, NULL, [110 => 2]) = 0")
        for (bytes, text) in [([UInt8](), "0x1000"), ([2, 0], "{sa_family=AF_INET}")] {
            let name = Capture(
                argument: 1, kind: SYSCALL_CAPTURE_SIZED, bytes: bytes, flags: SYSCALL_AT_EXIT.rawValue)
            #expect(Self.line("getsockname", [3, 0x1000, 0], [name]) == "getsockname(3, \(text), NULL) = 0")
        }
        #expect(Self.line("accept", [3, 0, 0x1000], result: -11, [sizes[0]]).hasPrefix("accept(3, NULL, [110]) = -1"))
        let limit = Self.structure(1, Self.bytes(8 << 20, 1000), atExit: false)
        #expect(
            Self.line("setrlimit", [3, 0x1000], [limit])
                == "setrlimit(RLIMIT_STACK, {rlim_cur=8192*1024, rlim_max=1000}) = 0")
        #expect(Self.line("mknod", [0, 0o41777, 0]) == "mknod(NULL, S_IFDIR|S_ISVTX|0777) = 0")
        let left = Self.structure(1, Self.bytes(0, 5))
        #expect(
            Self.line("nanosleep", [0, 0x1000], result: -4, [left]).hasPrefix(
                "nanosleep(NULL, {tv_sec=0, tv_nsec=5}) = -1 EINTR"))
        #expect(Self.line("nanosleep", [0, 0x1000]) == "nanosleep(NULL, 0x1000) = 0")
        #expect(Self.line("sched_getscheduler", [0], result: 3) == "sched_getscheduler(0) = 3 (SCHED_BATCH)")
        #expect(Self.line("shmget", [0, 4096, 0o1600]) == "shmget(IPC_PRIVATE, 4096, IPC_CREAT|0600) = 0")
        #expect(Self.line("mremap", [0, 1, 2, 0, 9]) == "mremap(0, 1, 2, 0) = 0")
        #expect(Self.line("mremap", [0, 1, 2, 3, 9]) == "mremap(0, 1, 2, MREMAP_MAYMOVE|MREMAP_FIXED, 0x9) = 0")
        let random = Capture(
            argument: 0, kind: SYSCALL_CAPTURE_BUFFER, bytes: [0x41, 0xff], flags: SYSCALL_AT_EXIT.rawValue)
        #expect(
            Self.line("getrandom", [0x1000, 2, 1], result: 2, [random])
                == #"getrandom("\x41\xff", 2, GRND_NONBLOCK) = 2"#)
    }

    @Test func `a wait that found no child tells of none`() {
        let status = Self.structure(1, Self.bytes(Int32(0)))
        #expect(Self.line("wait4", [9, 0x1000, 1, 0], [status]) == "wait4(9, 0x1000, WNOHANG, NULL) = 0")
        let info = Self.structure(2, [UInt8](repeating: 0, count: 48))
        #expect(Self.line("waitid", [0, 0, 0x1000, 5, 0], [info]) == "waitid(P_ALL, 0, {}, WNOHANG|WEXITED, NULL) = 0")
    }

    @Test(arguments: [
        ("inotify\0anon_inodefs\0", "anon_inode:inotify"), ("[eventpoll]\0anon_inodefs\0", "anon_inode:[eventpoll]"),
        ("/\0pidfs\0", "anon_inode:[pidfd]"), ("/\0nsfs\0net\0", "net:[77]"),
        ("memfd:mem\0tmpfs\0", "/memfd:mem (deleted)"),
    ])
    func `a file that is in no directory is told as proc tells it`(names: String, text: String) {
        let name = SyscallFormatTests.record(
            1, [77], type: SYSCALL_RECORD_PATH,
            captures: [
                Capture(kind: SYSCALL_CAPTURE_NAME, bytes: Array(names.utf8), index: Int(SYSCALL_NAME_ANONYMOUS))
            ])
        var file = syscall_file()
        file.path = 1
        let close = SyscallFormatTests.record(
            3, [9],
            captures: [Capture(kind: SYSCALL_CAPTURE_FILE, bytes: withUnsafeBytes(of: &file) { Array($0.prefix(16)) })])
        #expect(SyscallFormatTests.lines(name, close) == "close(9<\(text)>) = 0 <0.000001500>\n")
    }

    @Test func `JSON has a signal's sender and a child's status`() {
        let child = SyscallFormatTests.record(17, [1, 9, 5, 3], type: SYSCALL_RECORD_SIGNAL)
        #expect(
            SyscallFormatTests.lines(child, json: true).contains(
                #""signal":"SIGCHLD","code":1,"sender_pid":9,"sender_uid":5,"status":3}"#))
        let fault = SyscallFormatTests.record(11, [1, 0, 0, 0, 64], type: SYSCALL_RECORD_SIGNAL)
        #expect(
            SyscallFormatTests.lines(fault, json: true).contains(#""signal":"SIGSEGV","code":1,"address":64}"#))
    }
}
