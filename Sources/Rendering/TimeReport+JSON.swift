// SPDX-License-Identifier: Apache-2.0
public import Linux
public import Tracers

extension TimeReport {
    /// How to write a report as JSON.
    public struct JSONOptions: Sendable {
        /// Beside the measured times, what samples and the kernel's ticks say of them.
        public var showsAccounts = false
        /// Of a launched program: how it ended.
        public var exit: LaunchedProcess.Exit?
        /// A report for an interval: its number from 1; nil: of the whole run.
        public var interval: Int?

        /// Of a whole run, without accounts.
        public init() {}
    }

    /// The document `apus.time/1`, one line, a newline at its end.
    public func json(_ options: JSONOptions) -> [UInt8] {
        var json = JSONWriter()
        json.object { json in
            json.header("apus.time/1")
            if let interval = options.interval { json.value("interval", interval) }
            json.value("wall_ns", elapsed)
            json.object("fault") { json in
                json.value("measured", measuresFaults)
                json.value("reason", faultsReason)
                if !measuresFaults {
                    json.value("included_in", "user_ns for faults in user mode, system_ns for those in a system call")
                }
            }
            json.value("syscall_boundary_ns", boundary)
            json.object("total") { json in
                // The keys of a row, of which it is none.
                for key in ["pid", "tid", "parent_pid"] { json.value(key, nil as UInt32?) }
                json.value("command", nil as String?)
                write(total, to: &json, options)
            }
            if earlier.threads > 0 {
                json.object("earlier") { json in
                    json.value("threads", earlier.threads)
                    json.value("processes", earlier.processes)
                    write(earlier.ledger, to: &json, options)
                }
            }
            json.array("processes") { json in
                for process in processes {
                    json.object { json in
                        json.value("pid", process.pid)
                        json.value("tid", process.pid)
                        json.value("parent_pid", process.parentPID)
                        json.value("command", process.command)
                        json.value("threads", process.threads)
                        json.value("alive", process.isAlive)
                        json.value("elapsed_ns", process.elapsed)
                        write(process.ledger, to: &json, options)
                    }
                }
            }
            json.array("threads") { json in
                for thread in threads {
                    json.object { json in
                        json.value("pid", thread.pid)
                        json.value("tid", thread.tid)
                        json.value("parent_pid", thread.parentPID)
                        json.value("command", thread.command)
                        json.value("alive", thread.isAlive)
                        write(thread.ledger, to: &json, options)
                    }
                }
            }
            writeSampling(to: &json)
            if options.showsAccounts {
                json.object("kernel_accounting") { json in
                    let mode = KernelAccounting.current
                    json.value("mode", mode.name)
                    json.value("tick_ns", Clock.tick)
                }
            }
            json.exit(options.exit)
            json.completeness(completeness)
            json.observer(observer)
        }
        json.newline()
        return json.bytes
    }

    private func write(_ ledger: Ledger, to json: inout JSONWriter, _ options: JSONOptions) {
        ledger.write(to: &json, measuresFaults: measuresFaults)
        guard options.showsAccounts else { return }
        json.object("kernel_times_ns") { json in
            json.value("utime", ledger.kernelTimes.adjusted.user)
            json.value("stime", ledger.kernelTimes.adjusted.system)
            json.value("utime_raw", ledger.kernelTimes.user)
            json.value("stime_raw", ledger.kernelTimes.system)
            json.value("sum_exec_runtime", ledger.kernelTimes.runtime)
        }
        writeAccounts(of: ledger, to: &json)
    }
}

extension Ledger {
    /// Its states and counts, as members of the object that is open.
    func write(to json: inout JSONWriter, measuresFaults: Bool) {
        json.value("wall_ns", wall)
        for state in [ThreadState.user, .system] { json.value("\(state.key)_ns", self[state]) }
        json.value("fault_ns", measuresFaults ? self[.fault] : nil)
        for state in [ThreadState.irq, .softirq, .preempted, .woken] { json.value("\(state.key)_ns", self[state]) }
        json.object("blocked_ns") { json in
            for state in ThreadState.blocked where state != .other { json.value(state.key, self[state]) }
            json.value("other", self[.other])
        }
        json.object("blocked_other_by_syscall_ns") { json in
            for (call, ns) in otherWaits.sorted(by: { $0.value > $1.value }) {
                json.value(Ledger.name(ofCall: call), ns)
            }
        }
        json.value("unattributed_ns", self[.unattributed])
        json.value("residual_ns", residual)
        json.value("voluntary_switches", voluntarySwitches)
        json.value("involuntary_switches", involuntarySwitches)
        json.value("migrations", migrations)
        json.value("syscalls", syscalls)
        json.value("minor_faults", minorFaults)
        json.value("major_faults", majorFaults)
        json.object("run_queue_latency_ns") { json in
            json.value("p50", runQueueLatency.quantile(0.5))
            json.value("p99", runQueueLatency.quantile(0.99))
            json.value("max", runQueueLatency.count > 0 ? runQueueLatency.max : nil)
        }
    }

    /// The name of a system call in ``Ledger/otherWaits``.
    static func name(ofCall number: Int32) -> String {
        switch number {
        case -1: "none"
        case -2: "further"
        default: SyscallTable.name(Int(number)) ?? "syscall \(number)"
        }
    }
}
