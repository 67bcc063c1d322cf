// SPDX-License-Identifier: Apache-2.0
public import Statistics

/// A program that was run until its K fastest runs agreed, or as often as was allowed.
public struct BestRuns: Sendable {
    /// K, E and N, and what came of it; its values are the net times of the runs, in nanoseconds.
    public private(set) var repetition: KBest
    /// Those whose execution the kernel told of, in order.
    public private(set) var runs: [TimedRun] = []
    /// Of the fastest run: its threads and processes.
    public private(set) var fastestReport: TimeReport?
    /// The run with the least net time; nil before the first.
    public private(set) var fastest: TimedRun?
    /// Runs whose execution the kernel did not tell of.
    public private(set) var unobserved = 0
    /// Runs before those that count.
    public let warmups: Int

    /// - Parameters:
    ///   - repetition: K, E and N; without runs.
    ///   - warmups: runs before those that count.
    public init(repetition: KBest, warmups: Int) {
        self.repetition = repetition
        self.warmups = warmups
    }

    /// Takes in the next run; nil: the kernel did not tell of its execution.
    ///
    /// - Parameter report: of this run alone.
    public mutating func add(_ run: TimedRun?, _ report: TimeReport) {
        repetition.add(Double(run?.net ?? 0), setAside: run == nil)
        guard let run else { return unobserved += 1 }
        runs.append(run)
        if run.net < fastest?.net ?? .max { (fastest, fastestReport) = (run, report) }
    }

    /// The number of the next run.
    public var next: Int { repetition.runs + 1 }

    /// What disturbed a run, or what it has more of than the fastest one: E of that at least.
    public func disturbances(of run: TimedRun) -> [TimedRun.Disturbance] {
        guard let fastest else { return [] }
        return run.disturbances(
            against: fastest, above: UInt64(repetition.within * Double(fastest.net)))
    }

    /// The mean time of all runs from execution to end, disturbances included, to compare with.
    public var mean: Double? { Sample(runs.map { Double($0.elapsed) })?.mean }
}
