// SPDX-License-Identifier: Apache-2.0
import CEvents
import Glibc
import Linux
import Testing
import Tracers

/// System calls of workloads that know how many they make.
extension KernelTests {
    @Suite(.needs(.tracing, .btf, .ringBuffer, .taskIterator)) struct SyscallsTests {
        /// What a workload's calls came to.
        struct Observed {
            /// By the calls' names, the launched process's.
            var counts: [String: Int] = [:]
            /// Those of the i386 table.
            var compat: [String: Int] = [:]
            var records = 0
            /// How often the programs woke the reader.
            var wakeups = 0
            /// The most records that waited for a reader whom nobody had woken.
            var unannounced = 0
            var lost: UInt64 = 0
            var births = 0
            var exits = 0
            /// As wait(2) has them.
            var ends: [Int64] = []
            var signals: [Int32] = []
            var unfinished: [String] = []
            /// By the calls' names, of the first calls: how many bytes each capture has.
            var captures: [String: [[Int]]] = [:]
            var completeness = Completeness()
            var summary = SyscallSummary(isByProcess: false)
            var exit = LaunchedProcess.Exit.code(-1)
            var flowControl = SyscallTracer.FlowControl()
            var calls: UInt64 = 0
            /// The time that calls took by the thread that made them, nanoseconds.
            var total: UInt64 = 0

            /// Runs of programs that the kernel says it skipped: so many records can be missing.
            var missedRuns: Int { Int(completeness.missedRuns) }

            func expectExact(_ sourceLocation: SourceLocation = #_sourceLocation) {
                expectSoundness(completeness, sourceLocation: sourceLocation)
            }
        }

        static func observe(
            _ arguments: String..., delay: UInt32 = 0, timeout: Int32 = 10,
            configure: (inout SyscallTracer.Options) -> Void = { _ in }
        ) throws -> Observed {
            var options = SyscallTracer.Options(target: .launched)
            options.bufferBytes = 8 << 20
            configure(&options)
            let signals = try Signals([SIGUSR2])
            let process = try LaunchedProcess(
                ["/bin/sh", "-c", "exec \"$0\" \"$@\" > /dev/null", ObservedWorkload.program] + arguments,
                unblocking: signals)
            var tracer = try SyscallTracer.start(options)
            try tracer.expect(process.pid)
            try process.start()
            var observed = Observed()
            while !process.hasEnded() {
                let isWoken = waitReadable([process.descriptor, tracer.descriptor], timeout: timeout)[1]
                if isWoken { observed.wakeups += 1 }
                if delay > 0 { usleep(delay) }
                let before = observed.records
                tracer.collect { observed.take($0) }
                if !isWoken { observed.unannounced = max(observed.unannounced, observed.records - before) }
            }
            usleep(KernelTests.isGuest ? 50_000 : 2_000)
            tracer.collect { observed.take($0) }
            try tracer.stop()
            tracer.collect { observed.take($0) }
            observed.completeness = try tracer.completeness()
            observed.summary = try tracer.summary()
            observed.flowControl = tracer.flowControl
            let counts = try tracer.counts()
            (observed.calls, observed.lost) = (counts.calls, counts.lost)
            let arrived = tracer.arrivedCalls
            #expect(options.result != .records || arrived + counts.lost == counts.calls)
            observed.exit = process.reap()
            return observed
        }

        /// The shell that redirects asks for its parent as well, as in a run without a loop. Runs of programs
        /// that the kernel skipped, and told, can be missing.
        static func expect(
            _ count: Int?, toBe calls: Int, in observed: Observed, sourceLocation: SourceLocation = #_sourceLocation
        ) throws {
            let none = try observe("syscalls", "0")
            let expected = calls + (none.counts["getppid"] ?? 0)
            #expect(
                abs((count ?? 0) - expected) <= observed.missedRuns + none.missedRuns,
                "\(count ?? 0) of \(expected)", sourceLocation: sourceLocation)
        }

        @Test func `every call of a loop is one record, in a buffer that has room`() throws {
            let observed = try Self.observe("syscalls", "10007")
            observed.expectExact()
            try Self.expect(observed.counts["getppid"], toBe: 10_007, in: observed)
            #expect(observed.counts["getsid"] == 2)
            #expect(observed.counts["execve"] == 2 && observed.exit == .code(0))
            #expect(observed.exits == 1 && observed.unfinished == ["exit_group"])
        }

