// SPDX-License-Identifier: Apache-2.0
import CLinux
import Glibc

/// A command that is run to its end in a process group of its own, apart from the terminal: with
/// nothing to read, and with what it writes in files.
public struct CommandRun: Sendable {
    /// How it ended, and what it and all that it waited for used.
    public struct Result: Sendable {
        /// How the command came to its end.
        public enum End: Sendable, Equatable {
            /// It ended by itself.
            case exited(LaunchedProcess.Exit)
            /// It did not end in time, and was killed with all of its group.
            case timedOut
            /// A signal came to this process; it was ended likewise.
            case interrupted(Int32)
        }

        /// How the command came to its end.
        public let end: End
        /// From before its start until its end was seen, by CLOCK_MONOTONIC.
        public let wallNanoseconds: UInt64
        /// User and system time, with that of what it did not wait for itself.
        public let cpuNanoseconds: UInt64
        /// Of it, in the kernel, as that accounts for it.
        public let systemNanoseconds: UInt64
        /// The most memory that one process of them had resident.
        public let maxResidentBytes: UInt64
    }

    /// The program and its arguments; the program is found along PATH.
    public let words: [String]
    /// Added to this process's environment, or replacing what is there.
    public let variables: [(String, String)]
    /// The path of the file for its standard output, which is made or emptied.
    public let output: String
    /// The path of the file for its standard error, which is made or emptied.
    public let errors: String

    /// Nothing runs before ``run(limit:signals:)``.
    ///
    /// - Parameters:
    ///   - words: the program and its arguments.
    ///   - variables: names and values, added to the environment.
    ///   - output: the path of a file.
    ///   - errors: the path of a file.
    public init(_ words: [String], variables: [(String, String)] = [], output: String, errors: String) {
        self.words = words
        self.variables = variables
        self.output = output
        self.errors = errors
    }

    /// What it leaves running is given a tenth of a second, and then killed: nothing of it is there when this
    /// returns. Every child of this process is taken for one of those.
    ///
    /// - Parameters:
    ///   - limit: nanoseconds.
    ///   - signals: what interrupts it.
    /// - Throws: ``SystemError`` where it cannot be started.
    public func run(limit: UInt64, signals: Signals) throws(SystemError) -> Result {
        apus_adopt_orphans()
        let begin = Clock.monotonic
        let pid = try spawn(signals)
        let descriptor = openProcess(pid)
        defer { if descriptor >= 0 { close(descriptor) } }
        let end = wait(for: descriptor, until: begin + limit, signals)
        if end != nil { stop(pid, descriptor) }
        let wall = Clock.monotonic - begin
        var status: Int32 = 0
        var usage = rusage()
        while wait4(pid, &status, 0, &usage) < 0 && errno == EINTR {}
        // What it left behind, such as a program whose observer died.
        kill(-pid, SIGKILL)
        let all = [usage] + reapOrphans()
        return Result(
            end: end ?? .exited(LaunchedProcess.Exit(status: status)), wallNanoseconds: wall,
            cpuNanoseconds: all.reduce(0) { $0 + $1.ru_utime.nanoseconds + $1.ru_stime.nanoseconds },
            systemNanoseconds: all.reduce(0) { $0 + $1.ru_stime.nanoseconds },
            maxResidentBytes: UInt64(max(0, all.map(\.ru_maxrss).max() ?? 0)) * 1024)
    }

    /// Waits for what the command did not wait for, and what that leaves in turn; what each of it used.
    private func reapOrphans() -> [rusage] {
        var all: [rusage] = []
        let begin = Clock.monotonic
        // One that no signal ends, in the middle of a disk's work, is left alone after some seconds.
        while Clock.monotonic - begin < 5_000_000_000 {
            var usage = rusage()
            let pid = wait4(-1, nil, WNOHANG, &usage)
            if pid > 0 {
                all.append(usage)
            } else if pid < 0 && errno != EINTR {
                break
            } else {
                if Clock.monotonic - begin > 100_000_000 {
                    Procfs.children(of: getpid()).forEach { kill($0, SIGKILL) }
                }
                usleep(1000)
            }
        }
        return all
    }

    /// nil: it ended by itself.
    private func wait(for descriptor: Int32, until due: UInt64, _ signals: Signals) -> Result.End? {
        while true {
            let now = Clock.monotonic
            guard now < due else { return .timedOut }
            let ready = waitReadable(
                [descriptor, signals.descriptor], timeout: Int32(clamping: (due - now + 999_999) / 1_000_000))
            if ready[0] { return nil }
            if ready[1], let signal = signals.next() { return .interrupted(signal) }
        }
    }

    /// Two seconds to let go of what it observes, then the end of the whole group.
    private func stop(_ pid: pid_t, _ descriptor: Int32) {
        kill(-pid, SIGTERM)
        kill(-pid, SIGCONT)
        if !waitReadable([descriptor], timeout: 2000)[0] { kill(-pid, SIGKILL) }
    }

    private func spawn(_ signals: Signals) throws(SystemError) -> pid_t {
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
        posix_spawn_file_actions_addopen(&actions, 1, output, O_WRONLY | O_CREAT | O_TRUNC, 0o600)
        posix_spawn_file_actions_addopen(&actions, 2, errors, O_WRONLY | O_CREAT | O_TRUNC, 0o600)
        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
        posix_spawnattr_setflags(
            &attributes, Int16(POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF))
        var mask = signals.previousMask
        posix_spawnattr_setsigmask(&attributes, &mask)
        var standard = sigset_t()
        sigemptyset(&standard)
        sigaddset(&standard, SIGPIPE)
        posix_spawnattr_setsigdefault(&attributes, &standard)

        // Freed below: posix_spawn copies what it needs.
        var arguments = words.map { strdup($0) } + [nil]
        var entries = environmentEntries.map { strdup($0) } + [nil]
        defer { (arguments + entries).forEach { free($0) } }
        var pid: pid_t = 0
        let error = posix_spawnp(&pid, words.first ?? "", &actions, &attributes, &arguments, &entries)
        guard error == 0 else { throw SystemError("run", words.first ?? "", errno: error) }
        return pid
    }

    private var environmentEntries: [String] {
        var entries: [String] = []
        var entry = apus_environment()
        while let text = entry.pointee {
            let line = String(cString: text)
            if !variables.contains(where: { line.hasPrefix($0.0 + "=") }) { entries.append(line) }
            entry += 1
        }
        return entries + variables.map { "\($0.0)=\($0.1)" }
    }
}

extension timeval {
    fileprivate var nanoseconds: UInt64 { UInt64(tv_sec) * 1_000_000_000 + UInt64(tv_usec) * 1000 }
}
