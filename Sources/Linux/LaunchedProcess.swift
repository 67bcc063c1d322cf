// SPDX-License-Identifier: Apache-2.0
import CLinux
import Glibc

/// A program that was started to be observed. It waits, forked and not yet executed, until
/// ``start()``; if it is let go before that, it never runs.
public final class LaunchedProcess {
    /// How a process ended.
    public enum Exit: Sendable, Equatable {
        /// It exited, with a status from 0 to 255.
        case code(Int32)
        /// It was killed by the signal of that number.
        case signal(Int32)
    }

    /// In this process's PID namespace; its own until ``reap()``.
    public let pid: Int32
    /// Readable when the process has ended.
    public let descriptor: Int32
    private var startPipe: Int32
    private let failurePipe: Int32
    private let program: String

    /// Forks. The program is found as a shell finds it.
    ///
    /// - Parameters:
    ///   - arguments: the program and its arguments; at least one.
    ///   - exact: the same arguments as the kernel gave them, where they may not be UTF-8.
    ///   - signals: what this process reads as signals; the program gets the mask from before.
    ///   - filter: what the program, and all that come of it, are put under before it executes.
    public init(
        _ arguments: [String], exact: [UnsafeMutablePointer<CChar>?]? = nil, unblocking signals: Signals,
        filter: SeccompFilter? = nil
    ) throws(SystemError) {
        let program = arguments.first ?? ""
        // Freed below; the child has copies of its own.
        var pointers = (exact?.map { $0.map { strdup($0) } } ?? arguments.map { strdup($0) }) + [nil]
        defer { pointers.forEach { free($0) } }
        var launch = apus_launch()
        var mask = signals.previousMask
        let status =
            filter?.withProgram { apus_fork(&launch, &pointers, &mask, $0) }
            ?? apus_fork(&launch, &pointers, &mask, nil)
        guard status == 0 else { throw SystemError("start", program, errno: status) }
        let descriptor = apus_pidfd_open(launch.pid)
        guard descriptor >= 0 else {
            let error = errno
            close(launch.start)
            close(launch.failure)
            throw SystemError("watch", program, errno: error)
        }
        self.program = program
        self.descriptor = descriptor
        pid = launch.pid
        startPipe = launch.start
        failurePipe = launch.failure
    }

    deinit {
        if startPipe >= 0 { close(startPipe) }
        close(failurePipe)
        close(descriptor)
    }

    /// Lets the program execute, and returns when it does.
    ///
    /// - Throws: ``SystemError`` with ENOENT where there is no such program, EACCES where it may
    ///   not be executed, or another error of `execve(2)`.
    public func start() throws(SystemError) {
        release()
        if let failure = waitForExecution() {
            _ = reap()
            throw failure
        }
    }

    /// Lets the program execute, and returns at once: whoever traces it has to attend to it now.
    public func release() {
        var byte: UInt8 = 1
        while write(startPipe, &byte, 1) < 0 && errno == EINTR {}
        close(startPipe)
        startPipe = -1
    }

    /// Waits until the program has executed, and gives why it could not; see ``start()``.
    public func waitForExecution() -> SystemError? {
        var failure: Int32 = 0
        var count = read(failurePipe, &failure, 4)
        while count < 0 && errno == EINTR { count = read(failurePipe, &failure, 4) }
        return count == 4 ? SystemError("run", program, errno: failure) : nil
    }

    /// Whether it has ended. It stays a zombie, so that its number is not given to another.
    public func hasEnded() -> Bool {
        var info = siginfo_t()
        return waitid(P_PID, id_t(pid), &info, WEXITED | WNOHANG | WNOWAIT) == 0 && info.si_signo == SIGCHLD
    }

    /// Waits for its end, and lets its number go.
    public func reap() -> Exit {
        var status: Int32 = 0
        while waitpid(pid, &status, 0) < 0 && errno == EINTR {}
        return Exit(status: status)
    }
}

extension LaunchedProcess.Exit {
    /// - Parameter status: as wait(2) has it, of a process that ended.
    public init(status: Int32) {
        // WIFSIGNALED, WTERMSIG, WEXITSTATUS of <bits/waitstatus.h>.
        let signal = status & 0x7f
        self = signal == 0 ? .code(status >> 8 & 0xff) : .signal(signal)
    }
}

/// A descriptor that is readable when the process has ended; -1 where there is no such process.
public func openProcess(_ pid: Int32) -> Int32 { apus_pidfd_open(pid) }
