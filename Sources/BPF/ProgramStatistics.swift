// SPDX-License-Identifier: Apache-2.0
import CLibbpf
import Glibc

/// What the kernel knows of a loaded program's runs (`struct bpf_prog_info`).
public struct ProgramStatistics: Sendable {
    /// Its name in the object.
    public let program: String
    /// Runs while a ``StatisticsSwitch`` was on.
    public let runCount: UInt64
    /// The time of these runs, in nanoseconds.
    public let runNanoseconds: UInt64
    /// Runs that the kernel skipped because the program was running on that CPU already. Counted
    /// always; since 5.12.
    public let missedRuns: UInt64
    /// Memory for the program's code in bytes.
    public let memoryBytes: UInt64

    /// What has been added since an earlier reading of the same program.
    public func since(_ earlier: ProgramStatistics) -> ProgramStatistics {
        ProgramStatistics(
            program: program, runCount: runCount - earlier.runCount,
            runNanoseconds: runNanoseconds - earlier.runNanoseconds, missedRuns: missedRuns - earlier.missedRuns,
            memoryBytes: memoryBytes)
    }
}

extension Object {
    /// The statistics of every loaded program.
    public func statistics() throws(BPFError) -> [ProgramStatistics] {
        var all: [ProgramStatistics] = []
        for name in programs {
            var info = bpf_prog_info()
            var length = UInt32(MemoryLayout<bpf_prog_info>.size)
            let status = bpf_obj_get_info_by_fd(bpf_program__fd(try find(program: name)), &info, &length)
            guard status == 0 else { throw BPFError("read the statistics of", name, errno: -status) }
            all.append(
                ProgramStatistics(
                    program: name, runCount: info.run_cnt, runNanoseconds: info.run_time_ns,
                    missedRuns: info.recursion_misses, memoryBytes: UInt64(info.jited_prog_len)))
        }
        return all
    }
}

/// Keeps the kernel's timing of BPF programs on (`BPF_ENABLE_STATS`, since 5.8) while it lives.
///
/// It is on for every program of the machine, and costs each run two readings of the clock.
public struct StatisticsSwitch: ~Copyable {
    private let descriptor: Int32

    /// - Throws: ``BPFError``; not permitted without CAP_SYS_ADMIN.
    public init() throws(BPFError) {
        descriptor = bpf_enable_stats(BPF_STATS_RUN_TIME)
        guard descriptor >= 0 else {
            throw BPFError(nil, "switch on", "the timing of BPF programs", errno: -descriptor)
        }
    }

    deinit { close(descriptor) }
}
