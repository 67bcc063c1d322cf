// SPDX-License-Identifier: Apache-2.0
import Glibc

/// What all CPUs of the machine have done so far, in nanoseconds.
public struct MachineLoad: Sendable {
    /// In any program or in the kernel, interrupts included; from the first line of /proc/stat, as fine as
    /// the kernel's clock ticks there (USER_HZ), 10 ms.
    public let busy: UInt64
    /// Taken by the hypervisor for others; as fine as ``busy``.
    public let stolen: UInt64
    /// CPU time of each process that is there, by its PID, threads that have ended included: what the
    /// scheduler accounts, to the nanosecond. Of this process there is none. nil: others are hidden from this one,
    /// by a PID namespace or by how /proc is mounted.
    let processes: [Int32: UInt64]?

    /// nil where it cannot be read.
    ///
    /// - Parameter before: what follows is to be measured: what it takes to read this comes before it.
    public static func now(before: Bool) -> MachineLoad? {
        let early = before ? processes() : nil
        guard let line = Procfs.text("/proc/stat")?.split(separator: "\n").first else { return nil }
        // proc(5): user nice system idle iowait irq softirq steal guest guest_nice
        let ticks = line.split(separator: " ").dropFirst().compactMap { UInt64($0) }
        guard ticks.count >= 8 else { return nil }
        let tick = 1_000_000_000 / UInt64(max(1, sysconf(Int32(_SC_CLK_TCK))))
        return MachineLoad(
            busy: (ticks[0] + ticks[1] + ticks[2] + ticks[5] + ticks[6]) * tick, stolen: ticks[7] * tick,
            processes: before ? early : processes())
    }

    private static func processes() -> [Int32: UInt64]? {
        // kthreadd, the parent of the kernel's own threads.
        guard Procfs.isKernelThread(2) else { return nil }
        var times: [Int32: UInt64] = [:]
        for pid in Procfs.list("/proc").compactMap({ Int32($0) }) where pid != getpid() {
            times[pid] = Clock.processCPU(of: pid)
        }
        return times
    }

    /// CPU time that each program used since, by its PID, in nanoseconds: of those that are there now, without
    /// this one. The kernel's own threads are not among them; what they do may be on anybody's behalf. nil where
    /// others are hidden.
    public func programTimes(since before: MachineLoad) -> [Int32: UInt64]? {
        guard let processes, let earlierTimes = before.processes else { return nil }
        var times: [Int32: UInt64] = [:]
        for (pid, time) in processes {
            // A number can have come to another process.
            let earlier = earlierTimes[pid].flatMap { $0 <= time ? $0 : nil } ?? 0
            if time > earlier && !Procfs.isKernelThread(pid) { times[pid] = time - earlier }
        }
        return times
    }
}
