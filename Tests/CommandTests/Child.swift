// SPDX-License-Identifier: Apache-2.0
import Glibc

/// A program that runs in a process group of its own, or in a session on a terminal of its own.
///
/// Its number stays taken until ``dispose()``, which kills what is left of the group: nothing that
/// a test starts outlives the test, and nothing else is ever killed.
final class Child {
    /// Where standard output or standard error goes.
    enum Sink {
        /// Into ``output`` or ``errors``.
        case collected
        /// Into a pipe that is open and never read.
        case unread
        /// Into a pipe without a reader.
        case readerGone
        case file(String)
    }

    struct TimeLimit: Error, CustomStringConvertible { let description: String }
    struct SpawnError: Error, CustomStringConvertible { let description: String }

    let pid: pid_t
    private(set) var output: [UInt8] = []
    private(set) var errors: [UInt8] = []
    private let command: [String]
    private var readers: [(descriptor: Int32, isError: Bool)] = []
    private var held: [Int32] = []
    private let terminal: PseudoTerminal?
    private var isDisposed = false

    /// - Parameters:
    ///   - command: the program, by its path or found in PATH, and its arguments.
    ///   - terminal: standard input, output and error, and the controlling terminal.
    init(
        _ command: [String], output: Sink = .collected, errors: Sink = .collected,
        environment: [String: String] = [:], terminal: PseudoTerminal? = nil
    ) throws {
        self.command = command
        self.terminal = terminal
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        var inherited: [Int32] = []
        defer { inherited.forEach { close($0) } }
        if let terminal {
            // The leader of a new session that opens a terminal gets it as its controlling one.
            posix_spawn_file_actions_addopen(&actions, 0, terminal.path, O_RDWR, 0)
            posix_spawn_file_actions_adddup2(&actions, 0, 1)
            posix_spawn_file_actions_adddup2(&actions, 0, 2)
        } else {
            posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
            for (sink, number) in [(output, Int32(1)), (errors, 2)] {
                if case .file(let path) = sink {
                    posix_spawn_file_actions_addopen(&actions, number, path, O_WRONLY | O_CREAT | O_TRUNC, 0o666)
                    continue
                }
                var ends: [Int32] = [-1, -1]
                guard pipe(&ends) == 0 else { throw SpawnError(description: "no pipe: \(errno)") }
                for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
                posix_spawn_file_actions_adddup2(&actions, ends[1], number)
                inherited.append(ends[1])
                switch sink {
                case .readerGone: close(ends[0])
                case .unread: held.append(ends[0])
                default:
                    _ = fcntl(ends[0], F_SETFL, O_NONBLOCK)
                    readers.append((ends[0], number == 2))
                }
            }
        }

        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
        let setsid: Int32 = 0x80  // POSIX_SPAWN_SETSID of <spawn.h>
        let place = terminal == nil ? Int32(POSIX_SPAWN_SETPGROUP) : setsid
        posix_spawnattr_setflags(&attributes, Int16(place | Int32(POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK)))
        var all = sigset_t()
        sigfillset(&all)
        posix_spawnattr_setsigdefault(&attributes, &all)
        var none = sigset_t()
        sigemptyset(&none)
        posix_spawnattr_setsigmask(&attributes, &none)

        var variables = [
            "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C.UTF-8",
            "TERM": "xterm",
            "apus": Programs.apus, "workload": Programs.workload,
        ]
        if let libraries = getenv("LD_LIBRARY_PATH") { variables["LD_LIBRARY_PATH"] = String(cString: libraries) }
        variables.merge(environment) { $1 }
        // Freed below: posix_spawn copies what it needs.
        var arguments = command.map { strdup($0) } + [nil]
        var entries = variables.map { strdup("\($0)=\($1)") } + [nil]
        defer { (arguments + entries).forEach { free($0) } }
        var pid: pid_t = 0
        let error = posix_spawnp(&pid, command[0], &actions, &attributes, &arguments, &entries)
        guard error == 0 else { throw SpawnError(description: "\(command[0]): \(String(cString: strerror(error)))") }
        self.pid = pid
    }

    deinit { dispose() }

    /// Kills what is left of the group, and lets its number go.
    func dispose() {
        guard !isDisposed else { return }
        isDisposed = true
        kill(-pid, SIGKILL)
        kill(pid, SIGKILL)
        var status: Int32 = 0
        while waitpid(pid, &status, 0) < 0 && errno == EINTR {}
        for reader in readers { close(reader.descriptor) }
        held.forEach { close($0) }
    }

