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

    /// A figure of each run of a program, and of the first program's run in the same round: what the machine did
    /// then is in both.
    private func pairs(_ program: Int, _ value: (TimedRun) -> UInt64) -> [(own: Double, first: Double)] {
        let first = Dictionary(
            programs[0].runs.map { ($0.number, Double(value($0))) }, uniquingKeysWith: { one, _ in one })
        return programs[program].runs.compactMap { run in first[run.number].map { (Double(value(run)), $0) } }
    }

    /// How many times as long as the first program one takes: the median over the rounds; nil before there is a
    /// round with runs of both.
    public func ratio(of program: Int) -> Ratio? {
        Sample(pairs(program, \.elapsed).map { $0.own / $0.first }).flatMap {
            bootstrap.geometricMean(ofMedians: [$0])
        }
    }

    /// How much more than the first program's that figure is in each round, by the mean.
    private func difference(of program: Int, _ value: (TimedRun) -> UInt64) -> Difference? {
        Sample(pairs(program, value).map { $0.own - $0.first }).map { bootstrap.meanDifference($0) }
    }

    /// How much more time one spends in each state than the first program, by means, so that they add
    /// up to the difference in thread time: the largest first. Not all of them are shown by the data
    /// (`isShown`).
    public func differences(of program: Int) -> [(state: ThreadState, difference: Difference)] {
        ThreadState.allCases.compactMap { state in
            difference(of: program) { $0.ledger[state] }.map { (state: state, difference: $0) }
        }.sorted { abs($0.difference.value) > abs($1.difference.value) }
    }

    /// How much more time its threads live than those of the first program, by means; the states'
    /// differences add up to it.
    public func threadTimeDifference(of program: Int) -> Difference? { difference(of: program, \.ledger.wall) }
}
