// SPDX-License-Identifier: Apache-2.0
public import Linux
import Tracers

/// Runs an experiment: starts, pilots, then the schedule.
///
/// ```swift
/// let experiment = try Experiment(design, signals: signals, version: "1")
/// let data = try experiment.run { print($0.done, $0.total) }
/// ```
public final class Experiment {
    /// What there is so far; it is all there once ``run(_:)`` has returned.
    public private(set) var data: ExperimentData
    private let runner: Runner
    private let signals: Signals
    private let begin = Clock.monotonic
    /// Seconds that one run takes, by setting and observer.
    private var expected: [Design.Setting: [String: Double]] = [:]
    private var failures: [Design.Setting: [String: Int]] = [:]

    /// The signal that ended it, if one did.
    public private(set) var interruption: Int32?

    /// How far it has come.
    public struct Progress: Sendable {
        /// Of ``total``: measured runs, or before them pairs of a setting and an observer that were tried.
        public let done: Int
        /// How many there are to be.
        public let total: Int
        /// Seconds; nil while that cannot be told.
        public let left: Double?
        /// What begins now: `getppid under ptrace`.
        public let step: String
        /// The measured runs are about to begin: from here on the time is known.
        public var isPlanned = false
    }

    /// - Throws: ``DesignError`` where there is no place for files.
    public init(_ design: Design, signals: Signals, version: String) throws(DesignError) {
        data = ExperimentData(machine: .here(version: version), design: design)
        runner = try Runner(program: design.program, signals: signals)
        self.signals = signals
    }

    /// Runs until the end, or until a signal; what there is then is in the result.
    ///
    /// - Throws: ``DesignError`` where a workload does not even run by itself.
    public func run(_ report: (Progress) -> Void) throws(DesignError) -> ExperimentData {
        try makeRuns(report)
        let cost = ObserverCost.ofThisProcess
        data.observer = .init(cpuNs: cost.cpuNanoseconds, maxRssBytes: cost.maxResidentBytes)
        return data
    }

    private func makeRuns(_ report: (Progress) -> Void) throws(DesignError) {
        CPUSet(data.design.cpus.map { Int($0) }).apply(toThread: 0)
        try prepare(report)
        guard data.interruption == nil else { return }
        let steps = Schedule(data.design).steps
        let blockSize = data.design.blockSize
        let roundSize = data.design.settings.count * blockSize
        let start = elapsed
        // Seconds, by the pilots, and then by the rounds that there were.
        var round = time(for: steps.prefix(roundSize))
        // So many runs the budget seems to have room for.
        var planned = steps.count
        var disturbed: [ArraySlice<Schedule.Step>] = []
        for (index, step) in steps.enumerated() {
            // Rounds are whole: as many runs of each.
            if index % roundSize == 0 {
                if index > 0 { round = (elapsed - start) / Double(step.repetition) }
                let fitting = (budgetForRuns - elapsed) / max(round, 1e-6)
                if index > 0, fitting < 1 {
                    data.design.runs = step.repetition
                    break
                }
                planned = min(steps.count, index + roundSize * Int(min(10_000, max(1, fitting))))
            }
            report(
                Progress(
                    done: index, total: planned, left: round * Double(planned - index) / Double(roundSize),
                    step: "\(step.setting.workload) under \(step.observer)", isPlanned: index == 0))
            let run = try measure(step)
            if data.interruption != nil { return }
            let block = steps[index - index % blockSize..<index - index % blockSize + blockSize]
            if run?.failure == nil, run?.disturbance != nil, disturbed.last != block { disturbed.append(block) }
        }
        try measureAgain(disturbed, after: data.design.plannedRuns, report)
    }

