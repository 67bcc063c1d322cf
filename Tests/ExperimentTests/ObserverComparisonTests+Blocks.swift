// SPDX-License-Identifier: Apache-2.0
import Statistics
import Testing

@testable import Experiment

/// What runs side by side.
extension ObserverComparisonTests {
    @Test func `what a whole block suffers is no observer's doing`() throws {
        let design = Design.test(workloads: ["getppid"], observers: ["none", "ebpf-count", "ebpf-time"], runs: 12)
        // Half of the blocks on a machine that is half as fast.
        let data = Self.data(design, seed: 5, slowdown: { $1 == "none" ? 1 : $1 == "ebpf-count" ? 1.1 : 1.5 }) { run in
            if run.phase == .measured && run.repetition % 2 == 0 { run.sectionNs = 2 * (run.sectionNs ?? 0) }
        }
        let comparison = ObserverComparison(data)
        let cell = try #require(comparison.cell(Self.getppid, "ebpf-count"))
        #expect(cell.verdict == .slower && abs((cell.slowdown?.value ?? 0) / 1.1 - 1) < 0.06)
        #expect(try Expectation("ebpf-time/ebpf-count > 1.2").judge(comparison).verdict == .supported)
    }

    @Test func `of several runs of the program by itself the nearest one counts`() throws {
        let design = Design.test(workloads: ["getppid"], observers: ["none", "ebpf-count", "ptrace"], runs: 8)
        var data = Self.data(design, seed: 5, slowdown: { $1 == "none" ? 1 : 2 })
        let bare = data.runs.filter { $0.observer == "none" && $0.phase == .measured }
        data.runs.removeAll { $0.phase == .measured }
        // The machine slows down between two pairs of each block.
        for run in bare {
            for (observer, section) in [("ebpf-count", 20), ("none", 10), ("none", 100), ("ptrace", 300)] {
                var run = run
                (run.observer, run.sectionNs) = (observer, UInt64(1_000_000 * section + run.repetition))
                data.runs.append(run)
            }
        }
        let comparison = ObserverComparison(data)
        for (observer, factor) in [("ebpf-count", 2.0), ("ptrace", 3)] {
            let slowdown = try #require(comparison.cell(Self.getppid, observer)?.slowdown)
            #expect(abs(slowdown.value / factor - 1) < 1e-5)
        }
    }

    @Test(arguments: [(10, 10), (10, 7), (10, 6), (10, 0), (7, 5)])
    func `times are of blocks that were left alone, and of all where those are too few`(runs: Int, calm: Int) throws {
        let design = Design.test(workloads: ["getppid"], observers: ["none", "ebpf-time"], runs: runs)
        let data = Self.data(design, seed: 2, slowdown: { $1 == "none" ? 1 : 2 }) { run in
            // One run of the block, and it takes no longer: else the median would hardly tell.
            if run.observer == "none", run.repetition >= calm { run.programsCpuNs = (run.wallNs ?? 0) / 2 }
        }
        let comparison = ObserverComparison(data, resamples: 100)
        for observer in ["none", "ebpf-time"] {
            let cell = try #require(comparison.cell(Self.getppid, observer))
            let counted = data.runs.filter {
                $0.observer == observer && $0.phase == .measured && (calm < 7 || $0.repetition < calm)
            }
            let sections = counted.compactMap(\.sectionNs).map { Double($0) }
            #expect(cell.best?.fastest == Array(sections.sorted().prefix(design.best)))
            #expect(cell.section?.median == Sample(sections)?.median)
            #expect(cell.runs == runs && cell.disturbed == (observer == "none" ? runs - calm : 0))
        }
        #expect(comparison.cell(Self.getppid, "ebpf-time")?.verdict == .slower)
    }

    @Test func `places are by what ran side by side, whatever the medians of all runs are`() throws {
        let design = Design.test(workloads: ["getppid"], observers: ["none", "ebpf-count", "ebpf-time"], runs: 12)
        var data = Self.data(design, seed: 5) { $1 == "none" ? 1 : $1 == "ebpf-count" ? 1.2 : 1.5 }
        // Most of the runs of who is faster, and those beside them, fell into times when all was slow.
        let count = data.runs.filter { $0.observer == "ebpf-count" && $0.phase == .measured }
        data.runs.removeAll { $0.observer == "ebpf-count" && $0.phase == .measured }
        let bare = data.runs.filter { $0.observer == "none" && $0.phase == .measured }
        for (var one, var beside) in zip(count, bare) {
            // In blocks of their own, but for a few, in which both are alike.
            if one.repetition < 8 {
                (one.sectionNs, beside.sectionNs) = (4 * (one.sectionNs ?? 0), 4 * (beside.sectionNs ?? 0))
                (one.repetition, beside.repetition) = (one.repetition + 100, beside.repetition + 100)
                data.runs.append(beside)
            }
            data.runs.append(one)
        }
        let comparison = ObserverComparison(data)
        let (faster, slower) = (
            try #require(comparison.cell(Self.getppid, "ebpf-count")),
            try #require(comparison.cell(Self.getppid, "ebpf-time"))
        )
        #expect(try #require(faster.section).median > #require(slower.section).median)
        #expect(comparison.ranking(Self.getppid).map(\.cell.observer.name) == ["ebpf-count", "ebpf-time"])
    }

    @Test func `a block that was made again counts, unless fewer of it went well`() throws {
        let design = Design.test(workloads: ["getppid"], observers: ["none", "ebpf-time"], runs: 2)
        let first = Self.data(design, seed: 2) { _, _ in 1 }
        let block = first.runs.filter { $0.phase == .measured && $0.repetition == 1 }
        func phases(_ again: [ExperimentRun]) -> [ExperimentRun.Phase] {
            var data = first
            data.runs += again
            data.settleBlock(madeAgainFrom: first.runs.count)
            let others = data.runs.filter { $0.repetition == 0 && $0.phase != .start }
            #expect(others.allSatisfy { $0.phase == .measured })
            return data.runs.filter { $0.repetition == 1 }.map(\.phase)
        }
        #expect(phases(block) == [.setAside, .setAside, .measured, .measured])
        #expect(phases([block[0]]) == [.measured, .measured, .setAside])
        #expect(phases([]) == [.measured, .measured])
        var failed = block
        failed[1].failure = "exit status 3"
        #expect(phases(failed) == [.measured, .measured, .setAside, .setAside])
    }

    @Test func `a file of blocks with one run by itself is complete`() throws {
        var design = Design.test(
            workloads: ["getppid"], observers: ["none", "ebpf-count", "ebpf-time", "ptrace"], runs: 8)
        #expect(design.plannedRuns == 5 * 8)
        design.bareRuns = nil
        #expect(design.plannedRuns == 4 * 8)
        #expect(ObserverComparison(Self.data(design, seed: 1) { _, _ in 1 }).reasons == [])
    }
}
