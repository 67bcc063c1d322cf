// SPDX-License-Identifier: Apache-2.0
import Glibc

/// What all CPUs of the machine have done so far, from the first line of /proc/stat, in nanoseconds;
/// as fine as the kernel's clock ticks there (USER_HZ), 10 ms.
public struct MachineLoad: Sendable {
    /// In any program or in the kernel, interrupts included.
    public let busy: UInt64
    /// Taken by the hypervisor for others.
    public let stolen: UInt64

    /// nil where it cannot be read.
    public static var now: MachineLoad? {
        guard let line = Procfs.text("/proc/stat")?.split(separator: "\n").first else { return nil }
        // proc(5): user nice system idle iowait irq softirq steal guest guest_nice
        let ticks = line.split(separator: " ").dropFirst().compactMap { UInt64($0) }
        guard ticks.count >= 8 else { return nil }
        let tick = 1_000_000_000 / UInt64(max(1, sysconf(Int32(_SC_CLK_TCK))))
        return MachineLoad(
            busy: (ticks[0] + ticks[1] + ticks[2] + ticks[5] + ticks[6]) * tick, stolen: ticks[7] * tick)
    }
}
