// SPDX-License-Identifier: Apache-2.0
import BPF
import Glibc
import Linux

/// What `apus doctor` tells: what works on this machine, what does not, and what that costs.
public enum Doctor {
    /// One thing that was looked at.
    public struct Finding: Sendable {
        /// Whether what was looked at is there; unknown: it could not be tried.
        public enum Verdict: String, Sendable { case yes, no, unknown }

        /// A stable name for programs: `task_storage`.
        public let id: String
        /// What was looked at, for people.
        public let subject: String
        /// Whether it is there.
        public let verdict: Verdict
        /// What was found: a version, a mode, an error.
        public let detail: String
        /// The commands or columns that go without it; empty where there is nothing to miss.
        public let costs: String
        /// What would bring it back; empty where it is there.
        public let remedy: String
    }

    /// What ``Doctor/examine()`` found.
    public struct Examination: Sendable {
        /// Rights first, then features of the kernel, then what else there is.
        public let findings: [Finding]
        /// Whether `apus time` can run.
        public let canTime: Bool
    }

    /// Looks at everything. Without privilege it says what cannot be tried.
    public static func examine() -> Examination {
        var findings = [Finding("kernel", "kernel", true, "\(Host.kernel) \(Host.architecture)")]

        let withoutBPF = "all commands but apus syscalls --observer ptrace, and parts of apus clock"

        // The user's rights.
        let permitted = Capability.bpf.isEffective && Capability.perfmon.isEffective
        for (capability, costs) in [
            (Capability.bpf, withoutBPF), (.perfmon, withoutBPF),
            (.sysAdmin, "the observer's own cost (bpf_run_ns)"),
            (.syslog, "names of kernel functions in apus profile and apus modules"),
        ] {
            findings.append(
                Finding(
                    capability.name.lowercased(), capability.name, capability.isEffective,
                    capability.isEffective ? "in effect" : "not in effect", costs: costs,
                    remedy: "run as root, or: setcap cap_bpf,cap_perfmon,cap_sys_admin,cap_syslog+ep apus"))
        }

        // The kernel's features, each tried.
        let features: [(Feature, String, String, String)] = [
            (.btf, "kernel types (BTF)", withoutBPF, "a kernel with CONFIG_DEBUG_INFO_BTF=y"),
            (.tracing, "loading a program", withoutBPF, "CAP_BPF and CAP_PERFMON, and no seccomp filter on bpf(2)"),
            (.ringBuffer, "ring buffer", withoutBPF, ""),
            (.taskIterator, "task iterator", "apus time, counters, syscalls and profile", ""),
            (.taskStorage, "task storage", "some speed: threads are found in a hash", ""),
            (
                .taskRegisters, "bpf_task_pt_regs", "no column: the stack is read instead", ""
            ),
            (
                .fentry, "fentry and fexit", "the fault column of apus time; the cheap hooks of apus modules",
                "with function tracing, not locked down"
            ),
            (.kprobes, "kprobes", "no command needs it yet", "a kernel with CONFIG_KPROBES=y"),
            (.uprobes, "uprobes", "no command needs it yet", "a kernel with CONFIG_UPROBES=y"),
            (.coarseClock, "bpf_ktime_get_coarse_ns", "a row of apus clock", ""),
            (.taiClock, "bpf_ktime_get_tai_ns", "a row of apus clock", ""),
            (.runStatistics, "timing of BPF programs", "the observer's own cost (bpf_run_ns)", "and CAP_SYS_ADMIN"),
        ]
        var works: Set<Feature> = []
        for (feature, subject, costs, other) in features {
            let remedy = feature.since.map { "a kernel since \($0)" + (other.isEmpty ? "" : ", \(other)") } ?? other
            let error = feature.trial()
            if error == nil { works.insert(feature) }
            let isBlind = feature.needsKernelTypes && !works.contains(.btf)
            if let error, isBlind || (!permitted && error.code == .notPermitted) {
                findings.append(
                    Finding(
                        feature.id, subject, nil,
                        isBlind ? "cannot be tried without kernel types" : "not permitted to try it",
                        costs: costs, remedy: isBlind ? "first kernel types (BTF)" : "run as root to find out"))
            } else {
                findings.append(
                    Finding(
                        feature.id, subject, error == nil,
                        error.map(reason) ?? (feature.isListed ? "the kernel lists them" : "tried, works"),
                        costs: costs,
                        remedy: error?.code == .notPermitted && feature != .runStatistics
                            ? "no lockdown and no seccomp filter on it" : remedy))
            }
        }
        findings += environment()
        let needed: Set<Feature> = [.btf, .tracing, .ringBuffer, .taskIterator]
        return Examination(findings: findings, canTime: permitted && needed.isSubset(of: works))
    }

    private static func reason(_ error: BPFError) -> String {
        switch error.code {
        case .notPermitted: "not permitted"
        case .notSupported, .notFound: "not in this kernel"
        default: error.description
        }
    }

