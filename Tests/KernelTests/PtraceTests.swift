// SPDX-License-Identifier: Apache-2.0
import CEvents
import Foundation
import Glibc
import Linux
import Ptrace
import Testing
import Tracers

/// A program observed by ptrace: the fixed part of each record, in order, with what was captured.
struct PtracedProgram {
    struct Record {
        let header: syscall_record
        let captures: [(argument: UInt8, kind: syscall_capture_kind, flags: UInt8, bytes: [UInt8])]
        var type: syscall_record_type { syscall_record_type(UInt32(header.type)) }
        func has(_ flag: syscall_flags) -> Bool { UInt32(header.flags) & flag.rawValue != 0 }

        init(_ record: SyscallRecord) {
            header = record.header
            captures = record.captures.map { ($0.header.argument, $0.kind, $0.header.flags, Array($0.bytes)) }
        }
    }

    var records: [Record] = []
    var exit: LaunchedProcess.Exit?
    var sharedCPU: Int?
    var output = ""
    var pid: Int32 = 0

    func of(_ type: syscall_record_type) -> [Record] { records.filter { $0.type == type } }
    func calls(_ name: String) -> [Record] {
        of(SYSCALL_RECORD_CALL).filter { SyscallTable.name(Int($0.header.number)) == name }
    }

    init(_ command: [String], configure: (inout PtraceObserver.Options) throws -> Void = { _ in }) throws {
        var options = PtraceObserver.Options(.init(target: .launched))
        try configure(&options)
        let file = FileManager.default.temporaryDirectory.appendingPathComponent("apus-\(UUID().uuidString)").path
        defer { unlink(file) }
        let signals = try Signals.unblocked()
        // A shell only to redirect: exec keeps the PID.
        let process = try LaunchedProcess(
            ["/bin/sh", "-c", "exec \"$0\" \"$@\" > \(file)"] + command, unblocking: signals,
            filter: options.seccompFilter)
        var observer = try PtraceObserver.start(options)
        try observer.expect(process)
        process.release()
        var records: [Record] = []
        let limit = Clock.monotonic + 60_000_000_000
        observer.run(until: { Clock.monotonic > limit }) { records.append(Record($0)) }
        pid = process.pid
        exit = observer.exit
        sharedCPU = observer.sharedCPU
        self.records = records
        output = String(decoding: Procfs.bytes(file) ?? [], as: UTF8.self)
    }

    init(workload arguments: String..., configure: (inout PtraceObserver.Options) throws -> Void = { _ in }) throws {
        try self.init([ObservedWorkload.program] + arguments, configure: configure)
    }

    /// A figure that the workload measured itself.
    func truth(_ key: String) throws -> Double {
        let text = try JSONSerialization.jsonObject(with: Data(output.utf8)) as? [String: Any]
        return try #require(text?[key] as? NSNumber, "no \(key) in \(output)").doubleValue
    }
}

extension Signals {
    /// For programs that get signals: threads that run tests block them all.
    fileprivate static func unblocked() throws -> Signals {
        var none = sigset_t()
        var before = sigset_t()
        sigemptyset(&none)
        pthread_sigmask(SIG_SETMASK, &none, &before)
        defer { pthread_sigmask(SIG_SETMASK, &before, nil) }
        return try Signals([SIGUSR2])
    }
}

/// The observer that needs no BPF. Each program's calls, births and ends are known, and counted exactly.
extension KernelTests {
    @Suite(.oldestAndNewest) struct PtraceTests {
        static func key(_ name: String) -> Int { SyscallTable.number(name) ?? 0 }

