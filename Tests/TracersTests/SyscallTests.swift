// SPDX-License-Identifier: Apache-2.0
import CEvents
import Glibc
import Linux
import Testing

@testable import Tracers

struct SyscallLayoutTests {
    @Test func `Swift and the programs agree on the records`() {
        #expect(MemoryLayout<syscall_record>.size == 96)
        #expect(MemoryLayout<syscall_record>.offset(of: \.arguments) == 48)
        #expect(MemoryLayout<syscall_record>.offset(of: \.result) == 32)
        #expect(MemoryLayout<syscall_record>.offset(of: \.flags) == 7)
        #expect(MemoryLayout<syscall_capture>.size == 8)
        #expect(MemoryLayout<syscall_file>.offset(of: \.family) == 16)
        #expect(MemoryLayout<syscall_sum>.offset(of: \.buckets) == 48)
        #expect(MemoryLayout<syscall_stop>.size == 16)
    }

    @Test func `a record that is cut short, or lies about its size, is none`() {
        var header = syscall_record()
        header.size = 104
        withUnsafeBytes(of: &header) { bytes in
            #expect(SyscallRecord(bytes) == nil)
            #expect(SyscallRecord(UnsafeRawBufferPointer(rebasing: bytes[..<40])) == nil)
        }
    }

    @Test func `a capture that ends beyond its record is left out`() {
        var header = syscall_record()
        header.size = 96 + 16
        var capture = syscall_capture()
        capture.size = 9
        let bytes =
            withUnsafeBytes(of: &header) { Array($0) } + withUnsafeBytes(of: &capture) { Array($0) }
            + [UInt8](repeating: 65, count: 8)
        bytes.withUnsafeBytes { #expect(SyscallRecord($0)?.captures.next0 == nil) }
    }
}

extension SyscallRecord.Captures {
    fileprivate var next0: SyscallCapture? {
        var copy = self
        return copy.next()
    }
}

struct SyscallSignatureTests {
    @Test func `every line is of the grammar, and names a call of this machine`() {
        let lines = SyscallTexts.lines.split(separator: "\n")
        #expect(lines.count == SyscallSignatures.decoded.count && lines.count >= 100)
        for line in lines {
            let signature = SyscallSignature(line: line)
            #expect(signature != nil, "\(line)")
            #expect(SyscallTable.number(signature?.name ?? "") != nil, "\(line)")
        }
    }

