// SPDX-License-Identifier: Apache-2.0
import CLinux

/// What time can be read from in user space, by loops that are the same in every build.
///
/// Raw values are those of `enum apus_clock`.
public enum ReadableClock: UInt32, CaseIterable, Sendable {
    /// The time-stamp counter of x86, in cycles.
    case rdtsc, rdtscp
    /// Clocks of `clock_gettime(2)`. These and what follows are in nanoseconds.
    case monotonic, monotonicRaw, monotonicCoarse, realtime, boottime, processCPU, threadCPU
    /// `gettimeofday(2)`, in whole microseconds.
    case gettimeofday
    /// User and system time of the process.
    case getrusage
    /// `getppid(2)`, whose value is no time.
    case systemCall

    private var clock: apus_clock { apus_clock(rawValue) }

    /// Whether this CPU has it, and this process may read it.
    public var isAvailable: Bool { apus_clock_is_available(clock) != 0 }

    /// Its value now, in its own unit.
    public func read() -> UInt64 { apus_clock_read(clock) }

    /// Reads it so many times in a row. Nanoseconds for all of them.
    public func loop(count: UInt64) -> UInt64 { apus_clock_loop(clock, count) }

    /// The smallest difference other than 0 between two readings in a row, of 10,000 at least; nil:
    /// there was none within the patience, which is in nanoseconds.
    public func smallestStep(patience: UInt64) -> UInt64? {
        let step = apus_clock_step(clock, patience)
        return step > 0 ? step : nil
    }

    /// Readings that two threads made by turns, each after it had seen the other's.
    public struct Exchange: Sendable {
        /// How many were compared with the one before, on the other CPU.
        public let count: UInt64
        /// How many of them were earlier than that.
        public let backward: UInt64
        /// By how much one was earlier at most, in the clock's own unit: cycles or nanoseconds.
        public let worst: UInt64
    }

    /// Has two CPUs read it by turns, so many times, or as long as the patience lasts, which is in
    /// nanoseconds. The counter is read between fences.
    ///
    /// - Throws: ``SystemError`` where a thread cannot run on a CPU.
    public func exchange(
        between one: Int32, and other: Int32, count: UInt64, patience: UInt64
    ) throws(SystemError) -> Exchange {
        var result = apus_exchange()
        let error = apus_clock_exchange(clock, one, other, count, patience, &result)
        guard error == 0 else { throw SystemError("run on", "CPUs \(one) and \(other)", errno: error) }
        return Exchange(count: result.count, backward: result.backward, worst: result.worst)
    }
}

/// The time-stamp counter and CLOCK_MONOTONIC_RAW at one moment.
public struct CounterReading: Sendable {
    /// The counter.
    public let cycles: UInt64
    /// CLOCK_MONOTONIC_RAW, in nanoseconds.
    public let raw: UInt64
    /// The moment may be off by this many cycles, up or down.
    public let error: UInt64

    /// nil where there is no counter, or it may not be read.
    public static var now: CounterReading? {
        guard ReadableClock.rdtsc.isAvailable else { return nil }
        let pair = apus_tsc_pair()
        return CounterReading(cycles: pair.cycles, raw: pair.raw_ns, error: pair.error_cycles)
    }

    /// Whether it runs at a constant rate in all power states, as the CPU says.
    public static var isInvariant: Bool { apus_tsc_is_invariant() != 0 }
}
