// SPDX-License-Identifier: Apache-2.0
import Glibc

/// A call to the operating system that failed: what was tried, on what, and the error number.
public struct SystemError: Error, Sendable, CustomStringConvertible {
    /// What was tried, as a verb phrase: `open`, `run`.
    public let operation: String
    public let subject: String
    public let errno: Int32

    public init(_ operation: String, _ subject: String, errno: Int32) {
        self.operation = operation
        self.subject = subject
        self.errno = errno
    }

    public var description: String {
        "cannot \(operation) \(subject): \(String(cString: strerror(errno)))"
    }
}