    @Test func `rules are those of the signatures`() throws {
        let open = SyscallRules.table[try #require(SyscallTable.number("openat"))]
        #expect((open.entry_count, open.count) == (2, 3))
        #expect(UInt32(open.rules.0.kind) == SYSCALL_CAPTURE_FILE.rawValue)
        #expect(UInt32(open.rules.1.kind) == SYSCALL_CAPTURE_PATH.rawValue && open.rules.1.argument == 1)
        #expect(open.rules.2.argument == SYSCALL_RESULT && UInt32(open.rules.2.flags) == SYSCALL_AT_EXIT.rawValue)
        let read = SyscallRules.table[0]
        #expect((read.entry_count, read.count, read.rules.1.count) == (1, 2, UInt8(SYSCALL_RESULT)))
        #expect(SyscallRules.table[try #require(SyscallTable.number("rename"))].moves_names == 1)
        // All three sets are read again, and there is room for that.
        let select = SyscallRules.table[try #require(SyscallTable.number("pselect6"))]
        #expect((select.entry_count, select.count) == (5, 9))
        // The kernel writes to them and to the timeout, not to the mask.
        let sets = select.rules
        #expect([sets.0, sets.1, sets.2, sets.3, sets.4, sets.5].map(\.is_written) == [1, 1, 1, 1, 0, 0])
        // Descriptors in a list have files as they are at entry, and where a call makes them.
        let poll = SyscallRules.table[try #require(SyscallTable.number("poll"))]
        #expect((poll.entry_count, poll.count, poll.rules.0.stride, poll.rules.1.stride) == (1, 2, 8, 0))
        // The kernel answers with the version that it would rather have.
        let capabilities = SyscallRules.table[try #require(SyscallTable.number("capset"))]
        #expect(capabilities.rules.0.is_written == 1 && capabilities.rules.1.is_written == 0)
        let pipe = SyscallRules.table[try #require(SyscallTable.number("pipe"))]
        #expect((pipe.entry_count, pipe.count, pipe.rules.0.stride) == (0, 1, 4))
        #expect(SyscallRules.kinds(in: [pipe]).contains(UInt8(SYSCALL_CAPTURE_FILE.rawValue)))
        // stat's structure has another layout in 32-bit programs; its path has not.
        let compat = SyscallRules.table[SYSCALL_NUMBERS + (try #require(SyscallTable.compatNumber("stat")))]
        #expect(compat.count == 1 && UInt32(compat.rules.0.kind) == SYSCALL_CAPTURE_PATH.rawValue)
    }

    @Test func `the kernel's own metadata names the parameters of the others`() {
        let format = """
            name: sys_enter_flistxattr
            ID: 1
            format:
            \tfield:unsigned short common_type;\toffset:0;\tsize:2;\tsigned:0;
            \tfield:int __syscall_nr;\toffset:8;\tsize:4;\tsigned:1;
            \tfield:int fd;\toffset:16;\tsize:8;\tsigned:0;
            \tfield:char * list;\toffset:24;\tsize:8;\tsigned:0;
            \tfield:__data_loc char[] __list_val;\toffset:32;\tsize:4;\tsigned:0;

            print fmt: "fd: 0x%08lx", ((unsigned long)(REC->fd))
            """
        let signature = SyscallMetadata.parse(format, name: "flistxattr")
        #expect(signature.parameters.map(\.name) == ["fd", "list"])
        #expect(SyscallMetadata.unknown("x").parameters.count == 6)
    }

    @Test func `both tables of numbers go both ways`() {
        #expect(SyscallTable.compatNumber("openat") == 295 && SyscallTable.compatName(1) == "exit")
        #expect(SyscallSignatures.name(ofKey: SYSCALL_NUMBERS + 4) == "write")
        #expect(SyscallSignatures.keys(of: "getuid32") == [SYSCALL_NUMBERS + 199])
    }
}

struct SyscallFilterTests {
    private func names(_ expressions: String...) throws -> Set<String> {
        let filter = try SyscallFilter.parse(expressions)
        return Set((0..<SYSCALL_NUMBERS).filter { filter.contains(key: $0) }.compactMap { SyscallTable.name($0) })
    }

    @Test func `calls are chosen by name, class and pattern, and left out`() throws {
        #expect(try names("open,close") == ["open", "close"])
        #expect(try names("trace=open", "t=close") == ["open", "close"])
        let rest = try names("!open,close")
        #expect(!rest.contains("open") && !rest.contains("close") && rest.contains("read"))
        #expect(try names("%process", "!fork").contains("clone"))
        #expect(try !names("%process", "!fork").contains("fork"))
        #expect(try names("/^sched_(get|set)affinity$") == ["sched_getaffinity", "sched_setaffinity"])
        #expect(try names("?no_such_call,read") == ["read"])
        #expect(try names("none").isEmpty)
        let files = try names("%file")
        #expect(files.isSuperset(of: ["openat", "stat", "execve", "mount", "quotactl"]) && !files.contains("read"))
        let descriptors = try names("%desc")
        #expect(descriptors.isSuperset(of: ["read", "openat", "mmap", "epoll_pwait2"]) && !descriptors.contains("brk"))
        // As strace has it: what makes or takes a descriptor, but for the calls of sockets.
        #expect(descriptors.isSuperset(of: ["pipe2", "setns", "fsopen", "mknodat", "memfd_create"]))
        #expect(descriptors.isDisjoint(with: ["socket", "connect", "accept4", "sendto", "recvmsg"]))
        #expect(try names("%process").isDisjoint(with: ["unshare", "pidfd_open"]))
        #expect(try names("%memory").isSuperset(of: ["shmat", "io_setup"]))
    }

    @Test func `outcomes, durations and paths are conditions`() throws {
        let failed = try SyscallFilter.parse(["open,status=failed"])
        #expect(!failed.wantsSuccess && failed.wantsFailure && failed.contains(key: 2) && !failed.contains(key: 0))
        #expect(try SyscallFilter.parse(["errno=ENOENT,EACCES", "errno=11"]).errnos == [ENOENT, EACCES, EAGAIN])
        // Any of them, in a list or one after another.
        #expect(try SyscallFilter.parse(["errno=ENOENT", "errno=ENOTTY"]).errnos == [ENOENT, ENOTTY])
        #expect(throws: SyscallFilter.Problem.self) {
            try SyscallFilter.parse(["status=failed", "status=successful"])
        }
        #expect(try SyscallFilter.parse(["duration>10ms"]).leastDuration == 10_000_001)
        #expect(try SyscallFilter.parse(["duration>=1.5us,duration<2s"]).leastDuration == 1_500)
        #expect(try SyscallFilter.parse(["duration<2s"]).mostDuration == 1_999_999_999)
        let path = try SyscallFilter.parse(["path=/etc/*"]).patterns
        #expect(path.map(\.literal) == ["/etc/"] && path[0].isSimple && path[0].isPrefix)
        #expect(try !SyscallFilter.parse(["path=/etc/*.conf"]).patterns[0].isSimple)
        #expect(try !SyscallFilter.parse(["signal=none"]).wantsSignals)
    }

    @Test(arguments: [
        ("open,clsoe", 5, "close"), ("open,,close", 5, "missing"), ("%flie", 0, "%file"), ("/a(", 1, "regular"),
        ("status=broken", 7, "successful"), ("errno=ENOPE", 6, "ENOENT"), ("duration=3", 8, "compared"),
        ("duration>3parsecs", 10, "unit"), ("duration>fast", 9, "number"), ("when=now", 0, "when"),
        ("open,errno=!ENOENT", 11, "'!'"), ("", 0, "missing"), ("path=", 5, "missing"),
        ("status=failed,status=successful", 21, "both"), ("signal=some", 7, "none or all"),
        ("duration>10ms,duration<1ms", 22, "both bounds"), ("errno=ENOENT,status=successful", 20, "has an error"),
        ("status=successful,errno=2", 24, "has an error"),
    ])
    func `a wrong expression is pointed at`(expression: String, column: Int, hint: String) {
        let problem = #expect(throws: SyscallFilter.Problem.self) { try SyscallFilter.parse([expression]) }
        #expect(problem?.column == column, "\(problem.map { $0.description } ?? "")")
        #expect(problem?.message.contains(hint) == true, "\(problem?.message ?? "")")
        let lines = problem?.description.split(separator: "\n", omittingEmptySubsequences: false) ?? []
        #expect(lines.last.map { $0.count } == column + 3)
    }

    @Test func `what the programs cannot decide is decided by the whole pattern`() throws {
        let filter = try SyscallFilter.parse(["path=/etc/*.conf"])
        #expect(filter.needsAcceptsPath)
        for (path, isWanted) in [("/etc/host.conf", true), ("/etc/hosts", false)] {
            RecordBytes(number: 2, paths: [path]).withRecord { #expect(filter.acceptsPath($0) == isWanted) }
        }
    }
}

struct SyscallSummaryTests {
    @Test func `calls are counted by number, errors by name, and each once`() {
        var summary = SyscallSummary(isByProcess: false)
        for result in [Int64(3), -2, -2, -13] {
            RecordBytes(number: 2, result: result, duration: 1_000).withRecord { summary.add($0) }
        }
        RecordBytes(number: 0, flags: SYSCALL_UNFINISHED.rawValue | SYSCALL_RESUMED.rawValue)
            .withRecord { summary.add($0) }
        let entry = summary.entries[.init(pid: 0, call: 2)]
        #expect(entry?.count == 4 && entry?.total == 4_000 && entry?.mean == 1_000)
        #expect(entry?.errors == [ENOENT: 2, EACCES: 1] && entry?.durations.max == 1_000)
        #expect(entry?.blocked == nil && entry?.onCPU == nil)
        #expect(summary.count == 4)
    }

    @Test func `a duration's bucket is the one whose middle it is near`() {
        for duration in [UInt64(0), 63, 64, 255, 256, 1_000, 123_456, 7_000_000_000] {
            var histogram = LatencyHistogram()
            histogram.add(duration)
            histogram.add(UInt64.max >> 20)
            let middle = histogram.quantile(0.5) ?? 0
            #expect(middle.distance(to: duration).magnitude <= max(64, duration / 8), "\(duration): \(middle)")
        }
    }
}

/// A record of a call, made by hand.
struct RecordBytes {
    var bytes: [UInt8]

    init(
        number: Int32, result: Int64 = 0, duration: UInt64 = 0, flags: UInt32 = 0, paths: [String] = []
    ) {
        var captures: [UInt8] = []
        for (index, path) in paths.enumerated() {
            var capture = syscall_capture()
            capture.argument = UInt8(index)
            capture.kind = UInt8(SYSCALL_CAPTURE_PATH.rawValue)
            capture.size = UInt16(path.utf8.count)
            captures += withUnsafeBytes(of: &capture) { Array($0) } + Array(path.utf8)
            while captures.count % 8 != 0 { captures.append(0) }
        }
        var header = syscall_record()
        header.number = number
        header.result = result
        header.duration_ns = duration
        header.flags = UInt8(flags)
        header.size = UInt16(96 + captures.count)
        bytes = withUnsafeBytes(of: &header) { Array($0) } + captures
    }

    func withRecord(_ body: (SyscallRecord) -> Void) {
        bytes.withUnsafeBytes { bytes in
            guard let record = SyscallRecord(bytes) else {
                Issue.record("no record")
                return
            }
            body(record)
        }
    }
}
