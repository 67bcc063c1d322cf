// SPDX-License-Identifier: Apache-2.0
import Foundation
import Statistics
import Testing

@testable import Experiment

/// Experiments that were never run, with known effects.
struct ObserverComparisonTests {
    /// Sections with a floor and a tail, as machines have them.
    static func data(
        _ design: Design, seed: UInt64, slowdown: (Design.Setting, String) -> Double,
        change: (inout ExperimentRun) -> Void = { _ in }
    ) -> ExperimentData {
        var random = SplitMix64(seed: seed)
        var data = ExperimentData(machine: .here(version: "test"), design: design)
        for setting in design.settings {
            for observer in design.observers {
                var start = ExperimentRun(
                    phase: .start, workload: setting.workload, observer: observer.name, threads: setting.threads,
                    repetition: 0, count: 0, paddingBytes: 0)
                (start.wallNs, start.sectionNs, start.calls, start.seenCalls) = (2_000_000, 1_000, 0, 50)
                data.runs.append(start)
                for repetition in 0..<design.runs {
                    var run = start
                    (run.phase, run.repetition, run.count) = (.measured, repetition, 1000)
                    let uniform = 1 - Double(random.next() >> 11) * 0x1p-53
                    let section = slowdown(setting, observer.name) * (50e6 - 2e6 * log(uniform))
                    run.sectionNs = UInt64(section)
                    run.wallNs = UInt64(section) + 2_000_000
                    (run.calls, run.seenCalls, run.events) = (1000, 1050, 1000)
                    (run.workloadCpuNs, run.voluntarySwitches) = (UInt64(section), 0)
                    change(&run)
                    data.runs.append(run)
                }
            }
        }
        return data
    }

    static let getppid = Design.Setting(workload: "getppid", threads: 1)

    @Test func `95 % intervals cover the truth in 93 to 97 % of 2,000 experiments`() throws {
        let design = Design.test(workloads: ["getppid"], observers: ["none", "ebpf-time"], runs: 20)
        var covered = 0
        for seed in 0..<2_000 {
            var varied = design
            varied.seed = UInt64(seed)
            let comparison = ObserverComparison(
                Self.data(varied, seed: UInt64(seed)) { $1 == "none" ? 1 : 2.5 }, resamples: 250)
            let slowdown = try #require(comparison.cell(Self.getppid, "ebpf-time")?.slowdown)
            if try #require(slowdown.interval).contains(2.5) { covered += 1 }
        }
        #expect((0.93...0.97).contains(Double(covered) / 2_000), "\(covered)")
    }

    @Test func `where nothing differs, hardly any experiment shows a difference anywhere`() {
        var design = Design.test(
            workloads: ["getppid", "readwrite", "compute"], observers: ["none", "ebpf-count", "ebpf-time", "ptrace"],
            runs: 12)
        design.leastEffect = nil
        var wrong = 0
        for seed in 0..<80 {
            let comparison = ObserverComparison(Self.data(design, seed: UInt64(seed)) { _, _ in 1 }, resamples: 100)
            if comparison.cells.contains(where: { $0.verdict == .slower || $0.verdict == .faster }) { wrong += 1 }
        }
        // One of twenty, and what chance does to 80.
        #expect(wrong <= 9, "\(wrong) of 80")
    }

    @Test func `what others used disturbs a run in proportion to its time, as finely as it is known`() {
        func disturbance(
            wall: UInt64, programs: UInt64 = 0, others: UInt64 = 0, stolen: UInt64 = 0, tracers: UInt64 = 0
        ) -> ExperimentRun.Disturbance? {
            var run = ExperimentRun(
                phase: .measured, workload: "compute", observer: "none", threads: 1, repetition: 0, count: 1,
                paddingBytes: 0)
            (run.wallNs, run.programsCpuNs, run.othersCpuNs, run.stolenNs) = (wall, programs, others, stolen)
            run.othersPrograms = tracers
            return run.disturbance
        }
        #expect(disturbance(wall: 100_000_000) == nil)
        #expect(disturbance(wall: 100_000_000, programs: 2_000_001) == .programs)
        #expect(disturbance(wall: 100_000_000, programs: 2_000_000) == nil)
        #expect(disturbance(wall: 10_000_000, programs: 900_000) == nil)
        #expect(disturbance(wall: 100_000_000, others: 20_000_000) == nil)
        #expect(disturbance(wall: 100_000_000, others: 30_000_000) == .passersBy)
        #expect(disturbance(wall: 1_000_000_000, others: 30_000_000) == nil)
        #expect(disturbance(wall: 100_000_000, stolen: 20_000_000) == .hypervisor)
        #expect(disturbance(wall: 100_000_000, tracers: 1) == .tracer)
    }

