// SPDX-License-Identifier: Apache-2.0
import BPF
import Foundation
import Glibc
import Linux
import Testing
import Tracers

/// The ledger against workloads that measure themselves.
extension KernelTests {
    @Suite(.needs(.tracing, .btf, .ringBuffer, .taskIterator)) struct LedgerTests {
        /// Runs and their system calls, in milliseconds and microseconds.
        static let splits = [(20, 20), (500, 20)] + (KernelTests.isGuest ? [] : [(20, 5), (500, 5)])

        /// Between phases of 20 µs in user mode. An emulated CPU takes longer to enter the kernel, by as
        /// much as its calls are longer here; shorter ones than 20 times 20 µs say nothing there.
        @Test(arguments: splits)
        func `the split of user and system time is exact`(milliseconds: Int, microseconds: Int) throws {
            // What a busy host takes from a virtual machine goes without a trace: the median run decides.
            let runs = try (0..<(KernelTests.isGuest ? 3 : 7)).map { _ in
                try StoppedSection(
                    "split", "\(milliseconds)", "20", "\(microseconds * (KernelTests.isGuest ? 20 : 1))")
            }
            func expectSplit(_ name: String, gaps: String? = nil, _ measured: (Ledger) -> UInt64) throws {
                let errors = try runs.map { run in
                    let truth = try run.truth("\(name)_ns")
                    // The workload's clock has in it what interrupts and other threads took, but where
                    // it saw gaps, and left them out.
                    let section = run.section
                    let taken = Double(section.sum([.irq, .softirq, .preempted, .woken]))
                    let margin = try taken + (gaps.map { try run.truth($0) } ?? 0)
                    return max(0, abs(Double(measured(section)) - truth) - margin) / truth
                }.sorted()
                #expect(errors[errors.count / 2] <= 0.05, "\(name): \(errors)")
            }
            try expectSplit("system") { $0[.system] + $0[.fault] }
            // On an emulated CPU the way into the kernel and out of it takes long, and not always as long.
            if !KernelTests.isGuest { try expectSplit("user", gaps: "gap_ns") { $0[.user] } }
            for run in runs {
                #expect(run.section.residual == 0)
                #expect(run.section.syscalls >= UInt64(try run.truth("syscalls")))
            }
        }

        @Test func `threads that ended long ago are in the sums, however few are kept`() throws {
            let run = try ObservedWorkload("forks", "100") { $0.keptThreads = 10 }
            let report = run.report
            #expect(report.threads.count < 40 && report.earlier.threads >= 60)
            #expect(report.threads.count + report.earlier.threads == 101 || !report.completeness.isExact)
            #expect(report.earlier.threads == report.earlier.processes)
            #expect(report.total.wall == report.threads.reduce(report.earlier.ledger.wall) { $0 + $1.ledger.wall })
            #expect(report.total.residual == 0)
        }

        static let waits: [(arguments: [String], state: ThreadState, truth: String)] = [
            (["sleep", "50"], .sleep, "blocked_sleep_ns"),
            (["futex-wait", "50"], .futex, "blocked_futex_ns"),
            (["pipe-read", "50"], .pipeRead, "blocked_pipe_read_ns"),
            (["pipe-write", "50"], .pipeWrite, "blocked_pipe_write_ns"),
            (["socket", "50", "unix"], .socket, "blocked_socket_ns"),
            (["socket", "50", "tcp"], .socket, "blocked_socket_ns"),
            (["poll", "50"], .poll, "blocked_poll_ns"),
            (["epoll", "50"], .poll, "blocked_poll_ns"),
            (["select", "50"], .poll, "blocked_poll_ns"),
            (["child-wait", "50"], .child, "blocked_child_ns"),
            (["vfork", "50"], .child, "blocked_vfork_ns"),
        ]

        @Test(arguments: waits.indices)
        func `a wait is charged to its cause`(index: Int) throws {
            let wait = Self.waits[index]
            let run = try ObservedWorkload(wait.arguments)
            expectBalanced(run.report)
            let main = try #require(run.report.threads.first { $0.tid == run.pid }).ledger
            // The workload's figure includes the way into the wait, and from its wakeup back to user mode:
            // little here, some ms where the CPU is emulated.
            let margin: Double = KernelTests.isGuest ? 25_000_000 : 500_000
            let truth = try run.truth(wait.truth)
            let blocked = main[wait.state]
            // And it waits once more for the thread, or the child, that woke it, to end.
            let joined =
                switch wait.arguments[0] {
                case "futex-wait": try run.truth("join_ns")
                case "vfork": try run.truth("blocked_child_ns")
                default: 0.0
                }
            #expect(Double(blocked) <= (truth + joined) * 1.02 + margin, "\(blocked) against \(truth)")
            #expect(
                Double(blocked + main.runnable) >= truth * 0.98 - margin, "\(blocked) against \(truth)")
            #expect(run.exit == .code(0))
        }

