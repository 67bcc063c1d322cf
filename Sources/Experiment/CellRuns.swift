// SPDX-License-Identifier: Apache-2.0
import Glibc
import Statistics

/// The runs of one observer in one setting.
struct CellRuns {
    /// Measured runs that went well.
    let good: [ExperimentRun]
    /// Of those, what times are told of.
    private(set) var counted: [ExperimentRun]
    /// Theirs.
    private(set) var sections: [Cell.Section]
    /// Measured runs that went well, with those that were made again: what is seen of one does not depend on how
    /// long it took, and a loss is a loss.
    private let all: [ExperimentRun]
    /// Runs without events.
    let starts: [ExperimentRun]
    /// One of them, or where it failed the pilot: what others made and saw is counted from there.
    private let baseline: ExperimentRun?
    private let pilot: ExperimentRun?
    let failures: [String]

    /// - Parameter placed: each with its place among all runs of the experiment.
    init(_ placed: [(place: Int, run: ExperimentRun)]) {
        let runs = placed.map(\.run)
        let went = placed.filter {
            [.measured, .setAside].contains($0.run.phase) && $0.run.failure == nil && $0.run.sectionNs ?? 0 > 0
        }
        all = went.map(\.run)
        good = all.filter { $0.phase == .measured }
        counted = good
        sections = went.filter { $0.run.phase == .measured }.map { place, run in
            Cell.Section(block: run.repetition, place: place, nanoseconds: Double(run.sectionNs ?? 0))
        }
        starts = runs.filter { $0.phase == .start && $0.failure == nil }
        pilot = runs.last { $0.phase == .pilot && $0.failure == nil }
        // The one in the middle: where a program is loaded for the first time, it makes some calls more.
        let usual = starts.sorted { Self.unmade($0) < Self.unmade($1) }
        baseline = usual.isEmpty ? pilot : usual[usual.count / 2]
        failures = runs.compactMap(\.failure)
    }

    /// Calls that were seen beyond those that the workload made.
    private static func unmade(_ run: ExperimentRun) -> Int64 {
        Int64(run.seenCalls ?? 0) - Int64(run.calls ?? 0)
    }

    func median(_ value: (ExperimentRun) -> UInt64?) -> Double? { Sample(Self.values(counted, value))?.median }

    private static func values(_ runs: [ExperimentRun], _ value: (ExperimentRun) -> UInt64?) -> [Double] {
        runs.compactMap(value).map { Double($0) }
    }

    /// What runs take beyond others.
    private func excess(beyond base: [ExperimentRun], _ value: (ExperimentRun) -> UInt64?) -> Excess? {
        Excess(Self.values(counted, value), beyond: Self.values(base, value))
    }

    /// The calls that each run made, where the observer counts them.
    var counts: [UInt64] { all.compactMap(\.seenCalls) }

    /// Times are told of the other blocks.
    mutating func leaveOut(_ blocks: Set<Int>) {
        counted.removeAll { blocks.contains($0.repetition) }
        sections.removeAll { blocks.contains($0.block) }
    }

    /// Whether something is left of it, if there was anything.
    func isMeasured(without blocks: Set<Int>) -> Bool {
        good.isEmpty || good.contains { !blocks.contains($0.repetition) }
    }

    /// See ``Cell/probability``.
    func probability(against bare: CellRuns) -> Double? {
        let ratios = sections.ratios(to: bare.sections)
        return ratios.isEmpty ? nil : SignedRank.probability(ratios.map { log($0) })
    }

    private func fastest(_ design: Design) -> KBest? {
        guard var best = KBest(count: design.best, within: design.within, limit: max(design.best, counted.count)) else {
            return nil
        }
        for run in counted { best.add(Double(run.sectionNs ?? 0)) }
        return best
    }