    @Test func `a difference that chance does not explain has to be large enough for a verdict`() throws {
        var design = Design.test(workloads: ["getppid"], observers: ["none", "ebpf-time"], runs: 12)
        func verdict(_ factor: Double) throws -> Cell.Verdict {
            // Without noise: each run of one lies beyond all of the other's.
            let data = Self.data(design, seed: 4, slowdown: { $1 == "none" ? 1 : factor }) { run in
                run.sectionNs = UInt64(run.observer == "none" ? 50e6 : 50e6 * factor) + UInt64(run.repetition)
            }
            return try #require(ObserverComparison(data, resamples: 100).cell(Self.getppid, "ebpf-time")).verdict
        }
        #expect(try verdict(1.019) == .noDifference && verdict(1.021) == .slower)
        #expect(try verdict(1 / 1.019) == .noDifference && verdict(1 / 1.021) == .faster)
        design.leastEffect = nil
        #expect(try verdict(1.001) == .slower)
    }

    @Test func `a run that was made again does not count`() throws {
        let design = Design.test(workloads: ["getppid"], observers: ["none", "ebpf-time"], runs: 8)
        var data = Self.data(design, seed: 2, slowdown: { $1 == "none" ? 1 : 2 })
        let before = try #require(ObserverComparison(data).cell(Self.getppid, "ebpf-time"))
        var disturbed = try #require(data.runs.first { $0.observer == "ebpf-time" && $0.phase == .measured })
        disturbed.phase = .setAside
        disturbed.sectionNs = 1
        data.runs.insert(disturbed, at: 0)
        // What it failed to see was there.
        disturbed.seenCalls = 1040
        let lossy = {
            var data = data; data.runs.append(disturbed); return ObserverComparison(data)
        }()
        #expect(lossy.cell(Self.getppid, "ebpf-time")?.information.status == .lossy && !lossy.reasons.isEmpty)
        let comparison = ObserverComparison(data)
        let after = try #require(comparison.cell(Self.getppid, "ebpf-time"))
        #expect(after.section?.median == before.section?.median && after.best?.fastest == before.best?.fastest)
        #expect(after.runs == 8 && comparison.reasons.isEmpty && data.measuredRuns == design.plannedRuns)
    }

    @Test func `too few runs for so many comparisons are said to be`() {
        func verdicts(runs: Int, slow: Set<String>) -> [Cell.Verdict] {
            let design = Design.test(
                workloads: ["getppid", "readwrite", "compute"],
                observers: ["none", "ebpf-count", "ebpf-time", "ptrace"], runs: runs)
            let data = Self.data(design, seed: 1) { $0.workload == "getppid" && slow.contains($1) ? 9 : 1 }
            return ObserverComparison(data).cells.filter { $0.observer.name != "none" }.map(\.verdict)
        }
        // The range of 5 ratios is no 95 % interval.
        #expect(Set(verdicts(runs: 5, slow: ["ptrace"])) == [.tooFew])
        // Six that say the same do so by chance in 2 of 64 cases: more than a ninth of 5 %.
        #expect(Set(verdicts(runs: 6, slow: ["ptrace"])) == [.tooFew])
        #expect(verdicts(runs: 9, slow: ["ptrace"]).count { $0 == .slower } == 1)
    }

