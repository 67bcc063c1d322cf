// SPDX-License-Identifier: Apache-2.0

/// What an experiment varies and how often: a full factorial design over workloads, observers and
/// numbers of threads.
public struct Design: Sendable, Codable, Equatable {
    /// Names, as ``Workload/named(_:)`` takes them; `program` where there is one.
    public var workloads: [String]
    /// Words of a program of the user's, in place of the built-in workloads; empty: there is none.
    public var program: [String]
    /// The program by itself, to compare with, among them.
    public var observers: [Observer]
    /// Numbers of threads; each workload runs with each.
    public var threads: [Int]
    /// Of each observer in each setting, and so blocks in each: as many as there are to be, or as many as the budget
    /// had room for.
    public var runs: Int
    /// Of the program by itself in a block: one beside each observer, and so between two of them. nil: one, in a file
    /// of an Apus that had no more.
    public var bareRuns: Int?
    /// K of K-best: see `KBest`.
    public var best: Int
    /// E of K-best: how far the K fastest may lie apart to agree, relative to the fastest.
    public var within: Double
    /// The same seed gives the same order, and the same sizes of the environment.
    public var seed: UInt64
    /// How long a run without an observer is to take, at most; seconds.
    public var target: Double
    /// ``target`` with `--quick`, seconds.
    public static let quickTarget = 0.004
    /// ``target`` without `--quick`, seconds.
    public static let standardTarget = 0.015
    /// By how much times have to differ for a verdict with 95 % certainty, relative to the shorter: where code and
    /// data happen to lie in memory, or which CPU it is, makes smaller differences. nil: it was stored by an Apus
    /// without it.
    public var leastEffect: Double?
    /// ``leastEffect`` with `--quick`.
    public static let quickLeastEffect = 0.05
    /// ``leastEffect`` without `--quick`.
    public static let standardLeastEffect = 0.02
    /// How long all of it is to take, at most; seconds. Starts, pilots and one run of each are made whatever it is.
    public var budget: Double
    /// The longest that one run may take; seconds.
    public var limit: Double
    /// CPUs that everything runs on.
    public var cpus: [Int32]
    /// How many events each thread makes, by workload and threads: set by pilot runs.
    public var counts: [Count] = []

    /// How many events a setting has.
    public struct Count: Sendable, Codable, Equatable {
        /// Its name.
        public let workload: String
        /// How many there are.
        public let threads: Int
        /// Events of each thread.
        public let count: UInt64
    }

    /// A design whose ``counts`` are not known yet.
    public init(
        workloads: [String], program: [String], observers: [Observer], threads: [Int], runs: Int, best: Int,
        within: Double, seed: UInt64, target: Double, leastEffect: Double?, budget: Double, limit: Double,
        cpus: [Int32]
    ) {
        self.workloads = workloads
        self.program = program
        self.observers = observers
        self.threads = threads
        self.runs = runs
        bareRuns = (observers.count { $0.mechanism != .none } + 1) / 2
        self.best = best
        self.within = within
        self.seed = seed
        self.target = target
        self.leastEffect = leastEffect
        self.budget = budget
        self.limit = limit
        self.cpus = cpus
    }

    /// A workload with a number of threads: what observers are compared on.
    public struct Setting: Sendable, Hashable {
        /// Its name.
        public let workload: String
        /// How many there are.
        public let threads: Int

        /// - Parameter workload: its name.
        public init(workload: String, threads: Int) {
            self.workload = workload
            self.threads = threads
        }
    }

    /// Each workload with each number of threads, in this order.
    public var settings: [Setting] {
        workloads.flatMap { workload in threads.map { Setting(workload: workload, threads: $0) } }
    }

    /// Measured runs, if all are made.
    public var plannedRuns: Int { settings.count * blockSize * runs }

    /// Runs in a block.
    var blockSize: Int { observers.reduce(0) { $0 + ($1.mechanism == .none ? bareRuns ?? 1 : 1) } }

    /// Whether an experiment can have been so, and arithmetic with it goes well.
    var isPlausible: Bool {
        let seconds = [target, budget, limit]
        let names = workloads + observers.map(\.name)
        return (1...10_000).contains(runs) && (1...1_000).contains(bareRuns ?? 1) && (1...10_000).contains(best)
            && within > 0 && within < 1
            && (1...1_000).contains(threads.count) && threads.allSatisfy { (1...1024).contains($0) }
            && workloads.count * observers.count * threads.count <= 10_000
            && (0..<1).contains(leastEffect ?? 0) && seconds.allSatisfy { $0 > 0 && $0 <= 1e9 }
            && counts.allSatisfy { $0.count < 1 << 53 }
            && (1...1_000).contains(workloads.count) && (1...1_000).contains(observers.count)
            && names.allSatisfy(Self.isName)
    }

    /// Names stand in tables, in lists with commas, and on terminals.
    static func isName(_ text: String) -> Bool {
        !text.isEmpty
            && text.unicodeScalars.allSatisfy {
                $0.value >= 0x20 && !(0x7f..<0xa0).contains($0.value) && !$0.properties.isBidiControl
            }
    }

    /// Events of each thread; nil before the pilots.
    public func count(for setting: Setting) -> UInt64? {
        counts.first { $0.workload == setting.workload && $0.threads == setting.threads }?.count
    }

    /// The built-in workload of that name; of any other, ``Workload/program``.
    public func workload(_ name: String) -> Workload { Workload.named(name) ?? .program }
}
