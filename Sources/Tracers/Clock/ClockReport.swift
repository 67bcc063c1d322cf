// SPDX-License-Identifier: Apache-2.0

/// What `apus clock` found: how well time can be read on this machine.
public struct ClockReport: Sendable {
    /// What a reading costs, by K-best.
    public struct Cost: Sendable {
        /// Nanoseconds a reading, of the fastest run; with a share of the loop around it, below a
        /// nanosecond.
        public let nanoseconds: Double
        /// How far the K fastest runs lie apart, relative to the fastest; nil: there were fewer than K.
        public let spread: Double?
        /// The K fastest runs agree.
        public let isConverged: Bool
        /// How many there were, those that were set aside included.
        public let runs: Int
        /// Runs that were set aside, as a context switch or an interrupt fell into them; nil: not known.
        public let disturbed: Int?
        /// Readings in each run.
        public let reads: Int
    }

    /// The way to the time.
    public enum Way: String, Sendable {
        /// An instruction of the CPU.
        case instruction
        /// Code of the kernel's in the process (vDSO): no system call.
        case vdso
        /// A system call for each reading.
        case systemCall = "system-call"
        /// A function of the kernel, called in the kernel.
        case helper
    }

    /// Readings that two CPUs made by turns, each after it had seen the other's.
    public struct AcrossCPUs: Sendable {
        /// Pairs of neighbours in number.
        public var pairs = 0
        /// Readings that were compared with the one before, on the other CPU.
        public var readings: UInt64 = 0
        /// How many were earlier than the one before, on the other CPU.
        public var backward: UInt64 = 0
        /// By how much one was earlier at most, in nanoseconds.
        public var worstNanoseconds: Double = 0

        /// None was earlier than the one before.
        public var isMonotonic: Bool { backward == 0 }
    }

    /// What was found of one source of time.
    public struct Row: Sendable {
        /// What was read.
        public let source: TimeSource
        /// Why it cannot be read here; nil: it can.
        public var unavailable: String?
        /// nil: it was not available, or no run went undisturbed.
        public var cost: Cost?
        /// The smallest step that was seen, in nanoseconds; nil: it tells no time, or did not move.
        public var resolution: Double?
        /// nil: not known, as system calls could not be counted.
        public var way: Way?
        /// nil: there is nothing to compare, or just one CPU.
        public var acrossCPUs: AcrossCPUs?
    }

    /// The rate of x86's time-stamp counter.
    public struct TimeStampCounter: Sendable {
        /// Against CLOCK_MONOTONIC_RAW.
        public let hertz: Double
        /// What that may be off by, up or down.
        public let errorHertz: Double
        /// Over how long it was measured, in nanoseconds.
        public let over: UInt64
        /// Constant, whatever the CPU's frequency and power state, as the CPU says.
        public let isInvariant: Bool
    }

    /// One for each ``TimeSource``, in the order of its cases.
    public var rows: [Row]
    /// What the kernel takes its time from: `tsc`; nil: it does not say.
    public let clocksource: String?
    /// What it could take it from.
    public let clocksources: [String]
    /// nil: this CPU has none, or this process may not read it.
    public var counter: TimeStampCounter?
    /// The CPU that the costs were measured on.
    public let cpu: Int
    /// What is not known, where programs could not be loaded.
    public let completeness: Completeness
    /// What measuring cost.
    public let observer: ObserverCost
}