        @Test func `what finds no room is counted, and with what arrives it is all`() throws {
            let observed = try Self.observe("syscalls", "30011", delay: 200_000) { $0.bufferBytes = 1 << 16 }
            #expect(observed.lost > 0 && observed.completeness.lostEvents == observed.lost)
            #expect(UInt64(observed.records) + observed.lost == observed.calls)
            #expect(observed.calls >= 30_013 && !observed.completeness.isExact)
        }

        @Test func `a lossless run loses nothing in a buffer that is too small, and says what it took`() throws {
            let observed = try Self.observe("syscalls", "5003", delay: 5_000) {
                $0.bufferBytes = 1 << 17
                $0.isLossless = true
            }
            observed.expectExact()
            try Self.expect(observed.counts["getppid"], toBe: 5_003, in: observed)
            #expect(observed.exit == .code(0))
            #expect(observed.flowControl.stops > 0 && observed.flowControl.stoppedNanoseconds > 0)
        }

        @Test func `the programs wake the reader each time that a quarter of the buffer is full`() throws {
            let count = KernelTests.isGuest ? 40_009 : 200_003
            // A wakeup can be forgotten when it comes while the reader reads: in a third of such runs.
            for _ in 0..<(KernelTests.isGuest ? 1 : 8) {
                // Without wakeups it would look when all is over.
                let observed = try Self.observe("syscalls", "\(count)", timeout: 60_000) { $0.bufferBytes = 1 << 19 }
                // A reader that is slower than the writer never waits: one wakeup can be all.
                #expect(observed.wakeups >= 1)
                // Half of the buffer: the programs look at each sixteenth record. A forgotten wakeup fills it all.
                #expect(observed.unannounced < (1 << 18) / MemoryLayout<syscall_record>.size, "\(observed.unannounced)")
                #expect(UInt64(observed.records) + observed.lost == observed.calls)
            }
        }

        @Test func `a summary counts as many calls as there are records, and none crosses`() throws {
            let observed = try Self.observe("syscalls", "10007") { $0.result = .summary(byProcess: false) }
            observed.expectExact()
            #expect(observed.records == 0)
            let entry = try #require(observed.summary.entries[.init(pid: 0, call: 110)])
            try Self.expect(Int(entry.count), toBe: 10_007, in: observed)
            #expect(entry.errorCount == 0)
            #expect(entry.durations.count == entry.count)
            #expect(entry.durations.max <= entry.total && entry.mean <= entry.durations.max)
            #expect(observed.summary.count == observed.calls && observed.summary.cutCalls == 0)
        }

        @Test func `a call that sleeps is blocked, one that does not is not`() throws {
            let observed = try Self.observe("sleep", "50", "3") { $0.result = .summary(byProcess: true) }
            observed.expectExact()
            let sleep = observed.summary.entries.first { $0.key.call == 230 || $0.key.call == 35 }?.value
            let entry = try #require(sleep)
            let blocked = try #require(entry.blocked)
            // It sleeps until a moment that was reckoned before the call, up to which it may have been preempted.
            #expect(entry.count == 3 && entry.total >= (KernelTests.isGuest ? 100_000_000 : 140_000_000))
            expectClose(blocked, Double(entry.total), within: 0.1, or: 20_000_000)
            #expect(observed.summary.commands.values.contains("workload"))
        }

        @Test func `threads and processes are followed from birth to end`() throws {
            let count = KernelTests.isGuest ? 53 : 1_009
            let threads = try Self.observe("threads", "\(count)")
            threads.expectExact()
            #expect(abs(threads.births - count) <= threads.missedRuns)
            #expect(abs(threads.exits - count - 1) <= threads.missedRuns)
            let storm = KernelTests.isGuest ? 41 : 1_009
            let forks = try Self.observe("forks", "\(storm)")
            forks.expectExact()
            #expect(abs(forks.births - storm) <= forks.missedRuns && abs(forks.exits - storm - 1) <= forks.missedRuns)
            #expect(forks.counts["wait4"] ?? 0 >= storm - forks.missedRuns)
            let alone = try Self.observe("forks", "41") { $0.followsChildren = false }
            #expect(alone.births == 0 && alone.exits == 1)
        }

