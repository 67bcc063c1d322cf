// SPDX-License-Identifier: Apache-2.0
import BPF
import Foundation
import Glibc
import Linux
import Testing
import Tracers

extension KernelTests.CountersTests {
    /// Counters of the hardware, whatever it is.
    @Suite(.needsPMU) struct HardwareTests {
        init() throws { try #require(PMU.isReady, "the PMU of the test module counts nothing") }

        // MARK: - Beside perf

        // One at a time: a PMU of two counters has room for one of perf's beside ours.
        @Test(.needsPerf, arguments: ["cycles", "instructions"])
        func `perf stat of the same run counts the same`(event: String) throws {
            let run = try BesidePerf(["spin", "300"], [event])
            expectSoundness(run.report.completeness)
            // What perf does at a switch is in ours; and ours go on until the last one.
            try expectBesidePerf(run, event)
        }

        @Test(.needsPerf, arguments: ["cycles", "instructions"])
        func `the counts of parent and child add up to those of perf`(event: String) throws {
            let run = try BesidePerf(["child-wait", "300"], [event])
            expectSoundness(run.report.completeness)
            let counts = run.report.processes.map(\.counts.events[0].sum.counted)
            #expect(counts.count == 2 && counts.reduce(0, +) == run.ours[0])
            // The child computes, while the parent waits for it.
            #expect(counts.allSatisfy { $0 > 0 } && counts.max() ?? 0 > run.ours[0] / 2, "\(counts)")
            try expectBesidePerf(run, event)
        }

        @Test(.needsPerf, arguments: ["cycles", "instructions"])
        func `a thread that migrates loses nothing`(event: String) throws {
            let cpus = CPUSet(ofThread: 0)?.all ?? []
            try #require(cpus.count > 1, "there is one CPU")
            let run = try BesidePerf(["spin", "300"], [event, "cpu-migrations"]) { pid in
                for move in 0..<24 {
                    CPUSet(only: cpus[move % 2]).apply(toThread: pid)
                    usleep(10_000)
                }
            }
            expectSoundness(run.report.completeness)
            // A move that a thread is told of while it waits for its turn can be undone by the next.
            #expect(run.ours[1] >= 8 && run.ours[1] <= 26, "\(run.ours[1]) migrations")
            #expect(abs(Int(run.ours[1]) - Int(run.theirs[1])) <= 1, "\(run.ours), \(run.theirs)")
            try expectBesidePerf(run, event)
        }

        private func expectBesidePerf(
            _ run: BesidePerf, _ event: String, sourceLocation: SourceLocation = #_sourceLocation
        ) throws {
            let theirs = Double(try #require(run.theirs.first))
            #expect(theirs > 0 && !run.report.total.events[0].sum.isScaled, sourceLocation: sourceLocation)
            expectClose(
                run.ours[0], theirs, within: PMU.tolerance(event), "\(event)", sourceLocation: sourceLocation)
        }

        // MARK: - Modes

        @Test func `what is counted is told apart where the mode changes`() throws {
            // The counters are read one after the other, and a busy host comes between: the median decides. So of
            // the workload's shares of its own time, in its section.
            let runs = try (0..<3).map { _ in
                try CountedWorkload(["split", "500", "1000", "1000"], counting: "cycles,instructions")
            }
            var errors: [Double] = []
            for run in runs {
                run.expectSound()
                let (user, system) = (Double(try run.truth("user_ns")), Double(try run.truth("system_ns")))
                let cycles = try run.count("cycles")
                let share = Double(cycles.kernel.counted) / Double(cycles.sum.counted)
                errors.append(abs(share - system / (user + system)))
                #expect(!cycles.sum.isScaled && cycles.total == Double(cycles.user.counted + cycles.kernel.counted))
            }
            // Of a busy host's two emulated CPUs a seventh has been seen; charged to the wrong mode it would be half.
            #expect(errors.sorted()[1] < 0.2, "\(errors)")
        }

        @Test(.enabled(if: PMU.separatesModes, "needs a PMU that can leave out a mode: this one cannot"))
        func `a mode that is asked for alone is a column of both`() throws {
            let run = try CountedWorkload(
                ["split", "500", "1000", "1000"], counting: "instructions,instructions:u,instructions:k")
            run.expectSound()
            let (both, user, kernel) = (
                try run.count("instructions"), try run.count("instructions:u"), try run.count("instructions:k")
            )
            let total = try #require(both.total)
            #expect(try abs(#require(user.total) + #require(kernel.total) - total) < 0.02 * total)
            // The way into the kernel before the tracepoint, and out of it after, is the user's.
            expectClose(both.user.counted, try #require(user.total), within: 0.1)
        }

        // MARK: - What there is not

        @Test func `what the PMU does not have is told, and what it has is counted`() throws {
            let events = [
                "cycles", "instructions", "cache-references", "cache-misses", "branches", "branch-misses", "bus-cycles",
                "stalled-cycles-frontend", "stalled-cycles-backend", "ref-cycles", "L1-dcache-loads",
                "L1-dcache-prefetches", "L1-icache-loads", "LLC-loads", "LLC-store-misses", "dTLB-loads",
                "iTLB-load-misses", "node-loads", "node-prefetch-misses", "cycles:u",
            ]
            let run = try CountedWorkload(["spin", "300"], counting: events.joined(separator: ","))
            run.expectSound()
            for (index, event) in events.enumerated() {
                let (isThere, reason) = (PMU.counts(event), run.report.unsupported[index])
                #expect((reason == nil) == isThere, "\(event): \(reason ?? "counted")")
                #expect(isThere || run.report.total.events[index].total == nil, "\(event)")
            }
            #expect(run.report.total.events[0].isCounted && run.report.total.events[1].isCounted)
        }

        // MARK: - More than there are counters

        @Test func `more events than counters take turns, and are scaled`() throws {
            let counters = PMU.counters
            let run = try CountedWorkload(
                ["spin", "1000"],
                counting: Array(repeating: PMU.common, count: 2 * counters).joined(separator: ","))
            run.expectSound()
            let counts = run.report.total.events
            let shares = counts.map(\.percentRunning)
            // Half of them at a time; one counter can be somebody else's, as the kernel's watchdog has one.
            let all = shares.reduce(0, +) / 100
            #expect(all > Double(counters) - 1.1 && all < Double(counters) + 0.04, "\(shares)")
            #expect(shares.allSatisfy { (20...80).contains($0) }, "\(shares)")
            // It does the same all the time, so that what each is scaled to is the same.
            let totals = counts.compactMap(\.total).sorted()
            #expect(totals.count == 2 * counters && counts.allSatisfy(\.sum.isScaled))
            #expect(try #require(totals.last) < 1.1 * #require(totals.first), "\(totals)")
        }

        @Test func `a group is counted together, and one too large not at all`() throws {
            let (counters, event) = (PMU.counters, PMU.common)
            try #require(counters > 1, "it has one counter")
            let large = Array(repeating: event, count: counters + 1).joined(separator: ",")
            let run = try CountedWorkload(
                ["spin", "300"],
                counting: Array(repeating: "{\(event),\(event)}", count: counters).joined(separator: ","),
                "{\(large)}")
            run.expectSound()
            let counts = run.report.total.events.map(\.sum)
            for pair in 0..<counters {
                let (one, other) = (counts[2 * pair], counts[2 * pair + 1])
                #expect(one.isScaled && one.running > 0)
                // They are read one after the other, each mode change.
                expectClose(one.running, Double(other.running), within: 0.02)
                expectClose(one.counted, Double(other.counted), within: 0.02)
            }
            for event in 2 * counters...3 * counters {
                #expect(run.report.unsupported[event]?.contains("group") == true, "\(run.report.unsupported)")
            }
        }

        // MARK: - Metrics

        @Test func `metrics are what the counts make`() throws {
            let document = try CountersDocument(counting: ["cycles", "instructions", "task-clock"])
            let totals = document.totals
            #expect(try abs(document.metric("insn per cycle") - totals[1] / totals[0]) < 1e-5)
            #expect(try abs(document.metric("GHz") - totals[0] / totals[2]) < 1e-5)
            // Beside the event, as perf has it.
            #expect(document.objects[1]["metric-unit"] as? String == "insn per cycle")
            let beside = try #require(document.objects[1]["metric-value"] as? Double)
            #expect(abs(beside - totals[1] / totals[0]) < 1e-5)
        }
    }

    /// What `apus counters --json` says of a program that computes for 200 ms.
    struct CountersDocument {
        let objects: [[String: Any]]
        /// Of the events, in their order.
        let totals: [Double]

        init(counting events: [String]) throws {
            let apus = Process()
            let output = Pipe()
            let folder = URL(fileURLWithPath: ObservedWorkload.program).deletingLastPathComponent()
            apus.executableURL = folder.appendingPathComponent("apus")
            apus.arguments =
                ["counters", "--json", "-e", events.joined(separator: ","), ObservedWorkload.program, "spin", "200"]
            apus.standardOutput = FileHandle.nullDevice
            apus.standardError = output
            try apus.run()
            let text = String(decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
            apus.waitUntilExit()
            objects = try text.split(separator: "\n").map {
                try #require(try JSONSerialization.jsonObject(with: Data($0.utf8)) as? [String: Any])
            }
            try #require(objects.count == events.count + 1, "\(text)")
            let total = try #require(objects.last?["total"] as? [String: Any])
            totals = try #require(total["events"] as? [[String: Any]]).compactMap { $0["total"] as? Double }
            try #require(totals.count == events.count, "\(text)")
        }

        func metric(_ name: String) throws -> Double {
            let metrics = try #require(objects.last?["metrics"] as? [[String: Any]])
            return try #require(metrics.first { $0["name"] as? String == name }?["total"] as? Double, "\(metrics)")
        }
    }
}
