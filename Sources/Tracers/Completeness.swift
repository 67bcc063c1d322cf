// SPDX-License-Identifier: Apache-2.0

/// Whether a result is exact, or a lower bound and why.
public struct Completeness: Sendable, Equatable {
    /// Events, or threads, that were seen and could not be counted.
    public var lostEvents: UInt64 = 0
    /// Runs of programs that the kernel skipped.
    public var missedRuns: UInt64 = 0
    /// Each a clause in plain words. Empty: exact.
    public var reasons: [String] = []

    public var isExact: Bool { reasons.isEmpty }

    public init() {}
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
    /// Mean run time of the programs that run for one system call, and for one context switch, in
    /// nanoseconds; nil where not timed or never run. What the kernel adds around a program is not
    /// in it.
    public var nanosecondsPerSyscall: Double?
    public var nanosecondsPerSwitch: Double?
    /// Why the programs were not timed.
    public var untimedReason: String?
    /// CPU time of the observing process in nanoseconds.
    public var cpuNanoseconds: UInt64 = 0
    /// The most memory that the observing process had resident.
    public var maxResidentBytes: UInt64 = 0
    /// Kernel memory of the maps.
    public var mapBytes: UInt64 = 0

    public init() {}
}
