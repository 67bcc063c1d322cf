// SPDX-License-Identifier: Apache-2.0
import Glibc

/// The capabilities that observing asks for. Raw values are the bit numbers of
/// include/uapi/linux/capability.h.
public enum Capability: Int, CaseIterable, Sendable {
    /// To trace other users' processes, and to read what they have mapped.
    case sysPtrace = 19
    /// To have the kernel time BPF programs, and to mount tracefs.
    case sysAdmin = 21
    /// To go beyond the limit of locked memory, which kernels before 5.11 count maps in.
    case sysResource = 24
    /// To read the kernel's addresses.
    case syslog = 34
    /// To open perf events, and to load programs that trace.
    case perfmon = 38
    /// To load programs, and to make maps.
    case bpf = 39

    /// As capabilities(7) has it: `CAP_BPF`.
    public var name: String {
        switch self {
        case .sysPtrace: "CAP_SYS_PTRACE"
        case .sysAdmin: "CAP_SYS_ADMIN"
        case .sysResource: "CAP_SYS_RESOURCE"
        case .syslog: "CAP_SYSLOG"
        case .perfmon: "CAP_PERFMON"
        case .bpf: "CAP_BPF"
        }
    }

    /// Whether this process has it in effect. CAP_BPF and CAP_PERFMON (5.8) were part of
    /// CAP_SYS_ADMIN, which still stands in for them.
    public var isEffective: Bool {
        guard let text = Procfs.field("CapEff", of: getpid()), let set = UInt64(text, radix: 16) else { return false }
        let has = { (capability: Capability) in set >> UInt64(capability.rawValue) & 1 == 1 }
        switch self {
        case .bpf, .perfmon: return has(self) || has(.sysAdmin)
        default: return has(self)
        }
    }
}
