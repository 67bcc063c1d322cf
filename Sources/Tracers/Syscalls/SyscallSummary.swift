// SPDX-License-Identifier: Apache-2.0
public import CEvents
import Linux

/// What calls come to: by call, or by process and call.
public struct SyscallSummary: Sendable {
    /// Of which calls an entry is.
    public struct Key: Hashable, Sendable {
        /// 0 where it is of all processes.
        public let pid: UInt32
        /// ``SyscallRecord/key``.
        public let call: Int

        /// - Parameters:
        ///   - pid: 0: of all processes.
        ///   - call: ``SyscallRecord/key``.
        public init(pid: UInt32, call: Int) { (self.pid, self.call) = (pid, call) }
    }

    /// Of one call. Times in nanoseconds.
    public struct Entry: Sendable {
        /// How many calls there were.
        public var count: UInt64 = 0
        /// By error number.
        public var errors: [Int32: UInt64] = [:]
        /// From entry to return, summed over all calls.
        public var total: UInt64 = 0
        /// Of the total: asleep, until it was woken; nil: the observer cannot tell.
        public var blocked: UInt64?
        /// Of the total: runnable, without a CPU; nil: the observer cannot tell.
        public var runnable: UInt64?
        /// Durations. Its maximum is exact, but where two threads of a process end such calls at once.
        public var durations = LatencyHistogram()

        /// Of no call.
        public init() {}

        /// Calls that failed.
        public var errorCount: UInt64 { errors.values.reduce(0, +) }
        /// The mean duration; 0 where there are no calls.
        public var mean: UInt64 { count == 0 ? 0 : total / count }
        /// On a CPU: what is left of the total; nil where that is not known.
        public var onCPU: UInt64? {
            blocked.map { total - min(total, $0 + (runnable ?? 0)) }
        }
    }

    /// Those that have calls.
    public internal(set) var entries: [Key: Entry] = [:]
    /// The names of processes, where they are told apart.
    public var commands: [UInt32: String] = [:]
    /// Processes are told apart.
    public let isByProcess: Bool
    /// Calls that had begun before, or had not returned at the end: they count as far as they were seen.
    public internal(set) var cutCalls: UInt64 = 0

    /// - Parameter isByProcess: tell processes apart.
    public init(isByProcess: Bool) { self.isByProcess = isByProcess }

    /// Counts a call that an observer has seen return, or never return. Other records are left out.
    public mutating func add(_ record: SyscallRecord) {
        guard record.type == SYSCALL_RECORD_CALL, !record.isFoundUnderWay else { return }
        let call = min(record.key, 2 * SYSCALL_NUMBERS - 1)
        let key = Key(pid: isByProcess ? record.header.pid : 0, call: call)
        let duration = record.header.duration_ns
        var entry = entries[key] ?? Entry()
        entry.count += 1
        entry.total += duration
        if let errno = record.errno { entry.errors[errno, default: 0] += 1 }
        entry.durations.add(duration)
        entries[key] = entry
        if record.has(SYSCALL_RESUMED) { cutCalls += 1 }
    }

    /// How many calls there were.
    public var count: UInt64 { entries.values.reduce(0) { $0 + $1.count } }
    /// How many of them failed.
    public var errorCount: UInt64 { entries.values.reduce(0) { $0 + $1.errorCount } }
    /// From entry to return, summed over all calls, in nanoseconds.
    public var total: UInt64 { entries.values.reduce(0) { $0 + $1.total } }
}

extension SyscallRecord {
    /// Told because observing began in the middle of it; it is told again when it returns.
    @inlinable public var isFoundUnderWay: Bool { has(SYSCALL_UNFINISHED) && has(SYSCALL_RESUMED) }
}

extension SyscallSummary.Entry {
    /// Adds what the programs have summed on a CPU.
    mutating func add(_ sum: syscall_sum) {
        count += sum.count
        total += sum.total_ns
        blocked = (blocked ?? 0) + sum.blocked_ns
        runnable = (runnable ?? 0) + sum.runnable_ns
        let counts = withUnsafeBytes(of: sum.buckets) { Array($0.bindMemory(to: UInt64.self)) }
        durations.add(LatencyHistogram(counts: counts, max: sum.max_ns))
    }
}