    @Test func `an effect is measured, its cost by event too, and the ranking is by it`() throws {
        let design = Design.test(
            workloads: ["getppid", "compute"], observers: ["none", "ebpf-count", "ebpf-time", "ptrace"], runs: 12)
        let factors = ["none": 1, "ebpf-count": 1.5, "ebpf-time": 3, "ptrace": 100]
        let comparison = ObserverComparison(
            Self.data(design, seed: 3) { setting, observer in setting.workload == "compute" ? 1 : factors[observer] ?? 1
            })
        for (observer, factor) in factors where observer != "none" {
            let cell = try #require(comparison.cell(Self.getppid, observer))
            #expect(cell.verdict == .slower)
            #expect(abs((cell.slowdown?.value ?? 0) / factor - 1) < 0.05)
            #expect(abs((cell.slowdownByBest ?? 0) / factor - 1) < 0.05)
            #expect(
                cell.information
                    == .init(status: .complete, gap: nil, expected: 1000, seen: 1000, lost: nil, missing: nil))
            // 51.4 ms at the median for 1,000 calls.
            let added = try #require(cell.costs.addedPerUnit)
            #expect(abs(added / ((factor - 1) * 51_386) - 1) < 0.05)
            #expect(try #require(cell.addedPerUnitInterval).contains(added))
            #expect(comparison.cell(.init(workload: "compute", threads: 1), observer)?.verdict == .noDifference)
        }
        let ranking = comparison.ranking(Self.getppid)
        #expect(ranking.map(\.cell.observer.name) == ["ebpf-count", "ebpf-time", "ptrace"])
        #expect(ranking.map(\.place) == [1, 2, 3])
        let effects = try #require(comparison.effects)
        #expect(try #require(effects.effect(of: "workload", "observer")).share > 0.1)
        #expect(effects.errorSumOfSquares / effects.totalSumOfSquares < 0.01)
    }

    @Test func `the kernel's time for an observer is the observer's own and what the workload's grew by`() throws {
        let design = Design.test(workloads: ["getppid"], observers: ["none", "ptrace"], runs: 10)
        let data = Self.data(design, seed: 5, slowdown: { _, _ in 1 }) { run in
            let isWatched = run.observer != "none"
            (run.workloadCpuNs, run.lifeCpuNs, run.lifeSystemNs) = (isWatched ? 70 : 40, 100, 80)
            (run.cpuNs, run.systemNs) = isWatched ? (190, 130) : (100, 80)
        }
        let costs = try #require(ObserverComparison(data).cell(Self.getppid, "ptrace")).costs
        #expect(costs.observerCPU?.value == 90)
        #expect(costs.kernelCPU?.value == 80)
        #expect(try #require(ObserverComparison(data).cell(Self.getppid, "none")).costs.kernelCPU == nil)
    }

    @Test func `equals share a place`() {
        let design = Design.test(
            workloads: ["getppid"], observers: ["none", "ebpf-count", "ebpf-time", "ptrace"], runs: 10)
        let comparison = ObserverComparison(Self.data(design, seed: 4) { $1 == "none" ? 1 : $1 == "ptrace" ? 50 : 2 })
        #expect(comparison.ranking(Self.getppid).map(\.place) == [1, 1, 3])
    }

    @Test func `who missed something is not ranked`() throws {
        let design = Design.test(workloads: ["getppid"], observers: ["none", "ebpf-count", "ebpf-time"], runs: 6)
        let data = Self.data(design, seed: 5, slowdown: { $1 == "none" ? 1 : 2 }) { run in
            if run.observer == "ebpf-time" && run.repetition == 3 { run.seenCalls = 1049 }
        }
        let comparison = ObserverComparison(data)
        #expect(comparison.cell(Self.getppid, "ebpf-time")?.information.status == .lossy)
        #expect(comparison.ranking(Self.getppid).map(\.cell.observer.name) == ["ebpf-count"])
        // And so is who does not say what it saw, but that it lost something.
        let said = Self.data(design, seed: 5, slowdown: { _, _ in 1 }) { run in
            run.lostEvents = 7
            if run.observer == "ebpf-count" { run.seenCalls = nil }
        }
        let information = try #require(ObserverComparison(said).cell(Self.getppid, "ebpf-count")?.information)
        #expect(information.status == .lossy && information.lost == 7)
        #expect(ObserverComparison(said).cell(Self.getppid, "ebpf-time")?.information.status == .complete)
    }

    @Test func `a start that makes calls more than others is no reason to miss them`() throws {
        let design = Design.test(workloads: ["getppid"], observers: ["none", "ptrace"], runs: 10)
        var data = Self.data(design, seed: 6, slowdown: { _, _ in 1 })
        for index in data.runs.indices.reversed() where data.runs[index].phase == .start {
            data.runs.insert(contentsOf: [data.runs[index], data.runs[index]], at: index)
            data.runs[index].seenCalls = 53
        }
        #expect(try #require(ObserverComparison(data).cell(Self.getppid, "ptrace")).information.status == .complete)
    }

    @Test func `failed runs are reported and not reckoned with`() throws {
        let design = Design.test(workloads: ["getppid"], observers: ["none", "ebpf-time", "ptrace"], runs: 8)
        let data = Self.data(design, seed: 6, slowdown: { $1 == "none" ? 1 : 2 }) { run in
            if run.observer == "ptrace" || run.observer == "ebpf-time" && run.repetition == 0 {
                (run.failure, run.sectionNs) = ("exit status 3", nil)
            }
        }
        let comparison = ObserverComparison(data)
        let cell = try #require(comparison.cell(Self.getppid, "ebpf-time"))
        #expect(cell.runs == 7 && cell.failures == ["exit status 3"] && cell.verdict == .slower)
        let failed = try #require(comparison.cell(Self.getppid, "ptrace"))
        #expect(failed.verdict == .failed && failed.slowdown == nil && failed.failures.count == 8)
        #expect(try Expectation("ptrace > 1").judge(comparison).verdict == .undecided)
        #expect(comparison.effects == nil)
    }

    @Test func `the model predicts what it was not fitted to, and is off where events cost more`() throws {
        let design = Design.test(
            workloads: ["getppid", "readwrite", "mixed", "pipe-ping-pong"], observers: ["none", "ebpf-time"], runs: 10)
        // A call adds 51,386 ns; mixed has a tenth of the calls, and the pipe's calls cost three times as much.
        let data = Self.data(
            design, seed: 8,
            slowdown: { setting, observer in
                guard observer != "none" else { return 1 }
                return setting.workload == "mixed" ? 1.1 : setting.workload == "pipe-ping-pong" ? 4 : 2
            }
        ) { run in if run.workload == "mixed" { run.calls = 100 } }
        let model = ObserverComparison(data).model
        let fit = try #require(model.fits.first)
        #expect(fit.settings == 2 && abs(fit.cost / 51_386 - 1) < 0.06)
        let mixed = try #require(model.predictions.first { $0.setting.workload == "mixed" })
        #expect(abs(mixed.predicted - 1.1) < 0.02 && abs(mixed.residual - 1) < 0.03)
        let pipe = try #require(model.predictions.first { $0.setting.workload == "pipe-ping-pong" })
        #expect(abs(pipe.predicted - 2) < 0.1 && abs(pipe.residual - 2) < 0.15)
    }

    @Test func `one workload says nothing about how the cost of a call varies`() throws {
        let design = Design.test(workloads: ["getppid", "mixed"], observers: ["none", "ebpf-time"], runs: 5)
        let model = ObserverComparison(Self.data(design, seed: 8) { $1 == "none" ? 1 : 2 }).model
        #expect(try #require(model.fits.first).range == nil)
        #expect(try #require(model.predictions.first).range == nil)
    }

    @Test func `who sees calls saw other things than faults`() throws {
        let design = Design.test(
            workloads: ["page-fault"], observers: ["none", "ebpf-count", "ebpf-time"], runs: 6)
        func comparison(seenFaults: UInt64) -> ObserverComparison {
            var data = Self.data(design, seed: 3, slowdown: { _, _ in 1 })
            for index in data.runs.indices where data.runs[index].observer == "ebpf-time" {
                data.runs[index].seenFaults = data.runs[index].phase == .start ? 200 : seenFaults
            }
            return ObserverComparison(data)
        }
        let all = comparison(seenFaults: 1200)
        let setting = Design.Setting(workload: "page-fault", threads: 1)
        #expect(
            all.cell(setting, "ebpf-count")?.information
                == .init(status: .other, gap: nil, expected: nil, seen: nil, lost: nil, missing: nil))
        let information = all.cell(setting, "ebpf-time")?.information
        #expect(information?.status == .complete && information?.seen == information?.expected)
        let lossy = comparison(seenFaults: 1100)
        #expect(lossy.cell(setting, "ebpf-time")?.information.missing == 100)
        #expect(all.ranking(setting).map(\.cell.observer.name) == ["ebpf-time"])
    }

    @Test func `why it is not known whether all was seen is told`() throws {
        func gap(_ observer: String, _ change: (inout ExperimentRun) -> Void) -> Cell.Information.Gap? {
            var design = Design.test(workloads: ["program"], observers: ["none", "ebpf-time", observer], runs: 6)
            design.program = ["true"]
            let data = Self.data(design, seed: 3, slowdown: { _, _ in 1 }) { run in
                run.calls = nil
                change(&run)
            }
            return ObserverComparison(data).cell(.init(workload: "program", threads: 1), "ebpf-time")?.information.gap
        }
        #expect(gap("ebpf-count") { _ in } == nil)
        #expect(gap("ptrace") { _ in } == .uncounted)
        #expect(gap("ebpf-count") { if $0.observer == "ebpf-time" { $0.seenCalls = nil } } == .silent)
        #expect(gap("ebpf-count") { $0.seenCalls = 1000 + 100 * UInt64($0.repetition) } == .varying)
        #expect(gap("ebpf-count") { if $0.observer == "ebpf-time" { $0.failure = "no" } } == .noRuns)
    }

    @Test func `what is missing of an experiment is told`() throws {
        let design = Design.test(workloads: ["getppid"], observers: ["none", "ebpf-time"], runs: 10)
        var data = Self.data(design, seed: 3) { _, _ in 1 }
        #expect(ObserverComparison(data).reasons == [])
        data.runs.removeAll { $0.phase == .measured && $0.repetition > 1 }
        data.interruption = "interrupted by signal 2"
        let comparison = ObserverComparison(data)
        #expect(comparison.reasons == ["interrupted by signal 2", "4 of 20 runs were made"])
        #expect(comparison.cell(Self.getppid, "ebpf-time")?.verdict == .tooFew)
        let finding = try Expectation("ebpf-time < 5").judge(comparison)
        #expect(finding.verdict == .undecided && finding.gap == "for an interval there have to be 6 blocks")
    }

    @Test func `what programs took is the timed pilot's, less the start's, for as many events`() throws {
        let design = Design.test(workloads: ["getppid"], observers: ["none", "ebpf-count"], runs: 6)
        var data = Self.data(design, seed: 3) { _, _ in 1 }
        for index in data.runs.indices where data.runs[index].observer == "ebpf-count" {
            data.runs[index].programNs = data.runs[index].phase == .start ? 7_000 : nil
        }
        var pilot = try #require(data.runs.last)
        (pilot.phase, pilot.count, pilot.programNs) = (.pilot, 100, 17_000)
        data.runs.append(pilot)
        #expect(ObserverComparison(data).cell(Self.getppid, "ebpf-count")?.costs.programs == 100_000)
    }

    @Test func `two experiments side by side show what changed`() throws {
        let design = Design.test(workloads: ["getppid", "readwrite"], observers: ["none", "ebpf-time"], runs: 10)
        let before = ObserverComparison(Self.data(design, seed: 9) { $1 == "none" ? 1 : 2 })
        let after = ObserverComparison(
            Self.data(design, seed: 10) { setting, observer in
                observer == "none" ? 1 : setting.workload == "getppid" ? 1.5 : 2
            })
        let change = Change(from: before, to: after)
        #expect(change.rows.map(\.isShown) == [true, false])
        #expect(abs((change.rows.first?.ratio ?? 0) - 0.75) < 0.03)
    }
}
