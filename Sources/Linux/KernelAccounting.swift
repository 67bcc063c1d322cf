// SPDX-License-Identifier: Apache-2.0

/// How the kernel splits a thread's CPU time into user and system time.
public enum KernelAccounting: Sendable {
    /// By the timer tick: each charges a whole tick to the mode that it finds (TICK_CPU_ACCOUNTING).
    case tick
    /// On some CPUs by the clock at each change of mode (VIRT_CPU_ACCOUNTING_GEN with `nohz_full=`).
    case preciseOn(cpus: String)

    /// The running kernel's, from which CPUs it runs without ticks.
    public static var current: KernelAccounting {
        guard let cpus = Procfs.text("/sys/devices/system/cpu/nohz_full"), !cpus.isEmpty, cpus != "(null)" else {
            return .tick
        }
        return .preciseOn(cpus: cpus)
    }

    /// In words, for reports.
    public var name: String {
        switch self {
        case .tick: "tick"
        case .preciseOn(let cpus): "precise on CPUs \(cpus), tick elsewhere"
        }
    }
}
