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
    /// How long all of it is to take, at most; seconds. What starting takes, and of a program a block of runs,
    /// can go beyond it.
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

    /// Whether an experiment can have been so, and arithmetic with it goes well.
    var isPlausible: Bool {
        let seconds = [target, budget, limit]
        let names = workloads + observers.map(\.name)
        return (1...10_000).contains(runs) && (1...10_000).contains(best) && within > 0 && within < 1
            && !threads.isEmpty && threads.allSatisfy { (1...1024).contains($0) }
            && seconds.allSatisfy { $0 > 0 && $0 <= 1e9 } && counts.allSatisfy { $0.count < 1 << 53 }
            && (1...1_000).contains(workloads.count) && (1...1_000).contains(observers.count)
            && names.allSatisfy(Self.isName)
    }

    /// Names stand in tables, in lists with commas, and on terminals.
    static func isName(_ text: String) -> Bool {
        !text.isEmpty && text.unicodeScalars.allSatisfy { $0.value >= 0x20 && !(0x7f..<0xa0).contains($0.value) }
    }

    public func count(for setting: Setting) -> UInt64? {
        counts.first { $0.workload == setting.workload && $0.threads == setting.threads }?.count
    }

    public func workload(_ name: String) -> Workload { Workload.named(name) ?? .program }
}
