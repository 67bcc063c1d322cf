// SPDX-License-Identifier: Apache-2.0
import Linux

/// Names of the parameters of calls that have no signature of ours, as the kernel knows them:
/// tracefs, `events/syscalls/sys_enter_NAME/format`.
public struct SyscallMetadata {
    private let tracefs = Tracefs()
    private var known: [String: SyscallSignature] = [:]

    /// Opens tracefs, where this process may.
    public init() {}

    /// False: the kernel has no such metadata (CONFIG_FTRACE_SYSCALLS), or does not let us read it.
    public var isAvailable: Bool { tracefs?.text("events/syscalls/sys_enter_read/format") != nil }

    /// The call's parameters, all in hexadecimal; where nothing is known of them, all six without
    /// names.
    public mutating func signature(of name: String) -> SyscallSignature {
        if let found = known[name] { return found }
        let format = [name, "new" + name, name.replacing64].lazy
            .compactMap { [tracefs] in tracefs?.text("events/syscalls/sys_enter_\($0)/format") }.first
        let signature = format.map { Self.parse($0, name: name) } ?? Self.unknown(name)
        known[name] = signature
        return signature
    }

    /// Without metadata: six registers, whatever of them the call takes.
    public static func unknown(_ name: String) -> SyscallSignature {
        SyscallSignature(
            name: name, parameters: (0..<6).map { _ in .init(name: "", type: SyscallType(kind: .hex)) })
    }

    /// Lines like `field:const char * filename;	offset:24;	size:8;	signed:0;`, after the common ones
    /// and `__syscall_nr`.
    static func parse(_ format: String, name: String) -> SyscallSignature {
        var parameters: [SyscallSignature.Parameter] = []
        for line in format.split(separator: "\n") {
            guard let declaration = line.split(separator: ";").first(where: { $0.hasPrefix("\tfield:") }) else {
                continue
            }
            guard let last = declaration.split(whereSeparator: { $0 == " " || $0 == "*" }).last,
                !last.hasPrefix("common_"), !last.hasPrefix("__syscall")
            else { continue }
            // Since 6.19 strings that the kernel itself reads follow as `__data_loc`.
            guard !declaration.contains("__data_loc") else { continue }
            parameters.append(.init(name: String(last), type: SyscallType(kind: .hex)))
        }
        return SyscallSignature(name: name, parameters: Array(parameters.prefix(6)))
    }
}

extension String {
    /// Some calls are told by their kernel function's name: sendfile64.
    fileprivate var replacing64: String { hasSuffix("64") ? String(dropLast(2)) : self + "64" }
}
