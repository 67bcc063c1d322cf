// SPDX-License-Identifier: Apache-2.0
import Linux

/// What time can be read from.
public enum TimeSource: String, CaseIterable, Sendable {
    /// The time-stamp counter of x86; `rdtscp` waits until what comes before it is done.
    case rdtsc, rdtscp
    /// Clocks of `clock_gettime(2)`.
    case monotonic, monotonicRaw, monotonicCoarse, realtime, boottime, processCPU, threadCPU
    /// `gettimeofday(2)`; the CPU time of `getrusage(2)`.
    case gettimeofday, getrusage
    /// `getppid(2)`, to compare with: it tells no time.
    case systemCall
    /// Helpers of BPF programs.
    case bpf, bpfBoot, bpfCoarse, bpfTAI

    /// As it is called in C.
    public var name: String {
        switch self {
        case .rdtsc, .rdtscp, .gettimeofday, .getrusage: rawValue
        case .monotonic: "CLOCK_MONOTONIC"
        case .monotonicRaw: "CLOCK_MONOTONIC_RAW"
        case .monotonicCoarse: "CLOCK_MONOTONIC_COARSE"
        case .realtime: "CLOCK_REALTIME"
        case .boottime: "CLOCK_BOOTTIME"
        case .processCPU: "CLOCK_PROCESS_CPUTIME_ID"
        case .threadCPU: "CLOCK_THREAD_CPUTIME_ID"
        case .systemCall: "getppid, a system call"
        case .bpf: "bpf_ktime_get_ns"
        case .bpfBoot: "bpf_ktime_get_boot_ns"
        case .bpfCoarse: "bpf_ktime_get_coarse_ns"
        case .bpfTAI: "bpf_ktime_get_tai_ns"
        }
    }

    /// Its values are cycles.
    public var isCounter: Bool { self == .rdtsc || self == .rdtscp }

    /// Its values are times at all.
    var tellsTime: Bool { self != .systemCall }

    /// Two threads read the same time from it.
    public var isShared: Bool { tellsTime && self != .threadCPU && helper == nil }

    /// The helper that a BPF program calls, without `bpf_`.
    var helper: String? {
        switch self {
        case .bpf, .bpfBoot, .bpfCoarse, .bpfTAI: String(name.dropFirst("bpf_".count))
        default: nil
        }
    }

    /// For readings in user space.
    var clock: ReadableClock? {
        switch self {
        case .rdtsc: .rdtsc
        case .rdtscp: .rdtscp
        case .monotonic: .monotonic
        case .monotonicRaw: .monotonicRaw
        case .monotonicCoarse: .monotonicCoarse
        case .realtime: .realtime
        case .boottime: .boottime
        case .processCPU: .processCPU
        case .threadCPU: .threadCPU
        case .gettimeofday: .gettimeofday
        case .getrusage: .getrusage
        case .systemCall: .systemCall
        case .bpf, .bpfBoot, .bpfCoarse, .bpfTAI: nil
        }
    }
}