        @Test(arguments: [PtraceObserver.Sharing.whileAlone, .never, .always])
        func `each call is one record, in order`(sharing: PtraceObserver.Sharing) throws {
            let program = try PtracedProgram(workload: "syscalls", "997") { $0.sharing = sharing }
            let marks = program.records.indices.filter {
                program.records[$0].type == SYSCALL_RECORD_CALL
                    && Int(program.records[$0].header.number) == Self.key("getsid")
            }
            try #require(marks.count == 2)
            let between = program.records[(marks[0] + 1)..<marks[1]].filter {
                Int($0.header.number) == Self.key("getppid")
            }
            #expect(between.count == 997)
            // Nothing else but the clock is read between, where the C library cannot do so by itself.
            #expect(between.allSatisfy { $0.header.result == Int64(getpid()) && $0.header.duration_ns > 0 })
            #expect(between.allSatisfy { $0.header.pid == UInt32(program.pid) && $0.header.tid == UInt32(program.pid) })
            #expect(zip(between, between.dropFirst()).allSatisfy { $0.header.ts_ns < $1.header.ts_ns })
            #expect(program.exit == .code(0))
            #expect((program.sharedCPU == nil) == (sharing == .never))
        }

        @Test func `a program under a filter stops at the calls that are asked for alone`() throws {
            let program = try PtracedProgram(workload: "readwrite", "97") {
                $0.stops = .wantedCalls
                $0.common.filter = try SyscallFilter.parse(["read,exit_group"])
            }
            #expect(program.calls("read").filter { $0.header.arguments.2 == 1 && $0.header.result == 1 }.count == 97)
            #expect(program.calls("exit_group").map { $0.has(SYSCALL_UNFINISHED) } == [true])
            #expect(program.calls("write").isEmpty)
            #expect(try program.truth("bytes_written") == 97)
            #expect(program.exit == .code(0))
        }

        @Test func `what is told begins with the exec, whose call is whole`() throws {
            let program = try PtracedProgram(workload: "exit", "7")
            // The shell, and by it the workload.
            #expect(program.of(SYSCALL_RECORD_EXEC).count == 2)
            #expect(program.records.first?.type == SYSCALL_RECORD_EXEC)
            let calls = program.calls("execve")
            #expect(calls.map(\.header.result) == [0, 0])
            func texts(_ argument: UInt8) -> [String] {
                calls[1].captures.filter { $0.argument == argument }.map { String(decoding: $0.bytes, as: UTF8.self) }
            }
            #expect(texts(0) == [ObservedWorkload.program])
            #expect(texts(1) == [String(ObservedWorkload.program.prefix(32)), "exit", "7"])
            #expect(program.exit == .code(7))
            #expect(program.of(SYSCALL_RECORD_EXIT).map(\.header.result) == [7 << 8])
        }

        @Test func `memory and descriptors are captured as the rules say`() throws {
            let program = try PtracedProgram(workload: "readwrite", "5")
            let opened = try #require(program.calls("openat").first { $0.captures[1].bytes == Array("/dev/zero".utf8) })
            var names: [UInt32: [UInt8]] = [:]
            for path in program.of(SYSCALL_RECORD_PATH) {
                names[UInt32(path.header.number)] = path.captures[0].bytes
            }
            func file(_ bytes: [UInt8]) -> syscall_file? {
                guard bytes.count >= 16 else { return nil }
                return (bytes + [UInt8](repeating: 0, count: 56)).withUnsafeBytes {
                    $0.loadUnaligned(as: syscall_file.self)
                }
            }
            let zero = try #require(file(opened.captures[2].bytes))
            #expect(names[zero.path] == Array("zero\0dev\0".utf8))
            #expect(zero.mode & S_IFMT == S_IFCHR)
            let reads = program.calls("read").filter { $0.header.arguments.2 == 1 }
            #expect(reads.count == 5)
            for read in reads {
                #expect(file(read.captures[0].bytes)?.path == zero.path)
                #expect(read.captures[1].bytes == [0])
                #expect(read.captures[1].flags == UInt8(SYSCALL_AT_EXIT.rawValue))
            }
        }

        @Test func `threads are told from birth to end`() throws {
            let program = try PtracedProgram(workload: "threads", "53", "50")
            let births = program.of(SYSCALL_RECORD_BIRTH)
            #expect(births.count == 53)
            #expect(
                births.allSatisfy {
                    $0.header.pid == UInt32(program.pid) && $0.header.arguments.0 == UInt64(program.pid)
                })
            #expect(Set(births.map(\.header.tid)).count == 53)
            #expect(program.of(SYSCALL_RECORD_EXIT).count == 54)
            #expect(program.calls("exit").count == 53)
            #expect(program.exit == .code(0))
        }