    func cell(
        _ setting: Design.Setting, _ observer: Observer, _ design: Design, against bare: CellRuns, _ counts: [UInt64],
        _ bootstrap: Bootstrap, significance: Double
    ) -> Cell {
        let isReference = observer.mechanism == .none
        let pairs = isReference ? [] : sections.pairs(with: bare.sections)
        let ratios = Sample(pairs.map { $0.own / $0.other })
        let slowdown = ratios.flatMap { bootstrap.geometricMean(ofMedians: [$0]) }
        let probability = isReference ? nil : probability(against: bare)
        // The fastest of as many.
        var byBest: Double?
        if let own = pairs.map(\.own).min(), let reference = pairs.map(\.other).min() { byBest = own / reference }
        return Cell(
            setting: setting, observer: observer, runs: good.count, failures: failures,
            disturbed: good.filter { $0.disturbance != nil }.count, sections: sections, best: fastest(design),
            slowdown: slowdown, probability: probability, slowdownByBest: byBest,
            verdict: isReference
                ? (sections.isEmpty ? withoutRuns : .reference)
                : verdict(
                    slowdown, probability, least: SignedRank.least(ratios?.count ?? 0), significance,
                    leastEffect: design.leastEffect ?? 0),
            information: information(observer, design.workload(setting.workload), setting.threads, counts),
            costs: costs(
                design.workload(setting.workload), setting.threads, isReference ? nil : bare, slowdown, counts))
    }

    private var withoutRuns: Cell.Verdict { failures.isEmpty ? .noRuns : .failed }

    /// - Parameter least: what the probability would be, if all blocks said the same.
    private func verdict(
        _ ratio: Ratio?, _ probability: Double?, least: Double, _ significance: Double, leastEffect: Double
    ) -> Cell.Verdict {
        guard let ratio, let probability else { return withoutRuns }
        guard let interval = ratio.interval, least <= significance else { return .tooFew }
        if probability > significance { return .noDifference }
        if interval.lower > 1 + leastEffect { return .slower }
        if interval.upper < 1 / (1 + leastEffect) { return .faster }
        return .noDifference
    }

    // MARK: Equal information

    private func information(
        _ observer: Observer, _ workload: Workload, _ threads: Int, _ counts: [UInt64]
    ) -> Cell.Information {
        let lost = all.compactMap(\.lostEvents).max()
        func finding(
            _ status: Cell.Information.Status, _ expected: Double?, _ seen: Double?, missing: [UInt64] = [],
            gap: Cell.Information.Gap? = nil
        ) -> Cell.Information {
            // What it says it lost need not be of these events: their number decides, where it is known.
            let isLossy = status == .unknown && lost ?? 0 > 0
            return Cell.Information(
                status: isLossy ? .lossy : status, gap: isLossy ? nil : gap, expected: expected.map { UInt64($0) },
                seen: seen.map { UInt64(max(0, $0)) }, lost: lost, missing: missing.max())
        }
        func unknown(_ expected: Double?, _ seen: Double?, _ gap: Cell.Information.Gap) -> Cell.Information {
            finding(.unknown, expected, seen, gap: all.isEmpty ? .noRuns : seen == nil ? .silent : gap)
        }
        if observer.mechanism == .none {
            return finding(.other, workload.unit == .fault ? median(\.events) : median(\.calls), nil)
        }
        if workload.unit == .fault {
            guard observer.sees.contains(.faults) else { return finding(.other, nil, nil) }
            // Those of its start and end are in a start as well, but for a few.
            let beside = starts.compactMap(\.seenFaults).min() ?? 0
            let expected = median(\.events)
            let seen = median { $0.seenFaults.map { $0 - min($0, beside) } }
            let missing = all.compactMap { run -> UInt64? in
                let (seen, made) = (run.seenFaults ?? 0, (run.events ?? 0) + beside)
                return seen + 8 < made ? made - seen : nil
            }
            guard seen != nil else { return unknown(expected, nil, .silent) }
            return finding(missing.isEmpty ? .complete : .lossy, expected, seen, missing: missing)
        }
        guard observer.sees.contains(.calls) else { return finding(.other, nil, nil) }
        if let least = counts.min(), let most = counts.max() {
            // What a program makes differs from run to run, and not all observers see what comes before it.
            let margin = most - least + 32
            let seen = all.compactMap(\.seenCalls)
            guard seen.count == all.count, !seen.isEmpty, Double(most - least) < 0.02 * Double(least) else {
                return unknown(Double(least), seen.count == all.count ? median(\.seenCalls) : nil, .varying)
            }
            let missing = seen.filter { $0 + margin < least }.map { least - $0 }
            return finding(
                missing.isEmpty ? .complete : .lossy, Double(least), median(\.seenCalls), missing: missing)
        }
        guard let baseline, let seenAtStart = baseline.seenCalls, let madeAtStart = baseline.calls else {
            return unknown(median(\.calls), median(\.seenCalls), .uncounted)
        }
        // What a run sees beyond a run without events is what it made beyond it. A thread's start and end
        // take a few calls more or less where several start at once.
        let tolerance = Int64(threads > 1 ? 8 * threads : 0)
        var (missing, isKnown): ([UInt64], Bool) = ([], !all.isEmpty)
        for run in all {
            guard let seen = run.seenCalls, let made = run.calls else {
                isKnown = false
                continue
            }
            let difference = Int64(seen) - Int64(seenAtStart) - (Int64(made) - Int64(madeAtStart))
            if difference < -tolerance { missing.append(UInt64(-difference)) }
        }
        let expected = median { $0.calls.map { $0 - min($0, madeAtStart) } }
        let seen = median { $0.seenCalls.map { $0 - min($0, seenAtStart) } }
        guard isKnown else { return unknown(expected, all.contains { $0.seenCalls == nil } ? nil : seen, .uncounted) }
        return finding(missing.isEmpty ? .complete : .lossy, expected, seen, missing: missing)
    }

