// SPDX-License-Identifier: Apache-2.0
public import Linux
public import Symbols

/// Where a target spent its time, by call stack.
public struct Profile: Sendable {
    /// What a stack's weight is.
    public enum Kind: Sendable, Equatable {
        /// Samples of threads that were on a CPU.
        case onCPU
        /// The time in which threads were blocked.
        case offCPU
    }

    /// A process from one execution to the next.
    public struct Process: Sendable, Hashable {
        /// In the observer's PID namespace; 0: it is not in that.
        public let pid: UInt32
        /// The name of its first thread.
        public let command: String
    }

    /// A distinct stack of a process, and how often it was met.
    public struct Stack: Sendable {
        /// An index into ``Profile/processes``.
        public let process: Int
        /// Where in ``Profile/frames`` its locations are, the root first.
        public let frames: Range<Int>
        /// Samples, or waits.
        public let count: UInt64
        /// 0 unless off the CPU.
        public let blockedNanoseconds: UInt64
        /// It ends where no stack begins: the walk along the frame pointers broke off, or met the kernel's
        /// limit.
        public let isTruncated: Bool
    }

    /// What weights are.
    public let kind: Kind
    /// Samples a second on each CPU; 0 off the CPU.
    public let frequency: Int
    /// nil off the CPU.
    public let clock: SamplingClock?
    /// How long it was observed, in nanoseconds.
    public let elapsed: UInt64
    /// Those that stacks were met in, in the order in which they were met.
    public let processes: [Process]
    /// In the order in which they were met.
    public let stacks: [Stack]
    /// The locations of all stacks, one stack after another: numbers into `symbols.locations`.
    public let frames: [Int32]
    /// What the numbers in ``frames`` stand for.
    public let symbols: SymbolTable
    /// Samples of the target; 0 off the CPU.
    public let samples: UInt64
    /// Samples that found the target in kernel mode; 0 off the CPU.
    public let kernelSamples: UInt64
    /// Samples that were due and not taken while a thread ran on, at least: the kernel throttled the clock, or
    /// the CPU was away, as a virtual one can be. nil for cycles, which are never due, and off the CPU.
    public let missedSamples: UInt64?
    /// Waits that were not over; their time until the end of observing is included.
    public let openWaits: Int
    /// How many frames of the kernel, and again of user space, a stack can have.
    public let depthLimit: Int
    /// How long it took to name everything, in nanoseconds.
    public let symbolizing: UInt64
    /// Whether every sample, or wait, is in a stack.
    public let completeness: Completeness
    /// What sampling cost.
    public let observer: ObserverCost

    /// A stack's share of the whole: samples, or nanoseconds.
    public func weight(of stack: Stack) -> UInt64 { kind == .onCPU ? stack.count : stack.blockedNanoseconds }

    /// Of all stacks: samples, or nanoseconds.
    public var totalWeight: UInt64 { stacks.reduce(0) { $0 + weight(of: $1) } }
}
