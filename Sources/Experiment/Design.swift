// SPDX-License-Identifier: Apache-2.0

/// What an experiment varies and how often: a full factorial design over workloads, observers and
/// numbers of threads.
public struct Design: Sendable, Codable, Equatable {
    public var workloads: [String]
    /// A program of the user's, in place of the built-in workloads.
    public var program: [String]
    public var observers: [Observer]
    public var threads: [Int]
    /// Of each combination.
    public var runs: Int
    /// K of K-best.
    public var best: Int
    /// How far the K fastest may lie apart to agree.
    public var within: Double
    /// The same seed gives the same order, and the same sizes of the environment.
    public var seed: UInt64
    /// How long a run without an observer is to take, at most; seconds.
    public var target: Double
    /// What it is with `--quick`, and without.
    public static let quickTarget = 0.02
    public static let standardTarget = 0.06
    /// How long all of it is to take, at most; seconds.
    public var budget: Double
    /// The longest that one run may take; seconds.
    public var limit: Double
    /// CPUs that everything runs on.
    public var cpus: [Int32]
    /// How many events each thread makes, by workload and threads: set by pilot runs.
    public var counts: [Count] = []

    public struct Count: Sendable, Codable, Equatable {
        public let workload: String
        public let threads: Int
        public let count: UInt64
    }

    public init(
        workloads: [String], program: [String], observers: [Observer], threads: [Int], runs: Int, best: Int,
        within: Double, seed: UInt64, target: Double, budget: Double, limit: Double, cpus: [Int32]
    ) {
        self.workloads = workloads
        self.program = program
        self.observers = observers
        self.threads = threads
        self.runs = runs
        self.best = best
        self.within = within
        self.seed = seed
        self.target = target
        self.budget = budget
        self.limit = limit
        self.cpus = cpus
    }

    /// A workload with a number of threads: what observers are compared on.
    public struct Setting: Sendable, Hashable {
        public let workload: String
        public let threads: Int

        public init(workload: String, threads: Int) {
            self.workload = workload
            self.threads = threads
        }
    }

    public var settings: [Setting] {
        workloads.flatMap { workload in threads.map { Setting(workload: workload, threads: $0) } }
    }

    /// Measured runs, if all are made.
    public var plannedRuns: Int { settings.count * observers.count * runs }

    public func count(for setting: Setting) -> UInt64? {
        counts.first { $0.workload == setting.workload && $0.threads == setting.threads }?.count
    }

    public func workload(_ name: String) -> Workload { Workload.named(name) ?? .program }
}
