// SPDX-License-Identifier: Apache-2.0
import BPF
import Testing
import Tracers

extension KernelTests.CountersTests {
    /// The test module's PMU, of which it is known what its counters have to say.
    @Suite(.needsTestPMU) struct TestModuleTests {
        typealias Tests = KernelTests.CountersTests

        init() throws { try #require(PMU.isReady, "the PMU of the test module counts nothing") }

        @Test func `the PMU has two counters, and cannot leave out a mode`() {
            #expect(PMU.counters == 2 && !PMU.separatesModes)
        }

        @Test func `instructions are 2.00 a cycle, and cycles those of the time-stamp counter`() throws {
            // The counters are read one after the other, and a busy host comes between: the median decides.
            let runs = try (0..<3).map { _ in
                try CountedWorkload(["split", "500", "1000", "1000"], counting: "cycles,instructions", Tests.tsc)
            }
            runs[0].expectSound()
            func counted(_ event: String, _ run: CountedWorkload) throws -> Double {
                Double(try run.count(event).sum.counted)
            }
            let rates = try runs.map { try counted("instructions", $0) / counted("cycles", $0) }
            #expect(rates.map { abs($0 - 2) }.sorted()[1] < 0.005, "\(rates)")
            let clocks = try runs.map { try counted("cycles", $0) / counted(Tests.tsc, $0) }
            #expect(clocks.map { abs($0 - 1) }.sorted()[1] < 0.01, "\(clocks)")
        }

        @Test func `four events take turns on two counters, and are scaled`() throws {
            // They change places by a timer, which comes late on an emulated CPU: the median run decides.
            let runs = try (0..<3).map { _ in
                try CountedWorkload(
                    ["spin", "1000"], counting: "cycles,instructions,branches,branch-misses", Tests.tsc)
            }
            let shares = try runs.map { abs(try $0.count("cycles").percentRunning - 50) }.sorted()
            #expect(shares[1] < 2, "\(shares)")
            let run = runs[0]
            // Two at a time, always: where one had more of it, another had less.
            let all = try ["cycles", "instructions", "branches", "branch-misses"].map {
                try run.count($0).percentRunning
            }
            #expect(abs(all.reduce(0, +) - 200) < 4 && all.allSatisfy { (30...70).contains($0) }, "\(all)")
            run.expectSound()
            let cycles = Double(try run.count(Tests.tsc).sum.counted)
            for (event, truth) in [
                ("cycles", cycles), ("instructions", 2 * cycles), ("branches", cycles / 5),
                ("branch-misses", cycles / 100),
            ] {
                let count = try run.count(event)
                #expect(count.sum.isScaled)
                let total = try #require(count.total)
                #expect(abs(total / truth - 1) < 0.05, "\(event): \(total) against \(truth)")
            }
        }

        @Test func `of a hundred branches five are missed`() throws {
            // A cycle has a fifth of a branch and a hundredth of a miss; each event has a counter of its own. They are
            // read one after the other, as above.
            let rates = try (0..<3).map { _ in
                try Tests.CountersDocument(counting: ["branches", "branch-misses"]).metric("% of branches missed")
            }
            #expect(rates.map { abs($0 - 5) }.sorted()[1] < 0.05, "\(rates)")
        }

        @Test func `a group of a leader that there is not is not counted`() throws {
            let run = try CountedWorkload(
                ["spin", "300"], counting: "{cycles,instructions},{branches,branch-misses}", "{bus-cycles,cache-misses}"
            )
            let counts = run.report.total.events
            #expect(counts[0].sum.isScaled && counts[2].sum.isScaled)
            // Together: as often as each other.
            let rate = Double(counts[1].sum.counted) / Double(counts[0].sum.counted)
            #expect(abs(rate - 2) < 0.02, "\(rate)")
            #expect(run.report.unsupported[4] != nil)
        }
    }
}
