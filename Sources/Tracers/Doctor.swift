// SPDX-License-Identifier: Apache-2.0
import BPF
import Glibc
import Linux

/// What `apus doctor` tells: what works on this machine, what does not, and what that costs.
public enum Doctor {
    /// One thing that was looked at.
    public struct Finding: Sendable {
        public enum Verdict: String, Sendable { case yes, no, unknown }

        /// A stable name for programs: `task_storage`.
        public let id: String
        /// What was looked at, for people.
        public let subject: String
        public let verdict: Verdict
        /// What was found: a version, a mode, an error.
        public let detail: String
        /// The commands or columns that go without it; empty where there is nothing to miss.
        public let costs: String
        /// What would bring it back; empty where it is there.
        public let remedy: String
    }

    public struct Examination: Sendable {
        public let findings: [Finding]
        /// Whether `apus time` can run.
        public let canTime: Bool
    }

    /// Looks at everything. Without privilege it says what cannot be tried.
    public static func examine() -> Examination {
        var findings = [
            Finding(
                id: "kernel", subject: "kernel", verdict: .yes, detail: "\(Host.kernel) \(Host.architecture)",
                costs: "",
                remedy: "")
        ]
        func add(
            _ id: String, _ subject: String, _ isThere: Bool, _ detail: String, costs: String, remedy: String
        ) {
            findings.append(
                Finding(
                    id: id, subject: subject, verdict: isThere ? .yes : .no, detail: detail,
                    costs: isThere ? "" : costs, remedy: isThere ? "" : remedy))
        }

        // The user's rights.
        let permitted = Capability.bpf.isEffective && Capability.perfmon.isEffective
        for (capability, costs) in [
            (Capability.bpf, "apus time"), (.perfmon, "apus time"),
            (.sysAdmin, "the observer's own cost (bpf_run_ns)"),
            (.sysPtrace, "descriptors and symbols of other users' processes"),
            (.syslog, "kernel symbols"),
        ] {
            add(
                capability.name.lowercased(), capability.name, capability.isEffective,
                capability.isEffective ? "in effect" : "not in effect", costs: costs,
                remedy: "run as root, or: setcap \(capability.name.lowercased())+ep apus")
        }

        // The kernel's features, each tried.
        let features: [(Feature, String, String, String)] = [
            (.btf, "kernel types (BTF)", "apus time", "a kernel with CONFIG_DEBUG_INFO_BTF=y"),
            (.tracing, "loading a program", "apus time", "CAP_BPF and CAP_PERFMON, and no seccomp filter on bpf(2)"),
            (.ringBuffer, "ring buffer", "apus time", "a kernel since 5.8"),
            (.taskIterator, "task iterator", "apus time", "a kernel since 5.8"),
            (.taskStorage, "task storage", "some speed: threads are found in a hash", "a kernel since 5.11"),
            (
                .taskRegisters, "bpf_task_pt_regs", "nothing: the stack is read instead", "a kernel since 5.15"
            ),
            (
                .fentry, "fentry and fexit", "the fault column of apus time",
                "a kernel with function tracing, not locked down"
            ),
            (.kprobes, "kprobes", "nothing yet", "a kernel with CONFIG_KPROBES=y"),
            (.uprobes, "uprobes", "nothing yet", "a kernel with CONFIG_UPROBES=y"),
            (.runStatistics, "timing of BPF programs", "the observer's own cost (bpf_run_ns)", "CAP_SYS_ADMIN"),
        ]
        var works: Set<Feature> = []
        for (feature, subject, costs, remedy) in features {
            let error = feature.trial()
            if error == nil { works.insert(feature) }
            if let error, !permitted, error.code == .notPermitted {
                findings.append(
                    Finding(
                        id: feature.id, subject: subject, verdict: .unknown, detail: "not permitted to try it",
                        costs: costs, remedy: "run as root to find out"))
            } else {
                add(
                    feature.id, subject, error == nil, error.map(reason) ?? "tried, works", costs: costs,
                    remedy: error?.code == .notPermitted && feature != .runStatistics
                        ? "no lockdown and no seccomp filter on it" : remedy)
            }
        }
        findings += environment()
        let needed: Set<Feature> = [.btf, .tracing, .ringBuffer, .taskIterator]
        return Examination(findings: findings, canTime: permitted && needed.isSubset(of: works))
    }

    private static func reason(_ error: BPFError) -> String {
        switch error.code {
        case .notPermitted: "not permitted"
        case .notSupported: "not in this kernel"
        default: error.description
        }
    }

    private static func environment() -> [Finding] {
        var findings: [Finding] = []
        let lockdown = Procfs.text("/sys/kernel/security/lockdown").flatMap { text in
            text.split(separator: "[").last?.split(separator: "]").first.map { String($0) }
        }
        findings.append(
            Finding(
                id: "lockdown", subject: "kernel lockdown",
                verdict: lockdown == nil ? .unknown : lockdown == "none" ? .no : .yes,
                detail: lockdown ?? "securityfs is not mounted",
                costs: lockdown == nil || lockdown == "none"
                    ? "" : "fentry, kprobes, reading kernel memory (confidentiality)",
                remedy: lockdown == nil
                    ? "mount -t securityfs securityfs /sys/kernel/security"
                    : lockdown == "none" ? "" : "boot with lockdown=none"))
        let modules = access("/proc/modules", F_OK) == 0
        findings.append(
            Finding(
                id: "modules", subject: "loadable modules", verdict: modules ? .yes : .no,
                detail: modules ? "/proc/modules is there" : "CONFIG_MODULES is off",
                costs: modules ? "" : "nothing yet", remedy: modules ? "" : "a kernel with CONFIG_MODULES=y"))
        let pmu = Procfs.text("/sys/bus/event_source/devices/cpu/type") != nil
        findings.append(
            Finding(
                id: "pmu", subject: "hardware counters (PMU)", verdict: pmu ? .yes : .no,
                detail: pmu ? "cpu" : "no cpu event source", costs: pmu ? "" : "nothing yet",
                remedy: pmu ? "" : "real hardware, or a hypervisor that passes the PMU on"))
        let paranoid = Procfs.text("/proc/sys/kernel/perf_event_paranoid") ?? "?"
        findings.append(
            Finding(
                id: "perf_event_paranoid", subject: "perf_event_paranoid", verdict: .yes, detail: paranoid, costs: "",
                remedy: ""))
        // PROC_PID_INIT_INO of include/linux/proc_ns.h.
        let isInitial = Procfs.pidNamespace == 0xEFFF_FFFC
        findings.append(
            Finding(
                id: "pid_namespace", subject: "first PID namespace", verdict: isInitial ? .yes : .no,
                detail: isInitial ? "PIDs are the kernel's own" : "in a container: PIDs are this namespace's",
                costs: isInitial ? "" : "processes outside the container",
                remedy: isInitial ? "" : "run it in the host's PID namespace"))
        findings.append(
            Finding(
                id: "accounting", subject: "kernel's CPU accounting", verdict: .yes,
                detail: "\(KernelAccounting.current.name), a tick is \(Clock.tick / 1_000) µs", costs: "", remedy: ""))
        return findings
    }
}

extension Feature {
    /// The raw value as a stable name: `taskStorage` is `task_storage`.
    fileprivate var id: String {
        rawValue.reduce(into: "") { name, character in
            name += character.isUppercase ? "_" + character.lowercased() : String(character)
        }
    }
}
