// SPDX-License-Identifier: Apache-2.0
import CEvents
import Glibc
import Testing
import Tracers

@testable import Rendering

/// Records made by hand, and the lines that they become.
struct SyscallFormatTests {
    /// A capture: which argument, of what kind, what bytes, and its flags.
    struct Capture {
        var argument = 0
        let kind: syscall_capture_kind
        let bytes: [UInt8]
        var flags: UInt32 = 0
        var index = 0
    }

    static func record(
        _ number: Int32, _ arguments: [UInt64] = [], result: Int64 = 0, type: syscall_record_type = SYSCALL_RECORD_CALL,
        flags: UInt32 = 0, lost: UInt64 = 0, tid: UInt32 = 7, captures: [Capture] = []
    ) -> [UInt8] {
        var payload: [UInt8] = []
        for capture in captures {
            var head = syscall_capture()
            head.argument = UInt8(capture.argument)
            head.kind = UInt8(capture.kind.rawValue)
            head.flags = UInt8(capture.flags)
            head.index = UInt8(capture.index)
            head.size = UInt16(capture.bytes.count)
            payload += withUnsafeBytes(of: &head) { Array($0) } + capture.bytes
            while payload.count % 8 != 0 { payload.append(0) }
        }
        var header = syscall_record()
        header.number = number
        withUnsafeMutableBytes(of: &header.arguments) { slots in
            for (index, argument) in arguments.enumerated() {
                slots.storeBytes(of: argument, toByteOffset: 8 * index, as: UInt64.self)
            }
        }
        header.result = result
        header.duration_ns = 1_500
        header.lost = lost
        header.pid = 7
        header.tid = tid
        header.type = UInt8(type.rawValue)
        header.flags = UInt8(flags)
        header.size = UInt16(96 + payload.count)
        return withUnsafeBytes(of: &header) { Array($0) } + payload
    }

    static func lines(_ records: [UInt8]..., json: Bool = false) -> String {
        var format = SyscallFormat()
        var buffer = ByteBuffer(capacity: 64)
        for bytes in records {
            bytes.withUnsafeBytes { bytes in
                guard let record = SyscallRecord(bytes) else {
                    Issue.record("no record")
                    return
                }
                if json { format.append(json: record, to: &buffer) } else { format.append(record, to: &buffer) }
            }
        }
        return buffer.withBytes { String(decoding: $0, as: UTF8.self) }
    }

    @Test func `a call is told as strace tells it, with the path behind a descriptor`() {
        let path = Self.record(
            1, type: SYSCALL_RECORD_PATH,
            captures: [Capture(kind: SYSCALL_CAPTURE_NAME, bytes: Array("passwd\0etc\0".utf8))])
        var file = syscall_file()
        file.path = 1
        let bytes = withUnsafeBytes(of: &file) { Array($0.prefix(16)) }
        let read = Self.record(
            0, [3, 0x7fff, 5], result: 4,
            captures: [
                Capture(kind: SYSCALL_CAPTURE_FILE, bytes: bytes),
                Capture(
                    argument: 1, kind: SYSCALL_CAPTURE_BUFFER, bytes: Array("a\n\"\u{1}".utf8),
                    flags: SYSCALL_AT_EXIT.rawValue | SYSCALL_CUT.rawValue),
            ])
        #expect(Self.lines(path, read) == #"read(3</etc/passwd>, "a\n\"\1"..., 5) = 4 <0.000001500>"# + "\n")
    }

