// SPDX-License-Identifier: Apache-2.0
public import Statistics

/// One observer in one setting: what its runs say together.
public struct Cell: Sendable {
    public let setting: Design.Setting
    public let observer: Observer
    /// Runs that went well, and what the others failed of.
    public let runs: Int
    public let failures: [String]
    /// Runs that others disturbed. They are in the medians, and not among the K best.
    public let disturbed: Int
    /// The section, in nanoseconds; nil: no run went well.
    public let section: Sample?
    public let best: KBest?
    /// Medians over medians, with a 95 % interval; nil for the program by itself, or where one of the two
    /// has no runs.
    public let slowdown: Ratio?
    /// The same with an interval so wide that with ``ObserverComparison/jointConfidence`` every one of the
    /// whole experiment covers the truth: the verdicts stand on it.
    public let simultaneous: Ratio?
    /// The fastest over the fastest.
    public let slowdownByBest: Double?
    public let verdict: Verdict
    public let information: Information
    public let costs: Costs

    /// Of fewer runs no interval covers what it claims: see `Bootstrap`.
    public static let leastRuns = 5

    public enum Verdict: String, Sendable {
        /// The program by itself.
        case reference
        case slower
        case faster
        case noDifference = "no difference shown"
        /// Fewer than ``leastRuns``.
        case tooFew = "too few runs"
        case failed
        /// It was interrupted before it came to it, or before it came to the program by itself.
        case noRuns = "no runs"
    }

    /// What was to be seen, and what was.
    public struct Information: Sendable, Equatable {
        public enum Status: String, Sendable {
            case complete
            case lossy
            /// See ``Gap``.
            case unknown
            /// It is not to see these events.
            case other
        }

        /// Why it is not known whether it saw all.
        public enum Gap: String, Sendable {
            case silent = "it does not say what it saw"
            case uncounted = "nobody counted what there was to see (ebpf-count does)"
            case varying = "the program's calls differ from run to run"
            case noRuns = "there are no runs"
        }

        public let status: Status
        /// Only where the status is unknown.
        public let gap: Gap?
        /// Medians, of what the workload made and the observer reported within a run; nil: not known.
        public let expected: UInt64?
        public let seen: UInt64?
        /// The most that it said it lost in a run.
        public let lost: UInt64?
    }

    /// Medians for a run, in nanoseconds. nil: not measured.
    public struct Costs: Sendable, Equatable {
        /// From start to end of the command, less the section, in a run without events.
        public var start: Double?
        public var workloadCPU: Double?
        /// By how much that is longer than without an observer.
        public var addedCPU: Excess?
        /// Likewise the time of its threads in the section in which they had no CPU.
        public var addedWaiting: Excess?
        /// Beyond that of runs without events.
        public var observerCPU: Excess?
        /// Of the kernel on the observer's behalf: the observer's own system time, beyond that of runs
        /// without events, and what the workload's CPU time is longer than without an observer, which
        /// goes to programs, stops and the ways to them.
        public var kernelCPU: Excess?
        /// Of BPF programs, by a run in which the kernel timed each run of theirs, beyond such a run without
        /// events.
        public var programs: Double?
        public var voluntarySwitches: Double?
        public var involuntarySwitches: Double?
        /// What the section takes longer than without an observer.
        public var added: Double?
        /// Units of the workload, all threads together.
        public var units: Double?
        public var unitsPerThread: Double?

        public init() {}

        /// Nanoseconds for one unit of a thread.
        public var addedPerUnit: Double? {
            guard let added, let unitsPerThread, unitsPerThread > 0 else { return nil }
            return added / unitsPerThread
        }
    }

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