        @Test func `a wait of another kind goes by the name of its system call`() throws {
            let run = try ObservedWorkload("other", "30")
            expectBalanced(run.report)
            let main = try #require(run.report.threads.first { $0.tid == run.pid }).ledger
            for (call, key) in [("flock", "blocked_flock_ns"), ("read", "blocked_eventfd_ns")] {
                let number = Int32(try #require(SyscallTable.number(call)))
                let (waited, truth) = (Double(main.otherWaits[number] ?? 0), try run.truth(key))
                let margin = max(0.05 * truth, KernelTests.isGuest ? 25_000_000 : 2_000_000)
                // The workload's figure has the wait for a CPU in it, after the wakeup.
                #expect(waited <= truth + margin, "\(call): \(waited) against \(truth)")
                #expect(waited + Double(main.runnable) >= truth - margin, "\(call): \(waited) against \(truth)")
            }
            #expect(main.otherWaits.values.reduce(0, +) == main[.other])
        }

        @Test func `a stopped process is stopped, not blocked in something`() throws {
            let run = try ObservedWorkload("stopped", "50")
            expectBalanced(run.report)
            let child = try #require(run.report.processes.first { $0.parentPID == run.pid }).ledger
            // The parent's figure includes what passed until the child ran again.
            let truth = try run.truth("blocked_stopped_ns")
            #expect(Double(child[.stopped]) <= truth * 1.02 + 500_000)
            let margin: Double = KernelTests.isGuest ? 25_000_000 : 1_000_000
            #expect(Double(child[.stopped] + child.runnable) >= truth * 0.97 - margin)
        }

        @Test func `preempted time is runnable time, apart from woken time`() throws {
            let run = try ObservedWorkload("preempt", "100")
            expectBalanced(run.report)
            let two = run.report.processes.map(\.ledger)
            #expect(two.count == 2)
            // Two that compute on one CPU: each has it for half the time, where the CPU has time.
            let least = KernelTests.isGuest ? 0.1 : 0.2
            for ledger in two {
                let onOne = Double(ledger[.user] + ledger[.preempted])
                #expect(Double(ledger[.preempted]) > least * onOne, "\(ledger[.preempted]) of \(onOne)")
                #expect(ledger.involuntarySwitches >= 2)
                #expect(ledger.runQueueLatency.count >= ledger.involuntarySwitches)
            }
        }

        @Test func `system calls are counted one by one`() throws {
            let none = try ObservedWorkload("syscalls", "0")
            let many = try ObservedWorkload("syscalls", "10007")
            expectBalanced(many.report)
            let difference = try Int(many.process().ledger.syscalls) - Int(none.process().ledger.syscalls)
            let skipped = [many, none].reduce(0) { $0 + Int($1.report.completeness.missedRuns) }
            #expect(abs(difference - 10_007) <= skipped, "\(difference)")
        }

        @Test func `faults are the kernel's own counts`() throws {
            let few = try ObservedWorkload("fault", "3")
            let many = try ObservedWorkload("fault", "1000")
            expectBalanced(many.report)
            // getrusage(2) has all but those of its end; how many there are at its start differs by some.
            let beyond = try [many, few].map {
                Int(try $0.process().ledger.minorFaults) - Int(try $0.truth("ru_minflt"))
            }
            #expect(abs(beyond[0] - beyond[1]) <= 5, "\(beyond)")
            #expect(try Double(many.process().ledger.minorFaults) >= many.truth("minor_faults"))
        }

        @Test(.needsOptional(.fentry))
        func `page faults are timed where fentry is to be had`() throws {
            let run = try ObservedWorkload("fault", "2003")
            expectBalanced(run.report)
            #expect(run.report.measuresFaults)
            let truth = try run.truth("fault_ns")
            let fault = try run.process().ledger[.fault]
            // The truth is taken around the access: it has the exception's entry and exit in it as well.
            #expect(
                Double(fault) > 0.3 * truth && Double(fault) < 1.5 * truth, "\(fault) against \(truth)")
            #expect(try run.process().ledger[.user] < run.process().ledger.wall)
        }

