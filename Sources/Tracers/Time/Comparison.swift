// SPDX-License-Identifier: Apache-2.0
public import Statistics

/// Programs that were run by turns, in random order, to compare them with the first of them.
public struct Comparison: Sendable {
    /// One of the programs, and its runs.
    public struct Program: Sendable {
        /// As the user wrote it.
        public let command: String
        /// In order, without warm-ups.
        public var runs: [TimedRun] = []

        /// - Parameter command: as the user wrote it.
        public init(command: String) { self.command = command }

        /// Nanoseconds from execution to end; nil before the first run.
        public var elapsed: Sample? { Sample(runs.map { Double($0.elapsed) }) }

        /// Nanoseconds in a state, of all threads; nil before the first run.
        public func time(in state: ThreadState) -> Sample? { Sample(runs.map { Double($0.ledger[state]) }) }
    }

    /// In the order in which they were given.
    public var programs: [Program]
    /// Of the order, and of the intervals.
    public let seed: UInt64
    /// Runs of each program before those that count.
    public let warmups: Int
    /// Runs whose execution the kernel did not tell of.
    public var unobserved = 0
    /// Whether page faults were measured apart; nil before the first run.
    public var measuresFaults: Bool?

    /// - Parameters:
    ///   - commands: as the user wrote them; the first is the one to compare with.
    ///   - seed: of the order, and of the intervals.
    ///   - warmups: runs of each before those that count.
    public init(commands: [String], seed: UInt64, warmups: Int) {
        programs = commands.map { Program(command: $0) }
        self.seed = seed
        self.warmups = warmups
    }

    /// The order of each round.
    public func order(rounds: Int) -> [[Int]] {
        var random = SplitMix64(seed: seed)
        return (0..<rounds).map { _ in random.shuffled(Array(programs.indices)) }
    }

    private var bootstrap: Bootstrap { Bootstrap(seed: seed) }

    /// How many times as long as the first program one takes, by medians; nil before there are runs of
    /// both.
    public func ratio(of program: Int) -> Ratio? {
        guard let one = programs[program].elapsed, let first = programs[0].elapsed else { return nil }
        return bootstrap.ratio(of: one, to: first, by: .median)
    }

    /// How much more time one spends in each state than the first program, by means, so that they add
    /// up to the difference in thread time: the largest first. Not all of them are shown by the data
    /// (`isShown`).
    public func differences(of program: Int) -> [(state: ThreadState, difference: Difference)] {
        ThreadState.allCases.compactMap { state -> (ThreadState, Difference)? in
            guard let one = programs[program].time(in: state), let first = programs[0].time(in: state) else {
                return nil
            }
            return (state, bootstrap.difference(of: one, minus: first, by: .mean))
        }.sorted { abs($0.1.value) > abs($1.1.value) }.map { (state: $0.0, difference: $0.1) }
    }

    /// How much more time its threads live than those of the first program, by means; the states'
    /// differences add up to it.
    public func threadTimeDifference(of program: Int) -> Difference? {
        guard let one = Sample(programs[program].runs.map { Double($0.ledger.wall) }),
            let first = Sample(programs[0].runs.map { Double($0.ledger.wall) })
        else { return nil }
        return bootstrap.difference(of: one, minus: first, by: .mean)
    }
}
