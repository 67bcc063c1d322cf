// SPDX-License-Identifier: Apache-2.0
public import Statistics

/// One observer in one setting: what its runs say together.
public struct Cell: Sendable {
    /// Where it was measured.
    public let setting: Design.Setting
    /// By which means; with the mechanism `none` it is the program by itself.
    public let observer: Observer
    /// Measured runs that went well.
    public let runs: Int
    /// What the others failed of, starts and pilots included.
    public let failures: [String]
    /// Runs that others disturbed. Times are of the blocks in which no run was, where those are two thirds of all and
    /// at least ``leastRuns``; else of all.
    public let disturbed: Int
    /// Of the runs that count.
    let sections: [Section]
    /// The section, in nanoseconds; nil: no run went well.
    public var section: Sample? { Sample(sections.map(\.nanoseconds)) }
    /// The fastest sections, in nanoseconds, of the runs that count: see ``disturbed``; nil: the design's K or E
    /// is not positive.
    public let best: KBest?
    /// Its section over that of the program by itself just before or after it: the median over all blocks, with a
    /// 95 % interval; nil for the program by itself, or where no block has both.
    public let slowdown: Ratio?
    /// With which probability the blocks' ratios lie so far from 1 by chance (`SignedRank`); nil where the
    /// slowdown is. Verdicts stand on it.
    public let probability: Double?
    /// Its fastest run over the fastest of as many by itself, those beside its own; nil where the slowdown is.
    public let slowdownByBest: Double?
    /// Whether it slows the program down, as far as the runs show.
    public let verdict: Verdict
    /// Whether it saw what there was to see.
    public let information: Information
    /// What watching took, and where.
    public let costs: Costs

    /// Of fewer blocks no interval covers what it claims: see `Sample.medianInterval`.
    public static let leastRuns = 6

    /// What ``Cell/probability`` shows.
    public enum Verdict: String, Sendable {
        /// The program by itself.
        case reference
        /// It takes longer.
        case slower
        /// It takes less time.
        case faster
        /// Chance would do as much, or the interval holds less than ``Design/leastEffect``.
        case noDifference = "no difference shown"
        /// Fewer than ``leastRuns``, or too few to show anything among so many comparisons.
        case tooFew = "too few runs"
        /// No run went well, of it or of the program by itself.
        case failed
        /// It was interrupted before it came to it, or before it came to the program by itself.
        case noRuns = "no runs"
    }

    /// What was to be seen, and what was.
    public struct Information: Sendable, Equatable {
        /// Whether it saw all events that the workload is about.
        public enum Status: String, Sendable {
            /// No run reported fewer than there were.
            case complete
            /// A run reported fewer than there were, or says that it lost some.
            case lossy
            /// See ``Gap``.
            case unknown
            /// It is not to see these events.
            case other
        }

        /// Why it is not known whether it saw all.
        public enum Gap: String, Sendable {
            /// Not every report has a number of events.
            case silent = "it does not say what it saw"
            /// The workload does not count its calls itself, or not in every run.
            case uncounted = "nobody counted what there was to see (ebpf-count does)"
            /// Runs under `ebpf-count` saw numbers of calls that are 2 % apart or more.
            case varying = "the program's calls differ from run to run"
            /// No run of this observer went well.
            case noRuns = "there are no runs"
        }

        /// As far as its own reports and the workload's counts tell.
        public let status: Status
        /// Only where the status is unknown.
        public let gap: Gap?
        /// What there was to see in a run, the median; of a user's program, the least that `ebpf-count`
        /// counted. nil: not known.
        public let expected: UInt64?
        /// What the observer reported of it, the median; nil: not known.
        public let seen: UInt64?
        /// The most that it said it lost in a run.
        public let lost: UInt64?
        /// The most events that a run's report lacks; nil: none lacks any, or it is not known.
        public let missing: UInt64?
    }

    /// Medians for a run, in nanoseconds. nil: not measured.
    public struct Costs: Sendable, Equatable {
        /// From start to end of the command, less the section: in runs without events, or, of a user's program,
        /// which has none, in the measured ones.
        public var start: Double?
        /// CPU time of the workload in the section.
        public var workloadCPU: Double?
        /// By how much that is longer than without an observer.
        public var addedCPU: Excess?
        /// Likewise the time of its threads in the section in which they had no CPU.
        public var addedWaiting: Excess?
        /// Beyond that of runs without events; of a user's program all of it.
        public var observerCPU: Excess?
        /// Of the kernel on the observer's behalf: the observer's own system time, beyond that of runs
        /// without events, and what the workload's CPU time is longer than without an observer, which
        /// goes to programs, stops and the ways to them.
        public var kernelCPU: Excess?
        /// Of BPF programs, by a run in which the kernel timed each run of theirs, beyond such a run without
        /// events.
        public var programs: Double?
        /// A number: how often a thread of the workload gave up its CPU in the section.
        public var voluntarySwitches: Double?
        /// A number: how often one was taken off its CPU there.
        public var involuntarySwitches: Double?
        /// What the section takes longer than without an observer: by the slowdown.
        public var added: Double?
        /// How many units the workload made, all threads together.
        public var units: Double?
        /// ``units`` over the setting's threads.
        public var unitsPerThread: Double?

        /// Nothing measured.
        public init() {}

        /// Nanoseconds for one unit of a thread.
        public var addedPerUnit: Double? {
            guard let added, let unitsPerThread, unitsPerThread > 0 else { return nil }
            return added / unitsPerThread
        }
    }

    /// The section of one run.
    struct Section: Sendable {
        /// ``ExperimentRun/repetition``.
        let block: Int
        /// Among all of the experiment's runs.
        let place: Int
        let nanoseconds: Double
    }

    /// That of the setting; for a name that is not built in, ``Workload/program``.
    public var workload: Workload { Workload.named(setting.workload) ?? .program }

    /// Units a second, at the median.
    public var rate: Double? {
        guard let section, let units = costs.units, section.median > 0 else { return nil }
        return units / section.median * 1e9
    }

    /// Watching's share of the section, and so what cheaper watching could give at most; nil where it is
    /// not shown to cost anything.
    public var watching: Amdahl? {
        guard verdict == .slower, let slowdown, slowdown.value > 1 else { return nil }
        return Amdahl(share: 1 - 1 / slowdown.value)
    }

    /// Nanoseconds that it adds to one unit, at the ends of the slowdown's interval.
    public var addedPerUnitInterval: Interval? {
        guard let slowdown, let interval = slowdown.interval, let added = costs.addedPerUnit, slowdown.value != 1
        else { return nil }
        let scale = added / (slowdown.value - 1)
        return Interval(
            lower: (interval.lower - 1) * scale, upper: (interval.upper - 1) * scale, confidence: interval.confidence)
    }
}

extension [Cell.Section] {
    /// Of each block in which there are both the two that were made one after the other, or nearly so, nanoseconds.
    func pairs(with others: [Cell.Section]) -> [(own: Double, other: Double)] {
        let others = Dictionary(grouping: others, by: \.block)
        return Dictionary(grouping: self, by: \.block).sorted { $0.key < $1.key }.compactMap { block, own in
            let pairs = own.lazy.flatMap { one in (others[block] ?? []).lazy.map { (one, $0) } }
            let nearest = pairs.min { abs($0.0.place - $0.1.place) < abs($1.0.place - $1.1.place) }
            return nearest.map { ($0.0.nanoseconds, $0.1.nanoseconds) }
        }
    }

    /// How many times as long they took as others of the same setting, block by block.
    func ratios(to others: [Cell.Section]) -> [Double] { pairs(with: others).map { $0.own / $0.other } }
}
