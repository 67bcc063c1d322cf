// SPDX-License-Identifier: Apache-2.0

/// One run of a workload under an observer: what was measured, nothing derived. What was not measured
/// is nil. Times are in nanoseconds.
public struct ExperimentRun: Sendable, Codable, Equatable {
    public enum Phase: String, Sendable, Codable {
        /// Without an event: how long the observer takes to start and end, and what it sees then.
        case start
        /// A few events, to choose how many there are to be.
        case pilot
        case measured
    }

    public var phase: Phase
    public var workload: String
    public var observer: String
    public var threads: Int
    public var repetition: Int
    /// Events of each thread.
    public var count: UInt64
    /// Bytes by which the environment was larger.
    public var paddingBytes: Int
    /// Why it says nothing; nil: it went well.
    public var failure: String?

    /// Of the observer's command, from its start to its end.
    public var wallNs: UInt64?
    /// User and system time of the command and all that it ran.
    public var cpuNs: UInt64?
    /// Of it, in the kernel.
    public var systemNs: UInt64?
    public var maxRssBytes: UInt64?

    /// By the workload's own clock and counts, between its first event and its last.
    public var sectionNs: UInt64?
    public var events: UInt64?
    /// System calls that it made, by its own count.
    public var calls: UInt64?
    public var workloadCpuNs: UInt64?
    public var voluntarySwitches: UInt64?
    public var involuntarySwitches: UInt64?
    public var faults: UInt64?
    /// For how long its main thread was runnable and did not run.
    public var delayNs: UInt64?
    public var firstCpu: Int?
    public var lastCpu: Int?
    /// CPU time of the workload from its birth, start-up included: the rest is the observer's.
    public var lifeCpuNs: UInt64?
    /// Of it, in the kernel.
    public var lifeSystemNs: UInt64?

    /// By the observer's report.
    public var seenCalls: UInt64?
    public var seenFaults: UInt64?
    public var lostEvents: UInt64?
    public var programNs: UInt64?

    /// CPU time that others used meanwhile, and that the hypervisor took, on all CPUs.
    public var othersCpuNs: UInt64?
    public var stolenNs: UInt64?

    public init(
        phase: Phase, workload: String, observer: String, threads: Int, repetition: Int, count: UInt64,
        paddingBytes: Int
    ) {
        self.phase = phase
        self.workload = workload
        self.observer = observer
        self.threads = threads
        self.repetition = repetition
        self.count = count
        self.paddingBytes = paddingBytes
    }

    public var setting: Design.Setting { .init(workload: workload, threads: threads) }

    /// Whether a run can have been so, and sums and differences of its figures go well.
    var isPlausible: Bool {
        let figures = [
            wallNs, cpuNs, systemNs, maxRssBytes, sectionNs, events, calls, workloadCpuNs, voluntarySwitches,
            involuntarySwitches, faults, delayNs, lifeCpuNs, lifeSystemNs, seenCalls, seenFaults, lostEvents,
            programNs, othersCpuNs, stolenNs,
        ]
        return (1...1024).contains(threads) && count < 1 << 53 && figures.allSatisfy { $0 ?? 0 < 1 << 53 }
    }

    /// CPU time of the observer: what the command used and the workload did not.
    public var observerCpuNs: UInt64? {
        guard observer != Observer.none.name, let cpuNs, let lifeCpuNs else { return nil }
        return cpuNs - min(cpuNs, lifeCpuNs)
    }

    /// Of that, in the kernel.
    public var observerSystemNs: UInt64? {
        guard observer != Observer.none.name, let systemNs, let lifeSystemNs else { return nil }
        return systemNs - min(systemNs, lifeSystemNs)
    }

    /// What the command took beyond the workload's section.
    public var overheadNs: UInt64? {
        guard let wallNs, let sectionNs else { return nil }
        return wallNs - min(wallNs, sectionNs)
    }

    /// What disturbed it from outside; nil: nothing that could be seen.
    ///
    /// Others' CPU time is known to 10 ms, so short runs cannot be called disturbed by it for less
    /// than 20.
    public var disturbance: String? {
        guard let wallNs else { return nil }
        let wall = Double(wallNs)
        if let stolenNs, Double(stolenNs) > max(0.02 * wall, 15e6) { return "the hypervisor took CPU time" }
        if let othersCpuNs, Double(othersCpuNs) > max(0.1 * wall, 25e6) { return "other programs ran" }
        return nil
    }
}
