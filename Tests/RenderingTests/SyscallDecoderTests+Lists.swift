// SPDX-License-Identifier: Apache-2.0
import CEvents
import Glibc
import Linux
import Testing
import Tracers

@testable import Rendering

/// Sets, messages, descriptors, entries, and what a wait left of them.
extension SyscallDecoderTests {
    @Test func `a set of CPUs ends in dots where there was more of it`() {
        func line(_ bytes: [UInt8], _ flags: syscall_capture_flags? = nil) -> String {
            let mask = Capture(
                argument: 2, kind: SYSCALL_CAPTURE_SIZED, bytes: bytes, flags: flags?.rawValue ?? 0)
            return Self.line("sched_setaffinity", [0, UInt64(bytes.count), 0x1000], [mask])
        }
        #expect(line([0b101, 0, 0x80]) == "sched_setaffinity(0, 3, [0 2 23]) = 0")
        #expect(line([0, 0]) == "sched_setaffinity(0, 2, []) = 0" && line([]) == "sched_setaffinity(0, 0, []) = 0")
        #expect(line([1], SYSCALL_CUT) == "sched_setaffinity(0, 1, [0 ...]) = 0")
        #expect(line([0], SYSCALL_CUT) == "sched_setaffinity(0, 1, [...]) = 0")
        #expect(line([], SYSCALL_FAULT) == "sched_setaffinity(0, 0, 0x1000) = 0")
        let own = Capture(argument: 2, kind: SYSCALL_CAPTURE_SIZED, bytes: [3, 0], flags: SYSCALL_AT_EXIT.rawValue)
        #expect(
            Self.line("sched_getaffinity", [0, 128, 0x1000], result: 2, [own])
                == "sched_getaffinity(0, 128, [0 1]) = 2")
        #expect(
            Self.line("sched_getaffinity", [0, 1, 0x1000], result: -22).hasPrefix("sched_getaffinity(0, 1, 0x1000)"))
    }

    @Test func `a stack for signals is told as it was, and as it is to be`() {
        let new = Self.structure(0, Self.bytes(0x7000, 0x8000_0000, 8192), atExit: false)
        let old = Self.structure(1, Self.bytes(0, 2, 0))
        #expect(
            Self.line("sigaltstack", [0x1000, 0x2000], [new, old])
                == "sigaltstack({ss_sp=0x7000, ss_flags=SS_AUTODISARM, ss_size=8192}, "
                + "{ss_sp=NULL, ss_flags=SS_DISABLE, ss_size=0}) = 0")
        #expect(Self.line("sigaltstack", [0, 0]) == "sigaltstack(NULL, NULL) = 0")
    }

    @Test func `pselect6's last argument is a set of signals and its size`() {
        func line(_ pair: [UInt64], _ set: Capture? = nil) -> String {
            let words = Capture(argument: 5, kind: SYSCALL_CAPTURE_IOVEC, bytes: pair.flatMap { Self.bytes($0) })
            let line = Self.line("pselect6", [0, 0, 0, 0, 0, 0x1000], [words] + (set.map { [$0] } ?? []))
            return String(line.dropFirst("pselect6(0, NULL, NULL, NULL, NULL, ".count))
        }
        func set(_ bytes: [UInt8], _ flags: UInt32 = 0) -> Capture {
            Capture(argument: 5, kind: SYSCALL_CAPTURE_BUFFER, bytes: bytes, flags: flags)
        }
        #expect(
            line([0x2000, 8], set(Self.bytes(UInt64(0x4002)))) == "{sigmask=[INT TERM], sigsetsize=8}) = 0 (Timeout)")
        #expect(line([0, 8], set([], SYSCALL_FAULT.rawValue)) == "{sigmask=NULL, sigsetsize=8}) = 0 (Timeout)")
        // What the kernel refuses.
        #expect(line([0x2000, 4], set([1, 2, 3, 4])) == "{sigmask=0x2000, sigsetsize=4}) = 0 (Timeout)")
        #expect(
            line([0x2000, 16], set(Self.bytes(UInt64(1)), SYSCALL_CUT.rawValue))
                == "{sigmask=0x2000, sigsetsize=16}) = 0 (Timeout)")
        #expect(line([]) == "0x1000) = 0 (Timeout)")
    }

    @Test func `control messages are told with what they hand on`() {
        func control(_ type: Int32, _ data: [UInt8], level: Int32 = 1, size: Int? = nil) -> [UInt8] {
            let padding = [UInt8](repeating: 0, count: (8 - data.count % 8) % 8)
            return Self.bytes(UInt64(16 + (size ?? data.count))) + Self.bytes(level, type) + data + padding
        }
        func line(_ bytes: [UInt8], of total: Int? = nil, files: [Int] = []) -> String {
            let header = Self.bytes(UInt64(0), 0, 0, 0, 0x2000, UInt64(total ?? bytes.count), 0x10)
            let captures = [
                Capture(argument: 1, kind: SYSCALL_CAPTURE_MESSAGE, bytes: header),
                Capture(
                    argument: 1, kind: SYSCALL_CAPTURE_SIZED, bytes: bytes,
                    flags: total == nil ? 0 : SYSCALL_CUT.rawValue,
                    index: Int(SYSCALL_CONTROL)),
            ]
            let text = Self.line("sendmsg", [3, 0x1000, 0], captures + files.map { Self.pipe(argument: 1, index: $0) })
            let start = text.range(of: "msg_control=")?.upperBound ?? text.startIndex
            return String(text[start...].dropLast(", 0) = 0".count))
        }
        let end = ", msg_flags=MSG_PROBE}"
        #expect(
            line(control(1, Self.bytes(Int32(5), 6)), files: [0])
                == "[{cmsg_len=24, cmsg_level=SOL_SOCKET, cmsg_type=SCM_RIGHTS, cmsg_data=[5<pipe:[9]>, 6]}]"
                + ", msg_controllen=24\(end)")
        #expect(
            line(control(2, Self.bytes(Int32(7), 8, -1)) + control(1, Self.bytes(Int32(5))), files: [0])
                == "[{cmsg_len=28, cmsg_level=SOL_SOCKET, cmsg_type=SCM_CREDENTIALS, cmsg_data={pid=7, uid=8, gid=-1}}, "
                + "{cmsg_len=20, cmsg_level=SOL_SOCKET, cmsg_type=SCM_RIGHTS, cmsg_data=[5<pipe:[9]>]}]"
                + ", msg_controllen=56\(end)")
        // The files are the first message's.
        #expect(
            line(control(1, Self.bytes(Int32(5))) + control(1, Self.bytes(Int32(5))), files: [0])
                .contains(
                    "cmsg_data=[5<pipe:[9]>]}, {cmsg_len=20, cmsg_level=SOL_SOCKET, cmsg_type=SCM_RIGHTS, cmsg_data=[5]}"
                ))
        #expect(
            line(control(2, Self.bytes(Int32(64)), level: 0) + control(77, [], level: 9999))
                == "[{cmsg_len=20, cmsg_level=SOL_IP, cmsg_type=IP_TTL, cmsg_data=[64]}, {cmsg_len=16, cmsg_level=0x270f, "
                + "cmsg_type=0x4d}], msg_controllen=40\(end)")
        // What there was more of.
        let cut = control(1, Self.bytes(Int32(5), 6), size: 80)
        #expect(line(cut, of: 96).contains("cmsg_data=[5, 6, ...]}], "))
        #expect(line(cut, of: 116).contains("cmsg_data=[5, 6, ...]}, ...], "))
        #expect(
            line(control(2, Self.bytes(Int32(5), 6), size: 12), of: 64)
                .hasPrefix(
                    "[{cmsg_len=28, cmsg_level=SOL_SOCKET, cmsg_type=SCM_CREDENTIALS, "
                        + #"cmsg_data="\5\0\0\0\6\0\0\0"...}, ...], "#))
        #expect(line(control(1, [UInt8](repeating: 0, count: 4 * 33))).contains(" 0, 0, ...]}], "))
        // Nonsense.
        #expect(line([1, 2, 3]).hasPrefix("[], "))
        #expect(line(Self.bytes(UInt64(3), 0)).hasPrefix("[{cmsg_len=3, cmsg_level=SOL_IP, cmsg_type=0}], "))
        #expect(line(Self.bytes(UInt64(3), 0, 0, 0)).hasPrefix("[{cmsg_len=3, cmsg_level=SOL_IP, cmsg_type=0}, ...], "))
        #expect(line(Self.bytes(UInt64.max, 0, 0)).hasPrefix("[{cmsg_len=18446744073709551615, "))
    }

    static func pipe(argument: Int, index: Int, atExit: Bool = false) -> Capture {
        var file = syscall_file()
        (file.mode, file.inode) = (0o10600, 9)
        return Capture(
            argument: argument, kind: SYSCALL_CAPTURE_FILE, bytes: withUnsafeBytes(of: &file) { Array($0.prefix(16)) },
            flags: atExit ? SYSCALL_AT_EXIT.rawValue : 0, index: index)
    }

    @Test(arguments: [
        (AF_UNIX, 1, 0, "UNIX-STREAM:[9]"), (AF_UNIX, 2, 0, "UNIX:[9]"), (AF_INET, 1, 0, "TCP:[9]"),
        (AF_INET, 1, 80, "TCP:[0.0.0.0:80]"), (AF_INET, 3, 0, "RAW:[0.0.0.0:0]"), (AF_NETLINK, 3, 0, "NETLINK:[9]"),
    ])
    func `a socket has its addresses, or its inode`(family: Int32, type: UInt16, port: UInt16, text: String) {
        var file = syscall_file()
        (file.mode, file.inode, file.family) = (S_IFSOCK, 9, UInt16(family))
        (file.socket_type, file.local_port) = (type, port)
        let capture = Capture(kind: SYSCALL_CAPTURE_FILE, bytes: withUnsafeBytes(of: &file) { Array($0) })
        #expect(Self.line("close", [3], [capture]) == "close(3<\(text)>) = 0")
    }

    @Test func `descriptors in a list have their files`() {
        let made = Self.structure(0, Self.bytes(Int32(4), 5))
        #expect(
            Self.line("pipe2", [0x1000, 0], [made, Self.pipe(argument: 0, index: 1, atExit: true)])
                == "pipe2([4, 5<pipe:[9]>], 0) = 0")
        func poll(_ events: [[Int16]], atExit: Bool = false) -> Capture {
            let bytes = events.flatMap { Self.bytes(Int32($0[0])) + Self.bytes($0[1], $0[2]) }
            return Capture(
                argument: 0, kind: SYSCALL_CAPTURE_ARRAY, bytes: bytes, flags: atExit ? SYSCALL_AT_EXIT.rawValue : 0)
        }
        let asked = [
            poll([[4, 1, 1], [-1, 1, 0], [5, 4, 0]]), Self.pipe(argument: 0, index: 0),
            Self.pipe(argument: 0, index: 2),
        ]
        let entry = "poll([{fd=4<pipe:[9]>, events=POLLIN}, {fd=-1}, {fd=5<pipe:[9]>, events=POLLOUT}], 3, -1)"
        #expect(Self.line("poll", [0x1000, 3, 0xffff_ffff], result: -4, asked).hasPrefix(entry + " = -1 EINTR"))
        let found = asked + [poll([[4, 1, 16], [-1, 1, 0], [5, 4, 0]], atExit: true)]
        #expect(
            Self.line("poll", [0x1000, 3, 0xffff_ffff], result: 1, found)
                == entry + " = 1 ([{fd=4, revents=POLLHUP}])")
    }

    @Test(arguments: [
        ([1, 0x38], #""\18""#), ([1, 0x37], #""\0017""#), ([0, 0x61, 0], #""\0a\0""#), ([0, 0x31], #""\0001""#),
        ([8, 0x7f, 0xff, 0x1b, 0x38], #""\10\177\377\338""#),
    ])
    func `an escape is as short as what follows lets it be`(bytes: [UInt8], text: String) {
        let buffer = Capture(argument: 1, kind: SYSCALL_CAPTURE_BUFFER, bytes: bytes)
        #expect(Self.line("write", [1, 0x1000, 9], [buffer]) == "write(1, \(text), 9) = 0")
    }

    @Test func `what there is of entries and variables is counted`() {
        func line(_ count: UInt32, _ flags: UInt32 = 0) -> String {
            let entries = Capture(
                argument: 1, kind: SYSCALL_CAPTURE_ENTRIES, bytes: Self.bytes(count),
                flags: flags | SYSCALL_AT_EXIT.rawValue)
            return Self.line("getdents64", [3, 0x1000, 4096], result: 96, [entries])
        }
        #expect(line(4) == "getdents64(3, 0x1000 /* 4 entries */, 4096) = 96")
        #expect(line(1376, SYSCALL_CUT.rawValue) == "getdents64(3, 0x1000 /* 1376+ entries */, 4096) = 96")
        #expect(line(2, SYSCALL_FAULT.rawValue) == "getdents64(3, 0x1000, 4096) = 96")
        for (count, text) in [(UInt32(0), "0 vars"), (1, "1 var"), (42, "42 vars")] {
            let list = Capture(argument: 2, kind: SYSCALL_CAPTURE_POINTERS, bytes: Self.bytes(count))
            #expect(Self.line("execve", [0, 0, 0x1000], [list]) == "execve(NULL, NULL, 0x1000 /* \(text) */) = 0")
        }
    }

    @Test func `several messages are told with what was sent of each`() {
        func message(_ text: String, of size: UInt64) -> [Capture] {
            let head = Self.bytes(UInt64(0), 0, 0x2000, 1, 0, 0, 0) + Self.bytes(UInt32(text.utf8.count), 0)
            return [
                (SYSCALL_CAPTURE_MESSAGE, head), (SYSCALL_CAPTURE_IOVEC, Self.bytes(UInt64(0x3000), size)),
                (SYSCALL_CAPTURE_BUFFER, Array(text.utf8)),
            ].map { Capture(argument: 1, kind: $0, bytes: $1, flags: SYSCALL_AT_EXIT.rawValue) }
        }
        func text(_ text: String, _ size: Int) -> String {
            "{msg_hdr={msg_name=NULL, msg_namelen=0, msg_iov=[{iov_base=\"\(text)\", iov_len=\(size)}], msg_iovlen=1, "
                + "msg_controllen=0, msg_flags=0}, msg_len=\(text.utf8.count)}"
        }
        let two = message("ab", of: 2) + message("c", of: 8)
        #expect(
            Self.line("sendmmsg", [3, 0x1000, 2, 0], result: 2, two)
                == "sendmmsg(3, [\(text("ab", 2)), \(text("c", 8))], 2, 0) = 2")
        #expect(
            Self.line("recvmmsg", [3, 0x1000, 9, 0, 0], result: 3, two)
                == "recvmmsg(3, [\(text("ab", 2)), \(text("c", 8)), ...], 9, 0, NULL) = 3")
        #expect(
            Self.line("sendmmsg", [3, 0x1000, 3, 0], result: 2, two)
                == "sendmmsg(3, [\(text("ab", 2)), \(text("c", 8)), ...], 3, 0) = 2")
        #expect(
            Self.line("recvmmsg", [3, 0x1000, 3, 0, 0], result: 2, two).hasSuffix("], 3, 0, NULL) = 2"))
        #expect(
            !Self.line("recvmmsg", [3, 0x1000, 3, 0, 0], result: 2, two).contains("...")
                && Self.line("sendmmsg", [3, 0x1000, 0, 0]) == "sendmmsg(3, [], 0, 0) = 0")
        #expect(
            Self.line("recvmmsg", [3, 0x1000, 9, 0, 0], result: -11)
                .hasPrefix("recvmmsg(3, 0x1000, 9, 0, NULL) = -1 EAGAIN"))
    }

    @Test func `waits tell that they timed out, or what they left of the time`() {
        func list(_ events: Int16) -> Capture {
            Capture(
                argument: 0, kind: SYSCALL_CAPTURE_ARRAY, bytes: Self.bytes(Int32(4)) + Self.bytes(Int16(1), events),
                flags: events < 0 ? 0 : SYSCALL_AT_EXIT.rawValue)
        }
        func time(_ argument: Int, _ nanoseconds: Int, atExit: Bool) -> Capture {
            Self.structure(argument, Self.bytes(0, nanoseconds), atExit: atExit)
        }
        let start = "ppoll([{fd=4, events=POLLIN}], 1, {tv_sec=0, tv_nsec=9}, NULL, 8) = "
        let asked = [list(-1), time(2, 9, atExit: false)]
        #expect(
            Self.line("ppoll", [0x1000, 1, 0x2000, 0, 8], asked + [list(0), time(2, 0, atExit: true)])
                == start + "0 (Timeout)")
        #expect(
            Self.line("ppoll", [0x1000, 1, 0x2000, 0, 8], result: 1, asked + [list(1), time(2, 5, atExit: true)])
                == start + "1 ([{fd=4, revents=POLLIN}], left {tv_sec=0, tv_nsec=5})")
        let set = Capture(
            argument: 1, kind: SYSCALL_CAPTURE_ARRAY, bytes: Self.bytes(UInt64(16)), flags: SYSCALL_AT_EXIT.rawValue)
        #expect(
            Self.line("select", [5, 0x1000, 0, 0, 0x2000], result: 1, [set, time(4, 7, atExit: true)])
                .hasSuffix(" = 1 (in [4], left {tv_sec=0, tv_usec=7})"))
    }

    @Test func `a set of signals that is not the kernel's size is an address`() {
        let set = Self.structure(1, Self.bytes(UInt64(2)), atExit: false)
        #expect(
            Self.line("rt_sigprocmask", [0, 0x1000, 0, 8], [set]) == "rt_sigprocmask(SIG_BLOCK, [INT], NULL, 8) = 0")
        #expect(
            Self.line("rt_sigprocmask", [0, 0x1000, 0, 4], [set]) == "rt_sigprocmask(SIG_BLOCK, 0x1000, NULL, 4) = 0")
        let frame = Self.structure(0, Self.bytes(UInt64(0x4002)), atExit: false)
        #expect(Self.line("rt_sigreturn", [0x1000], result: 3, [frame]) == "rt_sigreturn({mask=[INT TERM]}) = 3")
        let action = Self.structure(1, Self.bytes(UInt64(1), 0x400_0000, 0x5000, 0), atExit: false)
        #expect(
            Self.line("rt_sigaction", [2, 0x1000, 0, 8], [action])
                == "rt_sigaction(SIGINT, {sa_handler=SIG_IGN, sa_mask=[], sa_flags=SA_RESTORER, sa_restorer=0x5000}, "
                + "NULL, 8) = 0")
    }
}
