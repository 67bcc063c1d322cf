// SPDX-License-Identifier: Apache-2.0
public import Linux

/// The CPU time of the same threads as it was measured, as samples say, and as the kernel's ticks say.
public struct TimeAccount: Sendable {
    /// All time on a CPU, or the part of it in one mode.
    public enum Mode: String, Sendable, CaseIterable { case onCPU = "on_cpu", user, system }

    /// Which time this is about.
    public let mode: Mode
    /// As the ledger has it, in nanoseconds. System time has that in page faults in it.
    public let exact: UInt64
    /// What counting by mode can call the same: see ``TimeReport/accounts(of:)``.
    public let exactRange: ClosedRange<UInt64>
    /// nil: it was not sampled.
    public let sampled: TimeEstimate?
    /// As the kernel reports it: of user and system time, ``KernelTimes/adjusted``; on a CPU, the exact
    /// `sum_exec_runtime`. In nanoseconds.
    public let reported: UInt64
    /// What the kernel's ticks leave open of ``reported``; nil where it is not from ticks.
    public let reportedEstimate: TimeEstimate?
    /// `utime` and `stime` as the ticks made them, in nanoseconds.
    public let raw: UInt64
    /// nil where it is not from ticks.
    public let rawEstimate: TimeEstimate?

    /// Whether the samples' interval meets ``exactRange``; nil: it was not sampled.
    public var sampledAgrees: Bool? { sampled?.explains(exactRange) }
    /// Whether the interval of what the kernel reports meets ``exactRange``; nil where there is none.
    public var reportedAgrees: Bool? { reportedEstimate?.explains(exactRange) }
    /// Whether the interval of the kernel's raw times meets ``exactRange``; nil where there is none.
    public var rawAgrees: Bool? { rawEstimate?.explains(exactRange) }
}

extension TimeReport {
    /// The accounts of one row of the report, or of its total: on a CPU, user, system.
    ///
    /// The ledger keeps times apart that a sample or a tick cannot: what interrupts took; what is
    /// unattributed; and the way into the kernel and out of it, on which the mode is the kernel's already
    /// and which the ledger calls user time until its program runs. An exact figure is called missed only
    /// where no share of these explains it. The way costs some 200 ns a system call and the program's own
    /// time; where page faults are not measured, 5 µs for each.
    public func accounts(of ledger: Ledger, _ kernel: KernelAccounting = .current) -> [TimeAccount] {
        let stolen = ledger[.irq] + ledger[.softirq]
        let open = ledger[.unattributed]
        let way =
            ledger.syscalls * (200 + UInt64(observer.nanosecondsPerSyscall ?? 200))
            + (measuresFaults ? 0 : 5_000 * (ledger.minorFaults + ledger.majorFaults))
        let user = ledger[.user]
        let system = ledger[.system] + ledger[.fault]
        let times = ledger.kernelTimes
        let tick = Clock.tick
        // Of a thread that runs, sum_exec_runtime is as of its last tick or switch.
        let whole = max(times.runtime, ledger.onCPU)
        let isFromTicks = if case .tick = kernel { tick > 0 } else { false }

        func account(
            _ mode: TimeAccount.Mode, _ exact: UInt64, _ range: ClosedRange<UInt64>, samples: UInt64,
            reported: UInt64, raw: UInt64
        ) -> TimeAccount {
            let ticks = (raw + tick / 2) / max(1, tick)
            let allTicks = (times.user + times.system + tick / 2) / max(1, tick)
            return TimeAccount(
                mode: mode, exact: exact, exactRange: range,
                sampled: sampling.map { TimeEstimate(count: samples, life: ledger.wall, each: $0.interval) },
                reported: reported,
                reportedEstimate: isFromTicks && mode != .onCPU
                    ? TimeEstimate(count: ticks, of: max(ticks, allTicks), splitting: whole, as: reported)
                    : nil,
                raw: raw,
                rawEstimate: isFromTicks ? TimeEstimate(count: ticks, life: ledger.wall, each: Double(tick)) : nil)
        }
        return [
            account(
                .onCPU, ledger.onCPU, ledger.onCPU - stolen...ledger.onCPU + open,
                samples: ledger.samples.user + ledger.samples.system, reported: times.runtime,
                raw: times.user + times.system),
            account(
                .user, user, user - min(user, way)...user + stolen + open, samples: ledger.samples.user,
                reported: times.adjusted.user, raw: times.user),
            account(
                .system, system, system...system + way + stolen + open, samples: ledger.samples.system,
                reported: times.adjusted.system, raw: times.system),
        ]
    }
}