        @Test func `a storm of forks is followed, and nothing is told that only a tracer sees`() throws {
            let program = try PtracedProgram(workload: "forks", "97")
            #expect(program.of(SYSCALL_RECORD_BIRTH).filter { $0.header.pid == $0.header.tid }.count == 97)
            #expect(program.of(SYSCALL_RECORD_EXIT).count == 98)
            #expect(program.calls("wait4").count == 97)
            // SIGCHLD interrupts a traced process's wait, though it is ignored. It begins anew; it is one call.
            #expect(program.calls("wait4").allSatisfy { $0.header.result > 0 })
            #expect(program.calls("restart_syscall").isEmpty)
            let signals = program.of(SYSCALL_RECORD_SIGNAL).filter { $0.header.number == SIGCHLD }
            #expect(signals.count > 0)
            #expect(signals.allSatisfy { $0.has(SYSCALL_OF_TRACER) })
            #expect(program.exit == .code(0))
        }

        @Test func `children are left alone where they are not followed, and threads are not`() throws {
            let program = try PtracedProgram(workload: "forks", "11") { $0.common.followsChildren = false }
            #expect(program.of(SYSCALL_RECORD_BIRTH).isEmpty)
            #expect(Set(program.of(SYSCALL_RECORD_CALL).map(\.header.pid)) == [UInt32(program.pid)])
            #expect(program.exit == .code(0))
            let threads = try PtracedProgram(workload: "threads", "11", "10") { $0.common.followsChildren = false }
            #expect(threads.of(SYSCALL_RECORD_BIRTH).count == 11)
        }

        @Test func `signals arrive, each once`() throws {
            let program = try PtracedProgram(workload: "signals", "89")
            #expect(try program.truth("handled") == 89)
            let signals = program.of(SYSCALL_RECORD_SIGNAL).filter { $0.header.number == SIGUSR1 }
            #expect(signals.count == 89)
            // SI_TKILL, and who sent it.
            #expect(signals.allSatisfy { Int64(bitPattern: $0.header.arguments.0) == -6 })
            #expect(signals.allSatisfy { $0.header.arguments.1 == UInt64(program.pid) && !$0.has(SYSCALL_OF_TRACER) })
            #expect(program.calls("rt_sigreturn").count == 89)
            #expect(program.exit == .code(0))
        }

        @Test func `a death by signal is one`() throws {
            let program = try PtracedProgram(workload: "signal", "SEGV")
            #expect(program.exit == .signal(SIGSEGV))
            #expect(program.of(SYSCALL_RECORD_EXIT).map { $0.header.result & 0x7f } == [Int64(SIGSEGV)])
            let killed = try PtracedProgram(workload: "signal", "KILL")
            #expect(killed.exit == .signal(SIGKILL))
            #expect(killed.of(SYSCALL_RECORD_EXIT).map(\.header.result) == [Int64(SIGKILL)])
        }

        @Test func `a stop of the whole process lasts until it is continued`() throws {
            let program = try PtracedProgram(workload: "stopped", "100")
            #expect(try program.truth("blocked_stopped_ns") >= 100_000_000)
            #expect(program.of(SYSCALL_RECORD_STOP).map(\.header.number) == [SIGSTOP])
            #expect(program.of(SYSCALL_RECORD_SIGNAL).contains { $0.header.number == SIGSTOP })
            #expect(program.of(SYSCALL_RECORD_SIGNAL).contains { $0.header.number == SIGCONT })
            #expect(program.exit == .code(0))
        }

        @Test func `an exec by another thread than the first takes its number`() throws {
            let program = try PtracedProgram(workload: "thread-exec", "9")
            let execs = program.of(SYSCALL_RECORD_EXEC)
            #expect(execs.count == 3)
            let last = try #require(execs.last)
            #expect(last.header.tid == UInt32(program.pid))
            let thread = try #require(program.of(SYSCALL_RECORD_BIRTH).first).header.tid
            #expect(last.header.arguments.0 == UInt64(thread))
            #expect(thread != last.header.tid)
            let call = try #require(program.calls("execve").last)
            #expect(call.header.result == 0 && call.header.tid == UInt32(program.pid))
            // The first thread's end, and the program's.
            #expect(program.of(SYSCALL_RECORD_EXIT).count == 2)
            #expect(program.exit == .code(9))
        }

