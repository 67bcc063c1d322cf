// SPDX-License-Identifier: Apache-2.0
import BPF
import Foundation
import Glibc
import Linux
import Testing
import Tracers

extension KernelTests {
    @Suite(.needs(.tracing, .btf, .ringBuffer, .taskIterator)) struct CountersTests {
        static let tsc = "msr/tsc/"
        static let hasTSC = EventSource(named: "msr")?.events.contains("tsc") == true

        @Test func `the counts of parent and children add up`() throws {
            let run = try CountedWorkload(["forks", "7"], counting: "minor-faults,page-faults,task-clock") {
                // Of the others the sum is kept.
                $0.keptThreads = 2
            }
            run.expectSound()
            #expect(run.report.threads.count < 8 && run.report.threads.count + run.report.earlierThreads == 8)
            let whole = try CountedWorkload(["forks", "7"], counting: "minor-faults,task-clock")
            whole.expectSound()
            let children = whole.report.processes.filter { $0.parentPID == whole.pid }
            #expect(children.count == 7)
            #expect(
                try children.reduce(0) { $0 + $1.counts.events[0].sum.counted } == whole.truth("children_ru_minflt"))
            // Everything that is counted of the short run is in the sums of the long one.
            #expect(try run.count("minor-faults").sum.counted > whole.truth("children_ru_minflt"))
        }

        @Test func `a wait is a switch, and one event can be counted alone`() throws {
            let run = try CountedWorkload(["sleep", "1", "23"], counting: "context-switches")
            run.expectSound()
            let count = try run.count("context-switches")
            // Those of the program until it writes its account; its shell's were before its exec.
            // A sleep until a moment that a busy host let go by is none.
            #expect(count.sum.counted >= 20 && count.sum.counted <= 23 + 40)
            #expect(count.user.counted == 0 && count.isCounted)
        }

        @Test func `time is told apart by mode, and adds up to the kernel's own`() throws {
            let run = try CountedWorkload(["split", "200", "500", "500"], counting: "task-clock,cpu-clock")
            run.expectSound()
            let clock = try run.count("task-clock")
            #expect(clock == (try run.count("cpu-clock")))
            #expect(clock.sum.counted == run.report.total.time)
            #expect(clock.kernel.counted > clock.sum.counted / 5 && clock.user.counted > clock.sum.counted / 5)
        }

        @Test(.enabled(if: hasTSC, "there is no msr/tsc/ here"))
        func `a thread that migrates loses nothing`() throws {
            let run = try CountedWorkload(["migrate", "101"], counting: Self.tsc, "task-clock", "migrations")
            let still = try CountedWorkload(["spin", "50"], counting: Self.tsc, "task-clock", "migrations")
            run.expectSound()
            #expect(try run.count("migrations").sum.counted >= run.truth("migrations"))
            func frequency(_ run: CountedWorkload) throws -> Double {
                Double(try run.count(Self.tsc).sum.counted) / Double(try run.count("task-clock").sum.counted)
            }
            // Between a reading of the one clock and of the other a host can take the CPU: the median decides.
            var errors = [try frequency(run) / frequency(still) - 1]
            for _ in 0..<2 {
                let moving = try CountedWorkload(["migrate", "101"], counting: Self.tsc, "task-clock", "migrations")
                errors.append(try frequency(moving) / frequency(still) - 1)
            }
            #expect(errors.map(abs).sorted()[1] < 0.03, "\(errors)")
            #expect(try !run.count(Self.tsc).sum.isScaled)
        }

        @Test func `a thread that only computes is charged up to the report`() throws {
            try AttachTests.whileRunning(["spin", "60000"]) { pid in
                func runtime() -> UInt64 {
                    Procfs.text("/proc/\(pid)/schedstat")?.split(separator: " ").first.flatMap { UInt64($0) } ?? 0
                }
                var tracer = try CountersTracer.start(
                    .init(target: .processes([pid]), events: CounterEvent.parse(["task-clock"])))
                let first = try tracer.report()
                let before = runtime()
                usleep(KernelTests.isGuest ? 1_000_000 : 300_000)
                let second = try tracer.report().since(first)
                let truth = runtime() &- before
                // The scheduler's figure is as old as its last tick or switch; an emulated CPU takes turns with the
                // other, of up to 100 ms.
                expectClose(
                    second.total.time, Double(truth), within: 0.1, or: KernelTests.isGuest ? 150_000_000 : 10_000_000)
                #expect(second.threads.map(\.counts) == [second.total])
                #expect(second.total.userTime > second.total.kernelTime)
            }
        }

        @Test func `what never ran is not counted, and not zero`() throws {
            let program = Process()
            program.executableURL = URL(fileURLWithPath: "/bin/sh")
            program.arguments = ["-c", "kill -STOP $$"]
            try program.run()
            let pid = program.processIdentifier
            defer { kill(pid, SIGKILL) }
            try waitUntil { Procfs.field("State", of: pid)?.hasPrefix("T") == true }
            var tracer = try CountersTracer.start(
                .init(
                    target: .processes([pid]),
                    events: CounterEvent.parse(["task-clock,page-faults,context-switches,node-prefetch-misses"])))
            let report = try tracer.report()
            #expect(report.threads.count == 1)
            for count in report.total.events { #expect(!count.isCounted && count.total == nil) }
        }
    }
}
