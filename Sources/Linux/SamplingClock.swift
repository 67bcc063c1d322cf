// SPDX-License-Identifier: Apache-2.0
import CLinux
import Glibc

/// What strikes on each CPU, whatever runs there, for a sample to be taken. Strokes in which the CPU is
/// idle are not told.
public enum SamplingClock: String, Sendable {
    /// The software CPU clock of perf (`PERF_COUNT_SW_CPU_CLOCK`): a timer at a fixed period, blind where the
    /// kernel has interrupts off.
    case cpuClock = "cpu-clock"
    /// The processor's cycles (`PERF_COUNT_HW_CPU_CYCLES`), whose interrupt cannot be held off; at a period
    /// that the kernel adapts.
    case cycles

    /// Strikes a second, at most: as kernel.perf_event_max_sample_rate allows, and as the timer can
    /// (10 µs between two, `perf_swevent_hrtimer`, kernel/events/core.c).
    public static var maxRate: Int {
        min(Procfs.text("/proc/sys/kernel/perf_event_max_sample_rate").flatMap { Int($0) } ?? 100_000, 100_000)
    }

    /// Opens the CPU clock of a CPU, stopped: attaching a program to it starts it.
    ///
    /// The period is fixed, and no frequency, with which the kernel would make of it what it likes.
    ///
    /// - Parameter period: nanoseconds, from 10,000.
    /// - Returns: a descriptor of a perf event, which is the caller's.
    /// - Throws: ``SystemError``; EACCES or EPERM without CAP_PERFMON, where kernel.perf_event_paranoid
    ///   is above 0.
    public static func open(cpu: Int, period: UInt64) throws(SystemError) -> Int32 {
        var attributes = perf_event_attr()
        attributes.type = PERF_TYPE_SOFTWARE.rawValue
        attributes.config = UInt64(PERF_COUNT_SW_CPU_CLOCK.rawValue)
        attributes.sample_period = period
        return try open(&attributes, cpu)
    }

    /// Opens the counter of a CPU's cycles, stopped, to strike so many times a second on average.
    ///
    /// - Throws: ``SystemError``; ENOENT or EOPNOTSUPP where no processor's counter is to be had.
    public static func openCycles(cpu: Int, frequency: Int) throws(SystemError) -> Int32 {
        var attributes = perf_event_attr()
        attributes.type = PERF_TYPE_HARDWARE.rawValue
        attributes.config = UInt64(PERF_COUNT_HW_CPU_CYCLES.rawValue)
        attributes.freq = 1
        attributes.sample_freq = UInt64(frequency)
        return try open(&attributes, cpu)
    }

    private static func open(_ attributes: inout perf_event_attr, _ cpu: Int) throws(SystemError) -> Int32 {
        attributes.size = UInt32(MemoryLayout<perf_event_attr>.size)
        attributes.disabled = 1
        // An idle CPU without ticks would be throttled after as many strokes as it may have in a tick,
        // as only a tick begins the count anew (`__perf_event_account_interrupt`), and when it gets work it
        // would not be sampled before the next.
        attributes.exclude_idle = 1
        let event = apus_perf_event_open(&attributes, -1, Int32(cpu))
        guard event >= 0 else { throw SystemError("open", "the sampling clock of CPU \(cpu)", errno: errno) }
        return event
    }

    /// Cycles where the processor counts them, else the kernel's clock.
    public static func best(frequency: Int) -> SamplingClock {
        guard let cpu = CPUs.online.first, let event = try? openCycles(cpu: cpu, frequency: frequency) else {
            return .cpuClock
        }
        close(event)
        return .cycles
    }

    /// Opens one and closes it. nil: it can be had.
    public static func trial() -> SystemError? {
        guard let cpu = CPUs.online.first else { return SystemError("find", "a CPU", errno: ENODEV) }
        do throws(SystemError) { close(try open(cpu: cpu, period: 1_000_000_000)) } catch { return error }
        return nil
    }
}
