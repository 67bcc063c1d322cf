// SPDX-License-Identifier: Apache-2.0
import Glibc

/// The capabilities that observing asks for. Raw values are the bit numbers of
/// include/uapi/linux/capability.h.
public enum Capability: Int, CaseIterable, Sendable {
    case sysPtrace = 19
    case sysAdmin = 21
    case sysResource = 24
    case syslog = 34
    case perfmon = 38
    case bpf = 39

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