    /// Makes these blocks once more, while the budget lasts. A disturbance that stays is not waited out: five
    /// in a row are the last.
    private func measureAgain(
        _ blocks: [ArraySlice<Schedule.Step>], after done: Int, _ report: (Progress) -> Void
    ) throws(DesignError) {
        let total = done + blocks.count * data.design.blockSize
        var inVain = 0
        for (index, block) in blocks.enumerated() {
            guard inVain < 5 else { return }
            guard elapsed + time(for: block) < data.design.budget else { continue }
            let first = data.runs.count
            for (place, step) in block.enumerated() {
                report(
                    Progress(
                        done: done + index * block.count + place, total: total,
                        left: blocks[index...].reduce(0) { $0 + time(for: $1) },
                        step: "\(step.setting.workload) under \(step.observer), which was disturbed"))
                _ = try measure(step)
                if data.interruption != nil { break }
            }
            data.settleBlock(madeAgainFrom: first)
            if data.interruption != nil { return }
            inVain = data.runs[first...].contains { $0.disturbance != nil } ? inVain + 1 : 0
        }
    }

    /// Seconds that these take, as far as is known.
    private func time(for steps: some Sequence<Schedule.Step>) -> Double {
        steps.reduce(0) { $0 + (expected[$1.setting]?[$1.observer] ?? 0) }
    }

    private var elapsed: Double { Double(Clock.monotonic - begin) / 1e9 }

    /// Seconds: a tenth is kept for runs that are to be made again.
    private var budgetForRuns: Double { 0.9 * data.design.budget }

    // MARK: Before

    /// Starts and pilots, and the counts that follow from them.
    private func prepare(_ report: (Progress) -> Void) throws(DesignError) {
        let design = data.design
        let total = design.settings.count * design.observers.count
        var costs: [Planner.Cost] = []
        for (place, setting) in design.settings.enumerated() {
            var cost = Planner.Cost(bareEvent: 0, allEvents: 0, starts: 0)
            var pilotCount: UInt64 = 1
            // The program by itself comes first: it has to run, and tells how many events a pilot makes.
            let observers =
                design.observers.filter { $0.mechanism == .none } + design.observers.filter { $0.mechanism != .none }
            for (index, observer) in observers.enumerated() {
                report(
                    Progress(
                        done: place * observers.count + index, total: total, left: nil,
                        step: "trying \(setting.workload) under \(observer.name)"))
                if observer.mechanism == .none && design.program.isEmpty {
                    pilotCount = try pilotSize(setting, observer)
                    if data.interruption != nil { return }
                }
                // No programs are timed of those that stop the target, and each event takes them longest.
                let hasPrograms = observer.mechanism == .none || observer.mechanism == .ebpf
                let trial = try attempt(setting, observer, hasPrograms ? pilotCount : max(1, pilotCount / 8))
                if data.interruption != nil { return }
                guard let trial else { continue }
                if observer.mechanism == .none { cost.bareEvent = trial.event }
                let runs = Double(observer.mechanism == .none ? design.bareRuns ?? 1 : 1)
                cost.allEvents += runs * trial.event
                cost.starts += runs * trial.start
                expected[setting, default: [:]][observer.name] = trial.start
                events[setting, default: [:]][observer.name] = trial.event
            }
            costs.append(cost)
        }
        plan(costs)
    }

    /// Seconds for one event, by setting and observer.
    private var events: [Design.Setting: [String: Double]] = [:]

    private func plan(_ costs: [Planner.Cost]) {
        let design = data.design
        let counts =
            design.program.isEmpty
            ? Planner.counts(
                for: costs, runs: design.runs, least: Self.pilotTime, target: design.target,
                budget: max(1, budgetForRuns - elapsed))
            : costs.map { _ in 1 }
        data.design.counts = zip(design.settings, counts).map {
            Design.Count(workload: $0.workload, threads: $0.threads, count: $1)
        }
        for (setting, count) in zip(design.settings, counts) {
            for (observer, event) in events[setting] ?? [:] {
                expected[setting]?[observer, default: 0] += event * Double(count)
            }
        }
    }

