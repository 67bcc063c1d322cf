// SPDX-License-Identifier: Apache-2.0
import BPF
import Glibc
import Linux

/// A number of things in words: `1 thread`, `2 threads`.
func counted(_ count: some BinaryInteger, _ one: String, _ many: String? = nil) -> String {
    "\(count) " + (count == 1 ? one : many ?? one + "s")
}

/// Whether a result is exact, or a lower bound and why.
public struct Completeness: Sendable, Equatable {
    /// Events, or threads, that were seen and could not be counted.
    public var lostEvents: UInt64 = 0
    /// Runs of programs that the kernel skipped.
    public var missedRuns: UInt64 = 0
    /// Each a clause in plain words. Empty: exact.
    public var reasons: [String] = []

    /// Nothing is known to be missing.
    public var isExact: Bool { reasons.isEmpty }

    /// Exact.
    public init() {}

    /// Adds runs of a program whose execution the kernel did not tell of.
    public mutating func take(unobserved runs: Int) {
        guard runs > 0 else { return }
        reasons.append(
            "the kernel did not tell of the execution of \(runs) \(runs == 1 ? "run, which is" : "runs, which are") "
                + "left out")
    }

    /// Adds the runs that the kernel skipped.
    mutating func takeSkippedRuns(_ statistics: [ProgramStatistics]) {
        let skipped = statistics.filter { $0.missedRuns > 0 }
        missedRuns = skipped.reduce(0) { $0 + $1.missedRuns }
        guard !skipped.isEmpty else { return }
        reasons.append(
            "the kernel skipped runs of "
                + skipped.map { "\($0.program) (\($0.missedRuns))" }.joined(separator: ", "))
    }
}

/// What the observation cost the machine.
public struct ObserverCost: Sendable, Equatable {
    /// How often the BPF programs ran, for all processes of the machine.
    public var runCount: UInt64 = 0
    /// Their run time in nanoseconds; nil where the kernel did not time any. If not every run was
    /// timed, the mean of those that were times ``runCount``.
    public var runNanoseconds: UInt64?
    /// How many of the runs the kernel timed.
    public var timedRuns: UInt64 = 0
    /// Mean run time of the programs that run for one system call, in nanoseconds; nil where not timed or
    /// never run. What the kernel adds around a program is not in it.
    public var nanosecondsPerSyscall: Double?
    /// Mean run time of the programs that run for one context switch, likewise.
    public var nanosecondsPerSwitch: Double?
    /// Why the programs were not timed.
    public var untimedReason: String?
    /// How often a thread of the target stopped for an observer that traces; nil: it is none.
    public var stopCount: UInt64?
    /// CPU time of the observing process in nanoseconds.
    public var cpuNanoseconds: UInt64 = 0
    /// The most memory that the observing process had resident.
    public var maxResidentBytes: UInt64 = 0
    /// Kernel memory of the maps.
    public var mapBytes: UInt64 = 0

    /// Nothing has been used.
    public init() {}

    /// What has been added since an earlier reading. Peaks, sizes and means stay as they are.
    func since(_ earlier: ObserverCost) -> ObserverCost {
        var difference = self
        difference.runCount -= earlier.runCount
        difference.timedRuns -= min(timedRuns, earlier.timedRuns)
        difference.cpuNanoseconds -= earlier.cpuNanoseconds
        if let ns = runNanoseconds, timedRuns < runCount, runCount > 0 {
            // By the mean of all that were timed so far: two estimates of all runs differ by more than is between.
            difference.runNanoseconds = UInt64(Double(ns) / Double(runCount) * Double(difference.runCount))
        } else if let ns = runNanoseconds {
            difference.runNanoseconds = ns - min(ns, earlier.runNanoseconds ?? 0)
        }
        return difference
    }

    /// What this process has used so far.
    public static var ofThisProcess: ObserverCost {
        var cost = ObserverCost()
        var usage = rusage()
        getrusage(__rusage_who_t(RUSAGE_SELF.rawValue), &usage)
        cost.maxResidentBytes = UInt64(usage.ru_maxrss) * 1024
        cost.cpuNanoseconds = Clock.processCPU
        return cost
    }
}
