// SPDX-License-Identifier: Apache-2.0

/// One run of a workload under an observer: what was measured, nothing derived. What was not measured
/// is nil. Times are in nanoseconds.
public struct ExperimentRun: Sendable, Codable, Equatable {
    /// What a run is for.
    public enum Phase: String, Sendable, Codable {
        /// Without an event: how long the observer takes to start and end, and what it sees then.
        case start
        /// A few events, to choose how many there are to be.
        case pilot
        /// As many events as the design has for the setting: the section counts.
        case measured
        /// Its block was measured and disturbed, and made again: it does not count.
        case setAside = "set_aside"
    }

    /// What it was made for.
    public var phase: Phase
    /// Its name; `program`: the user's.
    public var workload: String
    /// Its name.
    public var observer: String
    /// How many the workload had.
    public var threads: Int
    /// From 0: of a measured run its block; of starts of one observer in one setting; of pilots 0.
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
    /// The most memory that one process of the command had resident.
    public var maxRssBytes: UInt64?

    /// Between the workload's first event and its last, by its own clock.
    public var sectionNs: UInt64?
    /// Those of all threads; of a user's program 1.
    public var events: UInt64?
    /// System calls that the workload made, by its own count; nil of a user's program.
    public var calls: UInt64?
    /// CPU time of the workload and of children that it waited for, around the section.
    public var workloadCpuNs: UInt64?
    /// How often a thread of the workload gave up its CPU, around the section.
    public var voluntarySwitches: UInt64?
    /// How often a thread of the workload was taken off its CPU, around the section.
    public var involuntarySwitches: UInt64?
    /// Page faults of the workload that read nothing from a disk (`ru_minflt`), around the section.
    public var faults: UInt64?
    /// For how long its main thread was runnable and did not run.
    public var delayNs: UInt64?
    /// The CPU that its main thread was on before the section.
    public var firstCpu: Int?
    /// The CPU that its main thread was on after the section.
    public var lastCpu: Int?
    /// CPU time of the workload from its birth, start-up included: the rest is the observer's.
    public var lifeCpuNs: UInt64?
    /// Of it, in the kernel.
    public var lifeSystemNs: UInt64?

    /// System calls, by the observer's report.
    public var seenCalls: UInt64?
    /// Page faults that read nothing from a disk, by the observer's report.
    public var seenFaults: UInt64?
    /// Events that the observer says it lost.
    public var lostEvents: UInt64?
    /// Run time of the observer's BPF programs, by its report, where the kernel timed them.
    public var programNs: UInt64?

    /// BPF programs of others that were attached to the kernel before it began: what they watch they slow down, the
    /// program by itself, too. nil: not known.
    public var othersPrograms: UInt64?
    /// CPU time that other programs used meanwhile that were there at its end, by the scheduler's account; nil
    /// where other programs are hidden from this one.
    public var programsCpuNs: UInt64?
    /// The name of the one that used most of it.
    public var busiestProgram: String?
    /// CPU time that others used meanwhile, on all CPUs, those that came and went and the kernel's own threads
    /// included; known to 10 ms.
    public var othersCpuNs: UInt64?
    /// CPU time that the hypervisor took meanwhile, on all CPUs; known to 10 ms.
    public var stolenNs: UInt64?

    /// A run that is to be made: nothing is measured yet.
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

    /// What it is compared within.
    public var setting: Design.Setting { .init(workload: workload, threads: threads) }

    /// Whether a run can have been so, and sums and differences of its figures go well.
    var isPlausible: Bool {
        let figures = [
            wallNs, cpuNs, systemNs, maxRssBytes, sectionNs, events, calls, workloadCpuNs, voluntarySwitches,
            involuntarySwitches, faults, delayNs, lifeCpuNs, lifeSystemNs, seenCalls, seenFaults, lostEvents,
            programNs, programsCpuNs, othersCpuNs, stolenNs, othersPrograms,
        ]
        return (1...1024).contains(threads) && (0...10_000).contains(repetition) && count < 1 << 53
            && figures.allSatisfy { $0 ?? 0 < 1 << 53 }
    }

    /// CPU time of the observer: what the command used and the workload did not.
    public var observerCpuNs: UInt64? {
        guard observer != Observer.none.name, let cpuNs, let lifeCpuNs else { return nil }
        // One that does not wait for its child (perf trace) has not got the child's time.
        return cpuNs < lifeCpuNs ? cpuNs : cpuNs - lifeCpuNs
    }

    /// Of that, in the kernel.
    public var observerSystemNs: UInt64? {
        guard observer != Observer.none.name, let cpuNs, let lifeCpuNs, let systemNs, let lifeSystemNs else {
            return nil
        }
        return cpuNs < lifeCpuNs ? systemNs : systemNs - min(systemNs, lifeSystemNs)
    }

    /// What the command took beyond the workload's section.
    public var overheadNs: UInt64? {
        guard let wallNs, let sectionNs else { return nil }
        return wallNs - min(wallNs, sectionNs)
    }

    /// What disturbs a run from outside; in words.
    public enum Disturbance: String, Sendable {
        /// There was one.
        case tracer = "another tracer watched the machine"
        /// More than 2 % of the run's time, and more than 15 ms.
        case hypervisor = "the hypervisor took CPU time"
        /// Those that were there at its end: more than 2 % of its time, and more than 1 ms.
        case programs = "other programs ran"
        /// More than 10 % of its time, and more than 25 ms: that is known to 10 ms.
        case passersBy = "others came and went"
    }

    /// What disturbed it from outside; nil: nothing that could be seen.
    public var disturbance: Disturbance? {
        guard let wallNs else { return nil }
        if othersPrograms ?? 0 > 0 { return .tracer }
        let wall = Double(wallNs)
        if let stolenNs, Double(stolenNs) > max(0.02 * wall, 15e6) { return .hypervisor }
        if let programsCpuNs, Double(programsCpuNs) > max(0.02 * wall, 1e6) { return .programs }
        if let othersCpuNs, Double(othersCpuNs) > max(0.1 * wall, 25e6) {
            // Who is hidden may have been there all the time.
            return programsCpuNs == nil ? .programs : .passersBy
        }
        return nil
    }
}
