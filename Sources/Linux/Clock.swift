// SPDX-License-Identifier: Apache-2.0
import Glibc

/// Time in nanoseconds, from the clocks that the kernel's programs use.
public enum Clock {
    /// CLOCK_MONOTONIC, the clock of `bpf_ktime_get_ns()`.
    public static var monotonic: UInt64 { read(CLOCK_MONOTONIC) }
    /// CPU time that this process has used.
    public static var processCPU: UInt64 { read(CLOCK_PROCESS_CPUTIME_ID) }
    /// CPU time that another process has used, its ended threads included; nil: there is none.
    public static func processCPU(of pid: Int32) -> UInt64? {
        var clock = clockid_t()
        var time = timespec()
        guard clock_getcpuclockid(pid, &clock) == 0, clock_gettime(clock, &time) == 0 else { return nil }
        return UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
    }

    /// The length of a timer tick: the resolution of the coarse clocks (KTIME_LOW_RES).
    public static var tick: UInt64 {
        var time = timespec()
        clock_getres(CLOCK_MONOTONIC_COARSE, &time)
        return UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
    }

    private static func read(_ clock: clockid_t) -> UInt64 {
        var time = timespec()
        clock_gettime(clock, &time)
        return UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
    }

    /// The time of day, in nanoseconds since 1970.
    public static var realtime: UInt64 { read(CLOCK_REALTIME) }
    /// CLOCK_BOOTTIME, the clock of `bpf_ktime_get_boot_ns()`: it goes on while the machine sleeps.
    public static var boottime: UInt64 { read(CLOCK_BOOTTIME) }

    /// The time of day now, in RFC 3339 with milliseconds, in UTC.
    public static var rfc3339: String { rfc3339(realtime) }

    /// A time of day in RFC 3339 with milliseconds, in UTC.
    public static func rfc3339(_ realtime: UInt64) -> String {
        var seconds = time_t(realtime / 1_000_000_000)
        var parts = tm()
        gmtime_r(&seconds, &parts)
        return [Int(parts.tm_year) + 1900, Int(parts.tm_mon) + 1, Int(parts.tm_mday)]
            .map { digits($0, 2) }.joined(separator: "-") + "T" + timeOfDay(parts, realtime) + "Z"
    }

    /// A time of day as clocks here show it: `14:03:07.412`.
    public static func localTimeOfDay(_ realtime: UInt64) -> String {
        var seconds = time_t(realtime / 1_000_000_000)
        var parts = tm()
        localtime_r(&seconds, &parts)
        return timeOfDay(parts, realtime)
    }

    private static func timeOfDay(_ parts: tm, _ realtime: UInt64) -> String {
        [parts.tm_hour, parts.tm_min, parts.tm_sec].map { digits(Int($0), 2) }.joined(separator: ":")
            + "." + digits(Int(realtime / 1_000_000 % 1_000), 3)
    }

    private static func digits(_ value: Int, _ width: Int) -> String {
        let text = String(value)
        return String(repeating: "0", count: max(0, width - text.utf8.count)) + text
    }
}