    func signal(_ number: Int32) { kill(pid, number) }

    /// To it and to all that it started, as a terminal does.
    func signalGroup(_ number: Int32) { kill(-pid, number) }

    /// How it ended; nil: it runs. It stays a zombie.
    var end: Run.End? {
        var info = siginfo_t()
        guard waitid(P_PID, id_t(pid), &info, WEXITED | WNOHANG | WNOWAIT) == 0, info.si_signo == SIGCHLD else {
            return nil
        }
        let status = info._sifields._sigchld.si_status
        return info.si_code == Int32(CLD_EXITED) ? .code(status) : .signal(status)
    }

    /// Waits for its end. What it wrote is read meanwhile; what its own children write later is not.
    func wait(limit: Double = 20) throws -> Run {
        let deadline = Time.now + limit
        while end == nil {
            read(timeout: 2)
            guard Time.now < deadline else { throw timeLimit("did not end within \(limit) s") }
        }
        read(timeout: 0)
        return Run(end: end ?? .code(-1), output: output, errors: errors)
    }

    /// Waits until it has written something on standard output.
    @discardableResult
    func wait(for text: String, limit: Double = 20) throws -> String {
        let deadline = Time.now + limit
        while true {
            let all = String(decoding: output, as: UTF8.self)
            if all.contains(text) { return all }
            guard Time.now < deadline, end == nil else { throw timeLimit("did not write '\(text)'") }
            read(timeout: 2)
        }
    }

    /// Waits for its first line on standard output, which it writes in one piece.
    func firstLine() throws -> String {
        let text = try wait(for: "\n")
        return String(text.prefix { $0 != "\n" })
    }

    /// Waits until it sleeps in poll(2) with SIGINT kept for itself: `apus time`, once it observes.
    func waitUntilObserving(within seconds: Double = 10) throws {
        let isObserving = eventually(within: seconds) {
            read(timeout: 0)
            return Procfs.systemCall(of: pid) == "7" && Procfs.blocks(SIGINT, in: pid)
        }
        guard isObserving else { throw timeLimit("did not begin to observe") }
    }

    /// Until it has waited in the same write(2), or in poll(2) for the room to write, for a while: nobody
    /// reads, and the pipe is full.
    func waitUntilStuck() throws {
        let isStuck = eventually {
            for _ in 0..<50 {
                guard ["1", "7"].contains(Procfs.systemCall(of: pid)) else { return false }
                usleep(2_000)
            }
            return true
        }
        guard isStuck else { throw timeLimit("did not wait for a reader") }
    }

    /// Until it has taken note of a signal that it got.
    func waitUntilTaken(_ signal: Int32) throws {
        guard eventually({ !Procfs.pends(signal, in: pid) }) else { throw timeLimit("did not take signal \(signal)") }
    }

    private func timeLimit(_ what: String) -> TimeLimit {
        let now = "in system call \(Procfs.systemCall(of: pid) ?? "-")"
        let run = Run(end: end ?? .code(-1), output: output.suffix(4000), errors: errors.suffix(4000))
        return TimeLimit(description: "\(command.joined(separator: " ")) \(what), \(now): \(run)")
    }

    /// Reads all that is there; waits so many milliseconds for something.
    private func read(timeout: Int32) {
        // Nothing can be written to a terminal that is full.
        terminal?.drain()
        guard !readers.isEmpty else {
            usleep(useconds_t(timeout) * 1000)
            return
        }
        var entries = readers.map { pollfd(fd: $0.descriptor, events: Int16(POLLIN), revents: 0) }
        poll(&entries, nfds_t(entries.count), timeout)
        var chunk = [UInt8](repeating: 0, count: 1 << 16)
        for (descriptor, isError) in readers {
            while true {
                let count = Glibc.read(descriptor, &chunk, chunk.count)
                if count > 0 {
                    if isError { errors += chunk.prefix(count) } else { output += chunk.prefix(count) }
                } else if count < 0 && errno == EINTR {
                    continue
                } else {
                    if count == 0 { close(descriptor) }
                    if count == 0 { readers.removeAll { $0.descriptor == descriptor } }
                    break
                }
            }
        }
    }
}
