// SPDX-License-Identifier: Apache-2.0

extension SyscallTracer {
    /// What comes of the calls.
    public enum Result: Sendable, Equatable {
        /// A record each.
        case records
        /// Sums that the kernel keeps; no record crosses.
        case summary(byProcess: Bool)
    }

    /// What is observed, of whom, and what comes of it.
    public struct Options: Sendable {
        /// Whose calls are observed.
        public var target: Target
        /// What comes of the calls.
        public var result = Result.records
        /// Which calls are wanted; the kernel's programs apply it, but for some patterns.
        public var filter = SyscallFilter()
        /// Observe the children that the target's processes make, too.
        public var followsChildren = true
        /// So many bytes of strings and buffers are kept; 0 to 3,840. Paths are kept whole.
        public var stringLimit = 32
        /// Stop the target rather than lose a record.
        public var isLossless = false
        /// The kernel's buffer for what has not been collected yet; a power of two.
        public var bufferBytes = 16 << 20
        /// The programs wake the reader when so much is waiting.
        @usableFromInline var wakeupBytes: Int { bufferBytes / 4 }
        /// For kernels without task storage (before 5.11): threads that can live at once; 8 KB each.
        public var maxThreads = 4096
        /// For a summary by process: pairs of a process and a call that there is room for.
        public var maxSums = 16_384

        /// - Parameter target: whose calls are observed.
        public init(target: Target) { self.target = target }

        /// What ``stringLimit`` can be at most.
        public static let mostStringLimit = 3840
    }

    /// The stops by which ``Options/isLossless`` kept the target from running ahead.
    public struct FlowControl: Sendable, Equatable {
        /// How often a process was stopped.
        public var stops: UInt64 = 0
        /// Their time, summed over processes, in nanoseconds.
        public var stoppedNanoseconds: UInt64 = 0

        /// Nothing was stopped.
        public init() {}
    }
}
