// SPDX-License-Identifier: Apache-2.0
public import BPF
public import Linux

/// Why a tracer cannot start or go on.
public enum TracerError: Error, Sendable, CustomStringConvertible {
    /// An operation on BPF failed.
    case bpf(BPFError)
    /// Another call to the operating system failed.
    case system(SystemError)
    /// There is no process of that number, or it ended before it could be observed.
    case noSuchProcess(Int32)
    /// The kernel or this user's rights lack what the tracer stands on.
    case unavailable(String)

    public var description: String {
        switch self {
        case .bpf(let error): error.description
        case .system(let error): error.description
        case .noSuchProcess(let pid): "no process \(pid): it does not exist, has ended, or is in another PID namespace"
        case .unavailable(let why): why
        }
    }
}
