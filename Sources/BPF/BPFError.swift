// SPDX-License-Identifier: Apache-2.0
import Glibc

/// Why an operation on BPF failed: what was tried, on what, and what the kernel and libbpf said.
///
/// Its description is one line: what failed, on what, why, and what to do.
public struct BPFError: Error, Sendable, CustomStringConvertible {
    /// The kind of failure, for a program to act on.
    public enum Code: Sendable, Equatable {
        /// The kernel asks for a capability that the caller lacks, or a lockdown forbids it.
        case notPermitted
        /// The running kernel, or this build of libbpf, does not have the feature.
        case notSupported
        /// The object holds no such program, map or variable.
        case notFound
        /// The verifier rejected a program; ``BPFError/log`` says why.
        case rejected
        /// A value does not have the size or shape that the object declares.
        case mismatch
        /// A constant of a loaded object: the kernel has frozen it.
        case frozen
        /// Any other error number.
        case failed
    }

    /// What kind of failure it is.
    public let code: Code
    /// What was tried, as a verb phrase: `load`, `attach`.
    public let operation: String
    /// On what: the name of an object, a program, a map.
    public let subject: String
    /// The error number, or 0 where no system call failed.
    public let errno: Int32
    /// Of a feature that this kernel does not have: the first Linux that has it, `5.11`, where that is known.
    public internal(set) var since: String?
    /// What libbpf logged meanwhile, the verifier's log included. May be empty or long.
    public let log: String

    /// - Parameter code: nil: what the error number and the log amount to.
    init(_ code: Code?, _ operation: String, _ subject: String, errno: Int32 = 0, log: String = "") {
        self.code = code ?? Code(errno: errno, log: log, isLoading: operation == "load")
        self.operation = operation
        self.subject = subject
        self.errno = errno
        self.log = log
    }

    init(_ operation: String, _ subject: String, errno: Int32, log: String = "") {
        self.init(nil, operation, subject, errno: errno, log: log)
    }

    public var description: String {
        let reason: String =
            switch code {
            case .notPermitted:
                "not permitted: it needs CAP_BPF and CAP_PERFMON, or root "
                    + "(and a kernel lockdown or seccomp filter can forbid it even to root)"
            case .notSupported:
                "this kernel does not support it" + (since.map { " (Linux \($0) does)" } ?? "")
                    + (hint.map { ": \($0)" } ?? "")
            case .notFound: "there is none of that name"
            case .rejected: "the verifier rejected it" + (hint.map { ": \($0)" } ?? "")
            case .mismatch: "the size does not match the one in the object"
            case .frozen: "it is a constant, which can be set before loading alone"
            case .failed: String(cString: strerror(errno)) + (hint.map { ": \($0)" } ?? "")
            }
        return "cannot \(operation) \(subject): \(reason)"
    }

    /// The line of the log that says why: the verifier's last words, or libbpf's.
    private var hint: String? {
        let lines = log.split(separator: "\n")
        if let end = lines.firstIndex(where: { $0.hasPrefix("processed ") }), end > 0 { return String(lines[end - 1]) }
        return lines.last {
            $0.hasPrefix("libbpf:") && !$0.contains("failed to load") && !$0.contains("END PROG LOAD LOG")
        }.map { String($0.dropFirst("libbpf: ".count)) }
    }
}

extension BPFError.Code {
    init(errno: Int32, log: String, isLoading: Bool) {
        self =
            switch errno {
            case EACCES where isLoading: .rejected
            case EACCES: .notPermitted
            case EPERM where log.contains("BEGIN PROG LOAD LOG"): .rejected
            case EINVAL where log.contains("BEGIN PROG LOAD LOG"): .rejected
            case EPERM: .notPermitted
            case ENOTSUP, EOPNOTSUPP, ENOSYS, ESRCH: .notSupported
            case ENOENT: .notFound
            default: .failed
            }
    }
}