    @Test func `errors, flags, and what could not be read`() {
        let open = Self.record(
            257, [UInt64(bitPattern: -100), 0x1234, 0x80241, 0o644], result: -2,
            captures: [Capture(argument: 1, kind: SYSCALL_CAPTURE_PATH, bytes: [], flags: SYSCALL_FAULT.rawValue)])
        #expect(
            Self.lines(open) == "openat(AT_FDCWD, 0x1234, O_WRONLY|O_CREAT|O_TRUNC|O_CLOEXEC, 0644) = "
                + "-1 ENOENT (No such file or directory) <0.000001500>\n")
        let plain = Self.record(2, [0, 0], result: 3)
        #expect(Self.lines(plain) == "open(NULL, O_RDONLY) = 3 <0.000001500>\n")
        #expect(Self.lines(Self.record(7, [0, 0, 5], result: -516)).contains(") = ? ERESTART_RESTARTBLOCK ("))
        #expect(Self.lines(Self.record(10, [4096, 10, 0])).hasPrefix("mprotect(0x1000, 10, PROT_NONE) = 0"))
        #expect(
            Self.lines(Self.record(9, [0, 1, 3, 0x22, .max, 0], result: 4096)).contains(
                "MAP_PRIVATE|MAP_ANONYMOUS, -1, 0) = 0x1000"))
    }

    @Test func `unfinished, resumed, lost, of 32 bits, ends and signals`() {
        #expect(Self.lines(Self.record(231, [3], flags: SYSCALL_UNFINISHED.rawValue)) == "exit_group(3) = ?\n")
        #expect(
            Self.lines(Self.record(34, flags: SYSCALL_UNFINISHED.rawValue | SYSCALL_RESUMED.rawValue))
                == "pause( <unfinished ...>\n")
        #expect(
            Self.lines(Self.record(34, result: -4, flags: SYSCALL_RESUMED.rawValue))
                == "<... pause resumed>) = -1 EINTR (Interrupted system call) <at least 0.000001500>\n")
        #expect(
            Self.lines(Self.record(0, [3, 0x10, 9], flags: SYSCALL_UNFINISHED.rawValue | SYSCALL_RESUMED.rawValue))
                == "read(3, <unfinished ...>\n")
        #expect(
            Self.lines(Self.record(0, [3, 0x10, 9], result: 4, flags: SYSCALL_RESUMED.rawValue))
                == "<... read resumed>0x10, 9) = 4 <at least 0.000001500>\n")
        #expect(Self.lines(Self.record(39, result: 7, lost: 42)).hasPrefix("--- 42 calls lost here ---\ngetpid() = 7"))
        #expect(Self.lines(Self.record(20, result: 7, flags: SYSCALL_COMPAT.rawValue)).hasPrefix("getpid[32]() = 7"))
        // Not a call of the i386 table, whose keys begin at 512.
        #expect(Self.lines(Self.record(600, result: -38)).hasPrefix("syscall_600("))
        #expect(Self.lines(Self.record(-1, result: -38)).hasPrefix("syscall_-1("))
        #expect(Self.lines(Self.record(0, result: 3 << 8, type: SYSCALL_RECORD_EXIT)) == "+++ exited with 3 +++\n")
        #expect(
            Self.lines(Self.record(0, result: 139, type: SYSCALL_RECORD_EXIT))
                == "+++ killed by SIGSEGV (core dumped) +++\n")
        #expect(
            Self.lines(Self.record(17, [1, 9, 0, 3], type: SYSCALL_RECORD_SIGNAL))
                == "--- SIGCHLD {si_signo=SIGCHLD, si_code=CLD_EXITED, si_pid=9, si_uid=0, si_status=3} ---\n")
        let two = Self.lines(Self.record(39, result: 7), Self.record(39, result: 7, tid: 8))
        #expect(two.split(separator: "\n").last?.hasPrefix("[pid 8] getpid() = 7") == true)
    }

    @Test func `a call without a signature has six arguments or those that the kernel names; none is unknown`() {
        #expect(Self.lines(Self.record(5000, [1, 2])).hasPrefix("syscall_5000(0x1, 0x2, 0, 0, 0, 0) = 0"))
        #expect(Self.lines(Self.record(179, [1, 2, 3, 4])).hasPrefix("quotactl("))
    }

    @Test func `structures and lists`() {
        func bytes<T>(_ value: T) -> [UInt8] { withUnsafeBytes(of: value) { Array($0) } }
        let argv = ["ls", "-l"].enumerated().map { index, word in
            Capture(argument: 1, kind: SYSCALL_CAPTURE_STRINGS, bytes: Array(word.utf8), index: index)
        }
        #expect(
            Self.lines(Self.record(59, [0, 0x10, 0x20], captures: argv)).hasPrefix(
                #"execve(NULL, ["ls", "-l"], 0x20) = 0"#))
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = UInt16(80).bigEndian
        address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
        let connect = Self.record(
            42, [3, 0x10, 16], captures: [Capture(argument: 1, kind: SYSCALL_CAPTURE_SIZED, bytes: bytes(address))])
        #expect(
            Self.lines(connect).hasPrefix(
                #"connect(3, {sa_family=AF_INET, sin_port=htons(80), sin_addr=inet_addr("127.0.0.1")}, 16) = 0"#))
        let status = Capture(
            argument: 1, kind: SYSCALL_CAPTURE_STRUCT, bytes: bytes(UInt32(3 << 8)), flags: SYSCALL_AT_EXIT.rawValue)
        #expect(
            Self.lines(Self.record(61, [.max, 0x10, 0, 0], result: 9, captures: [status]))
                .hasPrefix("wait4(-1, [{WIFEXITED(s) && WEXITSTATUS(s) == 3}], 0, NULL) = 9"))
        let set = Capture(argument: 1, kind: SYSCALL_CAPTURE_STRUCT, bytes: bytes(UInt64(1 << 16 | 1 << 1)))
        #expect(
            Self.lines(Self.record(14, [0, 0x10, 0, 8], captures: [set]))
                .hasPrefix("rt_sigprocmask(SIG_BLOCK, [INT CHLD], NULL, 8) = 0"))
        #expect(Self.lines(Self.record(202, [0x1000, 129, 1])).hasPrefix("futex(0x1000, FUTEX_WAKE_PRIVATE, 1) = 0"))
        #expect(
            Self.lines(Self.record(56, [0x1200011])).hasPrefix(
                "clone(flags=CLONE_CHILD_CLEARTID|CLONE_CHILD_SETTID|SIGCHLD, child_stack=NULL, child_tidptr=NULL) = 0")
        )
    }

    @Test func `JSON has the same arguments, escaped once more`() {
        let write = Self.record(
            1, [1, 0x10, 2], result: -11,
            captures: [Capture(argument: 1, kind: SYSCALL_CAPTURE_BUFFER, bytes: Array("\"\n".utf8))])
        let json = Self.lines(write, json: true)
        #expect(
            json.contains(
                #""name":"write","number":1,"arguments":["1","\"\\\"\\n\"","2"],"result":-11,"error":"EAGAIN""#),
            "\(json)")
        #expect(json.hasPrefix(#"{"schema":"apus.syscalls/1","type":"call","ts_ns":"#) && json.hasSuffix("}\n"))
    }

    @Test func `every set of names that a signature asks for is there`() {
        for signature in SyscallSignatures.decoded.values {
            for type in signature.parameters.map(\.type) + [signature.result] {
                let names = type.names
                #expect(
                    names.isEmpty || SyscallNameSet.all[names]?.entries.isEmpty == false, "\(signature.name): \(names)")
            }
        }
    }

    @Test func `numbers have their digits`() {
        var buffer = ByteBuffer(capacity: 1)
        for value in [UInt64(0), 9, 10, 99, 100, 12_345_678_901, .max] {
            buffer.append(decimal: value); buffer.append(0x20)
        }
        buffer.append(signed: .min)
        for value in [UInt64(0), 8, 255, .max] { buffer.append(0x20); buffer.append(hex: value) }
        for value in [UInt64(0), 7, 8, 0o644] { buffer.append(0x20); buffer.append(octal: value) }
        let text = buffer.withBytes { String(decoding: $0, as: UTF8.self) }
        #expect(
            text
                == "0 9 10 99 100 12345678901 18446744073709551615 -9223372036854775808 0 0x8 0xff "
                + "0xffffffffffffffff 0 07 010 0644")
    }
}