    // MARK: Costs

    private func costs(
        _ workload: Workload, _ threads: Int, _ bare: CellRuns?, _ slowdown: Ratio?, _ counts: [UInt64]
    ) -> Cell.Costs {
        var costs = Cell.Costs()
        costs.start = Sample(Self.values(plainStarts, \.overheadNs))?.median ?? median(\.overheadNs)
        costs.workloadCPU = median(\.workloadCpuNs)
        costs.observerCPU = excess(beyond: plainStarts, \.observerCpuNs)
        if let bare, !bare.counted.isEmpty {
            costs.addedCPU = excess(beyond: bare.counted, \.workloadCpuNs)
            costs.addedWaiting = Excess(waiting(threads), beyond: bare.waiting(threads))
        }
        if let own = costs.observerCPU, let added = costs.addedCPU,
            let system = excess(beyond: plainStarts, \.observerSystemNs)
        {
            // The kernel tells its part from all of it by ticks of some milliseconds.
            costs.kernelCPU = added + system.asPart(of: own)
        }
        costs.programs = programs
        costs.voluntarySwitches = median(\.voluntarySwitches)
        costs.involuntarySwitches = median(\.involuntarySwitches)
        costs.units =
            switch workload.unit {
            case .call: Sample(counts.map { Double($0) })?.median ?? median(\.calls)
            case .fault, .event: median(\.events)
            }
        costs.unitsPerThread = costs.units.map { $0 / Double(threads) }
        if let slowdown, let reference = bare?.median(\.sectionNs) { costs.added = (slowdown.value - 1) * reference }
        return costs
    }

    /// The first of several warms up whatever is cached, the second has the kernel time BPF programs.
    private var plainStarts: [ExperimentRun] {
        starts.count > 1 ? Array(starts.dropFirst(min(2, starts.count - 1))) : starts
    }

    /// Of the workload's threads in each run, together; what it is by itself it is not, where threads wait
    /// for each other by design.
    private func waiting(_ threads: Int) -> [Double] {
        counted.compactMap { run in
            guard let section = run.sectionNs, let cpu = run.workloadCpuNs else { return nil }
            return Double(section) * Double(threads) - Double(cpu)
        }
    }

    /// Of BPF programs in a measured run, from the pilot, in which each of their runs was timed.
    private var programs: Double? {
        guard let pilot, let all = pilot.programNs else { return nil }
        // The first start is a cold one, and as a rule not timed.
        let timed = starts.dropFirst().first { $0.programNs != nil } ?? starts.first
        let ownShare = Double(all) - Double(timed?.programNs ?? 0)
        // What they take to start and end varies by a tenth and more from run to run: three of those show something.
        guard ownShare > 0.3 * Double(timed?.programNs ?? 0), pilot.count > 0, let run = good.first else { return nil }
        return ownShare * Double(run.count) / Double(pilot.count)
    }
}