    private static func environment() -> [Finding] {
        let lockdown = Procfs.text("/sys/kernel/security/lockdown").flatMap { text in
            text.split(separator: "[").last?.split(separator: "]").first.map { String($0) }
        }
        let modules = access("/proc/modules", F_OK) == 0
        let metadata = SyscallMetadata().isAvailable
        let pmu = Procfs.text("/sys/bus/event_source/devices/cpu/type") != nil
        let error = SamplingClock.trial()
        // PROC_PID_INIT_INO of include/linux/proc_ns.h.
        let isInitial = Procfs.pidNamespace == 0xEFFF_FFFC
        return [
            Finding(
                "no_lockdown", "no kernel lockdown", lockdown.map { $0 == "none" },
                lockdown ?? "securityfs is not mounted",
                costs: lockdown == nil ? "" : "fentry, kprobes, reading kernel memory (confidentiality)",
                remedy: lockdown == nil
                    ? "mount -t securityfs securityfs /sys/kernel/security" : "boot with lockdown=none"),
            Finding(
                "modules", "loadable modules", modules,
                modules ? "/proc/modules is there" : "CONFIG_MODULES is off", costs: "apus modules",
                remedy: "a kernel with CONFIG_MODULES=y"),
            Finding(
                "syscall_metadata", "metadata of system calls", metadata,
                metadata ? "tracefs, events/syscalls" : "tracefs has no events/syscalls, or is out of reach",
                costs: "names of parameters of rare calls in apus syscalls",
                remedy: "CAP_SYS_ADMIN, or a kernel with CONFIG_FTRACE_SYSCALLS=y"),
            Finding(
                "pmu", "hardware counters (PMU)", pmu, pmu ? "cpu" : "no cpu event source",
                costs: "hardware events in apus counters, cycles as apus profile's clock",
                remedy: "real hardware, or a hypervisor that passes the PMU on"),
            paranoia(),
            Finding(
                "sampling_clock", "sampling clock", error == nil,
                error.map { SystemError.name(of: $0.errno) } ?? "tried, up to \(SamplingClock.maxRate) Hz",
                costs: "apus profile, apus time --sample",
                remedy: "CAP_PERFMON, and no seccomp filter on perf_event_open(2)"),
            ptrace(),
            Finding(
                "pid_namespace", "first PID namespace", isInitial,
                isInitial ? "PIDs are the kernel's own" : "in a container: PIDs are this namespace's",
                costs: "processes outside the container", remedy: "run it in the host's PID namespace"),
            Finding(
                "accounting", "kernel's CPU accounting", true,
                "\(KernelAccounting.current.name), a tick is \(Clock.tick / 1_000) µs"),
        ]
    }

    /// Documentation/admin-guide/sysctl/kernel.rst: above 1 a user cannot sample the kernel, but with CAP_PERFMON.
    private static func paranoia() -> Finding {
        let level = Procfs.text("/proc/sys/kernel/perf_event_paranoid")
        let isMeant = level.flatMap { Int($0) }.map { $0 > 1 } ?? false
        let isAbove = Capability.perfmon.isEffective
        return Finding(
            "perf_event_paranoid", "perf_event_paranoid", level.map { _ in !isMeant || isAbove },
            (level ?? "it cannot be read") + (isMeant && isAbove ? ", and CAP_PERFMON is above it" : ""),
            costs: "samples and counts of the kernel's part",
            remedy: "CAP_PERFMON, or: sysctl kernel.perf_event_paranoid=1")
    }

    /// Documentation/admin-guide/LSM/Yama.rst.
    private static func ptrace() -> Finding {
        let scope = Procfs.text("/proc/sys/kernel/yama/ptrace_scope").flatMap { Int($0) } ?? 0
        let isAbove = Capability.sysPtrace.isEffective
        let what =
            switch scope {
            case 0: "processes of the same user"
            case 1: "descendants alone, ptrace_scope is 1"
            case 2: "for administrators, ptrace_scope is 2"
            default: "for nobody, ptrace_scope is \(scope)"
            }
        return Finding(
            "ptrace", "ptrace", scope == 0 || (scope < 3 && isAbove),
            isAbove && scope < 3 ? "any process: CAP_SYS_PTRACE" : what,
            costs: "apus syscalls --observer ptrace" + (scope == 1 ? " -p, of what it did not launch" : ""),
            remedy: scope < 3
                ? "CAP_SYS_PTRACE, or: sysctl kernel.yama.ptrace_scope=0" : "a boot without it: it cannot be lowered")
    }
}

extension Doctor.Finding {
    /// Of what is there, or not, or nil: nobody knows. What is there costs nothing.
    fileprivate init(
        _ id: String, _ subject: String, _ isThere: Bool?, _ detail: String, costs: String = "", remedy: String = ""
    ) {
        self.init(
            id: id, subject: subject, verdict: isThere.map { $0 ? .yes : .no } ?? .unknown, detail: detail,
            costs: isThere == true ? "" : costs, remedy: isThere == true ? "" : remedy)
    }
}

extension Feature {
    /// Its trial is a look at what the kernel lists.
    fileprivate var isListed: Bool {
        switch self {
        case .kprobes, .uprobes: true
        default: false
        }
    }

    /// Whether its trial asks the kernel's type information for what it attaches to.
    fileprivate var needsKernelTypes: Bool {
        switch self {
        case .taskIterator, .taskStorage, .taskRegisters, .fentry: true
        default: false
        }
    }

    /// The raw value as a stable name: `taskStorage` is `task_storage`.
    fileprivate var id: String {
        rawValue.reduce(into: "") { name, character in
            name += character.isUppercase ? "_" + character.lowercased() : String(character)
        }
    }
}