    /// Seconds that a pilot takes without an observer, and each measured run at least: BPF programs are timed in
    /// pilots, and have to run for longer than what starting and ending them varies by.
    private static let pilotTime = 0.002

    /// As many events as take a pilot's time.
    private func pilotSize(_ setting: Design.Setting, _ observer: Observer) throws(DesignError) -> UInt64 {
        var count: UInt64 = 16
        while true {
            let run = try make(.pilot, setting, observer, count, repetition: 0, padding: 0)
            if data.interruption != nil { return count }
            let seconds = Double(run.sectionNs ?? 0) / 1e9
            if seconds >= Self.pilotTime || count > 1 << 32 { return count }
            count *= seconds > Self.pilotTime / 8 ? 2 : 8
        }
    }

    /// Starts without events: the first warms up whatever is cached, the second has BPF programs timed, as the
    /// pilot has; the median of the others is what starting takes.
    private static let starts = 4

    /// Starts and a pilot. nil: one failed, and it is left out.
    private func attempt(
        _ setting: Design.Setting, _ observer: Observer, _ count: UInt64
    ) throws(DesignError) -> (start: Double, event: Double)? {
        if data.design.program.isEmpty {
            var last: UInt64 = 0
            for repetition in 0..<Self.starts {
                let start = try make(.start, setting, observer, 0, repetition: repetition, padding: 0)
                guard start.failure == nil, let wall = start.wallNs, data.interruption == nil else { return nil }
                last = wall
            }
            let pilot = try make(.pilot, setting, observer, count, repetition: 0, padding: 0)
            guard pilot.failure == nil, let section = pilot.sectionNs else { return nil }
            return (Double(last) / 1e9, Double(section) / 1e9 / Double(count))
        }
        let pilot = try make(.pilot, setting, observer, 1, repetition: 0, padding: 0)
        guard pilot.failure == nil, let wall = pilot.wallNs, let section = pilot.sectionNs else { return nil }
        return (Double(wall - min(wall, section)) / 1e9, Double(section) / 1e9)
    }

    // MARK: Runs

    /// nil: it was not made.
    private func measure(_ step: Schedule.Step) throws(DesignError) -> ExperimentRun? {
        guard let observer = data.design.observers.first(where: { $0.name == step.observer }),
            let count = data.design.count(for: step.setting)
        else { return nil }
        // What has failed once in trying, or hung, or failed twice, would only fail again.
        guard failures[step.setting]?[step.observer, default: 0] ?? 0 < 2 else { return nil }
        return try make(
            .measured, step.setting, observer, count, repetition: step.repetition, padding: step.padding)
    }

    private func make(
        _ phase: ExperimentRun.Phase, _ setting: Design.Setting, _ observer: Observer, _ count: UInt64,
        repetition: Int, padding: Int
    ) throws(DesignError) -> ExperimentRun {
        let plan = ExperimentRun(
            phase: phase, workload: setting.workload, observer: observer.name, threads: setting.threads,
            repetition: repetition, count: count, paddingBytes: padding)
        // Timing costs each run of a program about as much as a small one takes itself: no run that is
        // measured has it.
        let isTimed = observer.mechanism == .ebpf && (phase == .pilot || phase == .start && repetition == 1)
        let timing = isTimed ? ProgramTiming() : nil
        let run = runner.run(plan, under: observer, limit: data.design.limit)
        _ = consume timing
        if let signal = runner.interruption ?? signals.next() {
            interruption = signal
            data.interruption = "interrupted by signal \(signal)"
            return run
        }
        data.runs.append(run)
        guard let failure = run.failure else { return run }
        if observer.mechanism == .none && phase != .measured {
            throw DesignError("\(setting.workload) fails without an observer: \(failure)")
        }
        let isFinal = phase != .measured || failure.hasPrefix("did not end")
        failures[setting, default: [:]][observer.name, default: 0] += isFinal ? 2 : 1
        return run
    }
}
