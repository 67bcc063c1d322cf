// SPDX-License-Identifier: Apache-2.0
import CLinux
import Glibc

/// A call to the operating system that failed: what was tried, on what, and the error number.
public struct SystemError: Error, Sendable, CustomStringConvertible {
    /// What was tried, as a verb phrase: `open`, `run`.
    public let operation: String
    /// On what: a path, a program, `process 812`.
    public let subject: String
    /// The error number, errno(3).
    public let errno: Int32

    /// - Parameters:
    ///   - operation: what was tried, as a verb phrase.
    ///   - subject: on what.
    ///   - errno: the error number.
    public init(_ operation: String, _ subject: String, errno: Int32) {
        self.operation = operation
        self.subject = subject
        self.errno = errno
    }

    /// The name of an error number: `ENOENT`; the number itself where it has none.
    public static func name(of errno: Int32) -> String {
        apus_errno_name(errno).map { String(cString: $0) } ?? restarts[errno]?.name ?? "errno \(errno)"
    }

    /// What an error number means, in words.
    public static func text(of errno: Int32) -> String { restarts[errno]?.text ?? String(cString: strerror(errno)) }

    /// Whether the kernel makes the call again, or would: the program itself never sees such an error.
    public static func isRestart(_ errno: Int32) -> Bool { restarts[errno] != nil }

    /// include/linux/errno.h.
    private static let restarts: [Int32: (name: String, text: String)] = [
        512: ("ERESTARTSYS", "To be restarted if SA_RESTART is set"),
        513: ("ERESTARTNOINTR", "To be restarted"),
        514: ("ERESTARTNOHAND", "To be restarted if no handler"),
        516: ("ERESTART_RESTARTBLOCK", "Interrupted by signal"),
    ]

    public var description: String {
        // A script whose interpreter is missing is there all the same.
        if operation == "run" && errno == ENOENT && subject.contains("/") && access(subject, F_OK) == 0 {
            return "cannot run \(subject): its interpreter does not exist"
        }
        return "cannot \(operation) \(subject): \(String(cString: strerror(errno)))"
    }
}