        @Test func `filters by call, outcome and error are the programs'`() throws {
            let one = try Self.observe("syscalls", "1009") {
                $0.filter = (try? SyscallFilter.parse(["getppid"])) ?? SyscallFilter()
            }
            #expect(one.counts.keys.sorted() == ["getppid"])
            try Self.expect(one.counts["getppid"], toBe: 1_009, in: one)
            let failed = try Self.observe("syscalls", "1009") {
                $0.filter = (try? SyscallFilter.parse(["getppid,status=failed"])) ?? SyscallFilter()
            }
            #expect(failed.calls == 0)
            let slow = try Self.observe("sleep", "30", "2") {
                $0.filter = (try? SyscallFilter.parse(["duration>20ms"])) ?? SyscallFilter()
            }
            #expect(KernelTests.isGuest ? slow.records >= 2 : slow.records == 2)
        }

        @Test func `calls of 32-bit programs are told as such`() throws {
            let observed = try Self.observe("compat", "101")
            if observed.exit == .signal(SIGSEGV) { try Test.cancel("this kernel has no calls of 32-bit programs") }
            observed.expectExact()
            #expect(observed.compat.keys.sorted() == ["getpid"])
            #expect(abs((observed.compat["getpid"] ?? 0) - 101) <= observed.missedRuns, "\(observed.compat)")
        }

        @Test func `what lists, masks and messages hold is captured, with the files of descriptors`() throws {
            let calls =
                "pselect6,sigaltstack,pipe2,socketpair,sendmsg,recvmsg,poll,ppoll,sched_setaffinity,sched_getaffinity,"
                + "sendmmsg,recvmmsg,writev,getdents64,nanosleep,capget,ioctl,sched_getattr,rt_sigpending,getsockname"
            let observed = try Self.observe("lists") { $0.filter = (try? SyscallFilter.parse([calls])) ?? .init() }
            #expect(observed.exit == .code(0))
            // Runs of programs that the kernel skipped leave a call out.
            guard observed.missedRuns == 0 else { return }
            func expect(_ name: String, _ sizes: [[Int]], _ location: SourceLocation = #_sourceLocation) {
                #expect(observed.captures[name] == sizes, "\(name)", sourceLocation: location)
            }
            // struct syscall_file of a file, and of a socket.
            let (file, socket) = (16, 56)
            let (files, iovec) = ([Int](repeating: file, count: 8), [16, 3])
            // The first mask is as long as the kernel's; of the others one is too long, and one is short.
            let own = try #require(observed.captures["sched_getaffinity"]?.first)
            expect("sched_setaffinity", [own, [1024], [1]])
            expect("pselect6", [[8, 8, 8, 16, 16, 8, 8, 8, 8, 16], [16, 16, 0, 16], [16, 16]])
            expect("pipe2", [[8, file, file]])
            expect("socketpair", .init(repeating: [8, socket, socket], count: 3))
            // Of each message its head, with what was sent, and what is in it.
            expect("sendmmsg", [[socket, 64, 16, 2, 64, 32, 2, 3]])
            expect("recvmmsg", [[socket, 64, 16, 2, 64, 32, 4, 1], [socket]])
            // A page that is not there is read when the kernel has brought it.
            expect("writev", [[16, 16, 0, 16, 4], [file, 32, 0, 1, 32, 0, 1]])
            // What is in the last page of structures that end where nothing is mapped, and of an address what there
            // was room for.
            expect("capget", [[8, 0, 12]])
            // The shell makes some as well.
            #expect(observed.captures["ioctl"]?.last == [file, 0, 4])
            expect("sched_getattr", [[0, 48]])
            expect("rt_sigpending", [[0, 4]])
            expect("getsockname", [[socket, 4, 2, 4]])
            expect("getdents64", [[file, 4], [file, 4]])
            expect("nanosleep", [[16, 16], [16]])
            expect(
                "sendmsg",
                [
                    [socket, 56, 64] + files.prefix(3) + iovec, [socket, 56, 256] + files + iovec,
                    [socket, 56, 56] + files.prefix(1) + iovec, [socket, 56, 16, 0, 56, 16, 4],
                ])
            expect(
                "recvmsg",
                [
                    [socket, 56, 96] + files.prefix(3) + iovec, [socket, 56, 256] + files + iovec,
                    [socket, 56] + iovec,
                ])
            expect("poll", [[40] + files.prefix(3) + [40]])
            expect("ppoll", [[256] + files.prefix(6) + [16, 256, 16]])
        }