        @Test func `a program sees the CPUs that it has without a tracer`() throws {
            let program = try PtracedProgram(workload: "affinity") { $0.sharing = .always }
            #expect(program.sharedCPU != nil)
            let seen = try #require(program.calls("sched_getaffinity").first)
            #expect(try program.truth("cpus") == Double(try #require(CPUSet(ofThread: 0)).all.count))
            #expect(seen.header.result > 0)
        }

        // ---- Beside the programs of the kernel ----

        /// How many there are of each kind, and of each call, by all of the target's threads.
        struct Tally: Equatable {
            var counts: [String: Int] = [:]
            /// Runs of programs that the kernel says it skipped: so many can be missing.
            var missedRuns = 0

            /// Calls whose number is a matter of chance: who waits for a lock, how often the clock is asked.
            private static let chance: Set = ["futex", "clock_gettime", "sched_yield"]

            mutating func add(_ record: syscall_record) {
                switch syscall_record_type(UInt32(record.type)) {
                case SYSCALL_RECORD_CALL:
                    let name = SyscallTable.name(Int(record.number)) ?? "\(record.number)"
                    guard !Self.chance.contains(name) else { return }
                    let isUnfinished = UInt32(record.flags) & SYSCALL_UNFINISHED.rawValue != 0
                    counts[name + (isUnfinished ? ", unfinished" : ""), default: 0] += 1
                    if !isUnfinished && record.result < 0 { counts["errors of \(name)", default: 0] += 1 }
                case SYSCALL_RECORD_BIRTH: counts["births", default: 0] += 1
                case SYSCALL_RECORD_EXEC: counts["executions", default: 0] += 1
                case SYSCALL_RECORD_EXIT: counts["ends", default: 0] += 1
                // Nobody is asked before SIGKILL, a tracer neither.
                case SYSCALL_RECORD_SIGNAL
                where UInt32(record.flags) & SYSCALL_OF_TRACER.rawValue == 0 && record.number != SIGKILL:
                    counts["signals \(record.number)", default: 0] += 1
                default: break
                }
            }

            static func byPrograms(_ arguments: [String]) throws -> Tally {
                var tally = Tally()
                let signals = try Signals.unblocked()
                let process = try LaunchedProcess(
                    ["/bin/sh", "-c", "exec \"$0\" \"$@\" > /dev/null", ObservedWorkload.program] + arguments,
                    unblocking: signals)
                var tracer = try SyscallTracer.start(.init(target: .launched))
                try tracer.expect(process.pid)
                try process.start()
                while !process.hasEnded() {
                    _ = waitReadable([process.descriptor, tracer.descriptor], timeout: 10)
                    tracer.collect { tally.add($0.header) }
                }
                usleep(KernelTests.isGuest ? 50_000 : 2_000)
                tracer.collect { tally.add($0.header) }
                tally.missedRuns = Int(try tracer.completeness().missedRuns)
                _ = process.reap()
                return tally
            }
        }

        @Test(
            .needs(.tracing, .btf, .ringBuffer, .taskIterator),
            arguments: isGuest
                ? [["syscalls", "101"], ["threads", "31", "20"], ["tree", "2", "3"]]
                : [
                    ["syscalls", "101"], ["readwrite", "53"], ["threads", "31", "20"], ["forks", "37"],
                    ["tree", "2", "3"], ["exec-chain", "5"], ["thread-exec", "3"], ["signals", "23"], ["exit", "9"],
                ])
        func `both observers count the same`(arguments: [String]) throws {
            var tally = Tally()
            for record in try PtracedProgram([ObservedWorkload.program] + arguments).records {
                tally.add(record.header)
            }
            let other = try Tally.byPrograms(arguments)
            for kind in Set(tally.counts.keys).union(other.counts.keys).sorted() {
                let (ours, theirs) = (tally.counts[kind] ?? 0, other.counts[kind] ?? 0)
                #expect(abs(ours - theirs) <= other.missedRuns, "\(kind)")
            }
        }
    }
}
