// SPDX-License-Identifier: Apache-2.0
import Linux
import Tracers

/// What every JSON document of Apus begins and ends with.
extension JSONWriter {
    /// `schema`, `host`, `kernel`, `time`.
    mutating func header(_ schema: String) {
        value("schema", schema)
        value("host", Host.name)
        value("kernel", Host.kernel)
        value("time", Clock.rfc3339)
    }

    /// How the program ended; null: it did not, or there was none.
    mutating func exit(_ exit: LaunchedProcess.Exit?) {
        switch exit {
        case .code(let code): object("exit") { $0.value("code", code) }
        case .signal(let signal): object("exit") { $0.value("signal", signal) }
        case nil: value("exit", String?.none)
        }
    }

    mutating func completeness(_ completeness: Completeness) {
        object("completeness") { json in
            json.value("exact", completeness.isExact)
            json.array("reasons") { json in completeness.reasons.forEach { json.value(nil, $0) } }
            json.value("lost_events", completeness.lostEvents)
            json.value("missed_runs", completeness.missedRuns)
        }
    }

    mutating func observer(_ cost: ObserverCost) {
        object("observer") { json in
            json.value("bpf_run_ns", cost.runNanoseconds)
            json.value("bpf_run_count", cost.runCount)
            json.value("bpf_timed_runs", cost.timedRuns)
            json.value("bpf_ns_per_syscall", cost.nanosecondsPerSyscall)
            json.value("bpf_ns_per_switch", cost.nanosecondsPerSwitch)
            if let reason = cost.untimedReason { json.value("bpf_untimed_reason", reason) }
            if let stops = cost.stopCount { json.value("ptrace_stops", stops) }
            json.value("bpf_map_bytes", cost.mapBytes)
            json.value("cpu_ns", cost.cpuNanoseconds)
            json.value("max_rss_bytes", cost.maxResidentBytes)
        }
    }
}