        @Test func `a process is told how it ended`() throws {
            let killed = try Self.observe("signal", "TERM")
            #expect(killed.exit == .signal(SIGTERM) && killed.ends == [Int64(SIGTERM)])
            let code = try Self.observe("exit", "7")
            #expect(code.exit == .code(7) && code.exits == 1)
        }

        @Test func `a call that began before is told as unfinished, then as resumed`() throws {
            // Loading on a busy machine takes a while, and it is to sleep yet.
            try AttachTests.whileRunning(["sleep", KernelTests.isGuest ? "8000" : "1500"]) { pid in
                var tracer = try SyscallTracer.start(.init(target: .processes([pid])))
                var (found, resumed) = (0, 0)
                for _ in 0..<(KernelTests.isGuest ? 1200 : 300) where resumed == 0 {
                    usleep(10_000)
                    tracer.collect { record in
                        if record.isFoundUnderWay {
                            found += 1
                        } else if record.type == SYSCALL_RECORD_CALL && record.has(SYSCALL_RESUMED) {
                            resumed += 1
                        }
                    }
                }
                #expect(found == 1 && resumed == 1)
            }
        }

        @Test func `what a call writes to is not taken for what it was given`() throws {
            try AttachTests.whileRunning(["select", KernelTests.isGuest ? "8000" : "1500"]) { pid in
                var tracer = try SyscallTracer.start(.init(target: .processes([pid])))
                var sets: [[Bool]] = []
                for _ in 0..<(KernelTests.isGuest ? 1200 : 300) where sets.isEmpty {
                    usleep(10_000)
                    tracer.collect { record in
                        guard record.type == SYSCALL_RECORD_CALL, !record.isFoundUnderWay,
                            // Which of the two is the C library's choice.
                            ["select", "pselect6"].contains(SyscallTable.name(Int(record.header.number)))
                        else { return }
                        sets.append([false, true].map { record.capture(of: 1, atExit: $0) != nil })
                    }
                }
                // The one that it returns with is known, the other one is not any more.
                #expect(sets == [[false, true]])
            }
        }

        @Test func `a wait that goes on at the end is blocked time, of the process that waits`() throws {
            try AttachTests.whileRunning(["sleep", "60000"]) { pid in
                var options = SyscallTracer.Options(target: .processes([pid]))
                options.result = .summary(byProcess: true)
                var tracer = try SyscallTracer.start(options)
                usleep(200_000)
                try tracer.stop()
                let summary = try tracer.summary()
                #expect(summary.entries.count == 1 && summary.commands == [UInt32(pid): "workload"])
                let entry = try #require(summary.entries.first?.value)
                #expect(entry.count == 1 && entry.total >= 200_000_000 && summary.cutCalls == 1)
                #expect(entry.blocked == entry.total && entry.errorCount == 0, "\(entry)")
            }
        }

        @Test func `a call that has not returned at the end is told`() throws {
            try AttachTests.whileRunning(["sleep", "60000"]) { pid in
                var tracer = try SyscallTracer.start(.init(target: .processes([pid])))
                try tracer.stop()
                var ends = 0
                tracer.collect { record in
                    if !record.isFoundUnderWay && record.has(SYSCALL_UNFINISHED) { ends += 1 }
                }
                #expect(ends == 1)
                let (calls, arrived) = (try tracer.counts().calls, tracer.arrivedCalls)
                #expect(calls == arrived)
            }
        }
    }
}

extension KernelTests.SyscallsTests.Observed {
    mutating func take(_ record: SyscallRecord) {
        switch record.type {
        case SYSCALL_RECORD_CALL:
            guard !record.isFoundUnderWay else { return }
            records += 1
            total += record.header.duration_ns
            let name = SyscallSignatures.name(ofKey: record.key) ?? "?"
            if record.has(SYSCALL_COMPAT) { compat[name, default: 0] += 1 } else { counts[name, default: 0] += 1 }
            if record.has(SYSCALL_UNFINISHED) { unfinished.append(name) }
            if records < 1000 { captures[name, default: []].append(record.captures.map(\.bytes.count)) }
        case SYSCALL_RECORD_BIRTH: births += 1
        case SYSCALL_RECORD_EXIT:
            exits += 1
            ends.append(record.header.result)
        case SYSCALL_RECORD_SIGNAL: signals.append(record.header.number)
        default: break
        }
    }
}