        @Test func `a report says whether faults are told apart`() throws {
            let run = try ObservedWorkload("sleep", "1")
            #expect(run.report.measuresFaults == Feature.fentry.isAvailable)
            #expect(run.report.measuresFaults == (run.report.faultsReason == nil))
            if !run.report.measuresFaults { #expect(run.report.total[.fault] == 0) }
        }

        @Test func `migrations are the kernel's own count`() throws {
            guard sysconf(Int32(_SC_NPROCESSORS_ONLN)) > 1 else { return }
            let run = try ObservedWorkload("migrate", "101")
            expectBalanced(run.report)
            let migrations = try run.process().ledger.migrations
            let truth = UInt64(try run.truth("migrations"))
            #expect((truth...truth + 20).contains(migrations), "\(migrations) against \(truth)")
        }

        @Test func `every child of a tree is followed, and every thread`() throws {
            let tree = try ObservedWorkload("tree", "4", "3")
            expectBalanced(tree.report)
            #expect(tree.report.processes.count == Int(try tree.truth("processes")))
            let threads = try ObservedWorkload("threads", "211", "1")
            expectBalanced(threads.report)
            #expect(threads.report.threads.count == Int(try threads.truth("threads")) + 1)
            #expect(threads.report.processes.count == 1)
            #expect(threads.report.threads.allSatisfy { !$0.isAlive })
        }

        @Test func `without following only the process itself is seen`() throws {
            let run = try ObservedWorkload("forks", "7") { $0.followsChildren = false }
            expectBalanced(run.report)
            #expect(run.report.processes.map(\.pid) == [run.pid])
            let threads = try ObservedWorkload("threads", "5") { $0.followsChildren = false }
            #expect(threads.report.threads.count == 6)
        }

        @Test func `an exec keeps the ledger and takes the new name`() throws {
            let run = try ObservedWorkload("exec-chain", "5")
            expectBalanced(run.report)
            #expect(run.report.threads.count == 1)
            #expect(try run.process().command == "workload")
        }

        @Test func `threads that find no room make the result a lower bound`() throws {
            let run = try ObservedWorkload("threads", "50") { $0.maxThreads = 11 }
            #expect(!run.report.completeness.isExact)
            #expect(run.report.completeness.lostEvents == 40)
            #expect(run.report.threads.count == 11)
            #expect(run.report.completeness.reasons.contains { $0.contains("40 threads") })
        }

        @Test func `room is given again when threads have ended`() throws {
            let run = try ObservedWorkload("forks", "200") { $0.maxThreads = 50 }
            // While the reader waits for its turn there can be more than have room, which is told: of one that is
            // also found when more room is made, twice.
            let (told, lost) = (run.report.threads.count, Int(run.report.completeness.lostEvents))
            #expect(told + lost >= 201 && (101...201).contains(told), "\(told), \(run.report.completeness)")
        }

        @Test func `time on a CPU agrees with the scheduler's own sum`() throws {
            // The scheduler leaves out what a busy host took from a virtual machine: the median run decides.
            let errors = try (0..<(KernelTests.isGuest ? 3 : 5)).map { _ in
                let ledger = try ObservedWorkload("spin", "100").process().ledger
                let adjusted = ledger.kernelTimes.adjusted
                #expect(adjusted.user + adjusted.system == ledger.kernelTimes.runtime)
                let runtime = Double(ledger.kernelTimes.runtime)
                return max(0, abs(Double(ledger.onCPU) - runtime) - 1_000_000) / runtime
            }.sorted()
            #expect(errors[errors.count / 2] <= 0.03, "\(errors)")
        }

        @Test func `observing says what it cost`() throws {
            let run = try ObservedWorkload("getppid", "20000") { $0.costTiming = .exact }
            let observer = run.report.observer
            #expect(observer.runCount >= 40_000)
            #expect(try #require(observer.runNanoseconds) > 40_000)
            #expect(try #require(observer.nanosecondsPerSyscall) > 0)
            #expect(observer.timedRuns >= 40_000)
            #expect(observer.mapBytes > 1_000_000)
            let untimed = try ObservedWorkload("sleep", "1") { $0.costTiming = .none }
            #expect(untimed.report.observer.runNanoseconds == nil)
            #expect(untimed.report.observer.untimedReason != nil)
        }
    }
}

extension ObservedWorkload {
    init(_ arguments: [String]) throws {
        switch arguments.count {
        case 1: try self.init(arguments[0])
        case 2: try self.init(arguments[0], arguments[1])
        default: try self.init(arguments[0], arguments[1], arguments[2])
        }
    }
}

/// The ledger of the section of a workload that measures itself: its books at both edges, read
/// while it is stopped there.
struct StoppedSection {
    let truth: [String: Any]
    let section: Ledger

    func truth(_ key: String) throws -> Double { try #require(truth[key] as? NSNumber).doubleValue }

    init(_ arguments: String...) throws {
        let output = FileManager.default.temporaryDirectory.appendingPathComponent(
            "apus-\(UUID().uuidString)"
        ).path
        defer { unlink(output) }
        let signals = try Signals([SIGUSR2])
        let process = try LaunchedProcess(
            ["/bin/sh", "-c", "WORKLOAD_STOP=1 exec \"$0\" \"$@\" > \(output)", ObservedWorkload.program]
                + arguments,
            unblocking: signals)
        var tracer = try TimeTracer.start(.init(target: .launched))
        try tracer.expect(process.pid)
        try process.start()
        var edges: [Ledger] = []
        while edges.count < 2 {
            var status: Int32 = 0
            try #require(waitpid(process.pid, &status, WUNTRACED) == process.pid)
            try #require(status & 0xff == 0x7f, "it ended instead of stopping")
            usleep(1000)
            edges.append(try tracer.report().total)
            kill(process.pid, SIGCONT)
        }
        #expect(process.reap() == .code(0))
        section = edges[1].since(edges[0])
        let text = try Data(contentsOf: URL(fileURLWithPath: output))
        truth = try #require(try JSONSerialization.jsonObject(with: text) as? [String: Any])
    }
}
