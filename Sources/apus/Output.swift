// SPDX-License-Identifier: Apache-2.0
import ArgumentParser
import Glibc
import Linux
import Rendering

/// Where results go. Every write is checked: a full disk or a closed pipe is an error, not silence.
struct Output {
    let descriptor: Int32
    let name: String

    static let standardOutput = Output(descriptor: 1, name: "standard output")
    static let standardError = Output(descriptor: 2, name: "standard error")

    /// Opens a file for results; `-` is standard output. What is in it is replaced when something is written:
    /// who is interrupted before that has lost nothing.
    static func file(_ path: String) throws -> Output {
        guard path != "-" else { return standardOutput }
        let descriptor = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0o666)
        guard descriptor >= 0 else { throw Failure(125, SystemError("write to", path, errno: errno).description) }
        return Output(descriptor: descriptor, name: path)
    }

    private var isRegularFile: Bool {
        var status = stat()
        return fstat(descriptor, &status) == 0 && status.st_mode & S_IFMT == S_IFREG
    }

    var isTerminal: Bool { isatty(descriptor) == 1 }

    func write(_ text: String) throws { try write(Array(text.utf8)) }

    func write(_ bytes: [UInt8]) throws { try bytes.withUnsafeBytes { try write($0) } }

    /// Writes all of it. While nobody reads, signals are heard: the second one ends Apus.
    func write(_ bytes: UnsafeRawBufferPointer) throws {
        var rest = bytes[...]
        // A file takes everything; a pipe that is writable at least so much without blocking (PIPE_BUF).
        let isFile = isRegularFile
        if isFile { try emptyIfUnwritten() }
        while !rest.isEmpty {
            if !isFile { waitUntilWritable() }
            let part = UnsafeRawBufferPointer(rebasing: rest.prefix(isFile ? rest.count : 4096))
            let count = Glibc.write(descriptor, part.baseAddress, part.count)
            if count >= 0 {
                rest = rest.dropFirst(count)
            } else if errno != EINTR && errno != EAGAIN {
                throw Failure(125, SystemError("write to", name, errno: errno).description)
            }
        }
    }

    /// What interrupts a write that waits; set by commands that read signals.
    nonisolated(unsafe) static var signals: Signals?

    private func waitUntilWritable() {
        while true {
            let interrupt = Self.signals?.descriptor ?? -1
            var entries = [
                pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0),
                pollfd(fd: interrupt, events: Int16(POLLIN), revents: 0),
            ]
            guard poll(&entries, 2, -1) > 0 else { continue }
            if entries[0].revents != 0 { return }
            // The first one is taken note of: the loop asks for the count.
            if let signal = Self.signals?.next(), (Self.signals?.count ?? 0) > 1 {
                LaunchedProcess.Exit.signal(signal).imitate()
            }
        }
    }

    /// What a file held before goes when its first byte is about to come. Standard output is its owner's.
    private func emptyIfUnwritten() throws {
        guard descriptor > 2, lseek(descriptor, 0, SEEK_CUR) == 0, ftruncate(descriptor, 0) != 0 else { return }
        throw Failure(125, SystemError("write to", name, errno: errno).description)
    }

    /// Some file systems report a full disk only now.
    func finish() throws {
        guard descriptor > 2 else { return }
        if isRegularFile { try emptyIfUnwritten() }
        guard close(descriptor) == 0 else {
            throw Failure(125, SystemError("write to", name, errno: errno).description)
        }
    }

    func writeIgnoringErrors(_ text: String) { try? write(text) }

    /// For what is written before there is anything to lose.
    func writeOrExit(_ text: String) {
        do { try write(text) } catch let failure as Failure { failure.exit() } catch { Glibc.exit(125) }
    }
}

/// Options that every command has.
struct OutputOptions: ParsableArguments {
    @Flag(help: "Write JSON: one object, or one object a line where there are several.")
    var json = false

    @Option(
        name: .shortAndLong, help: ArgumentHelp("Write the results to FILE; `-` is standard output.", valueName: "file")
    )
    var output: String?

    enum Color: String, ExpressibleByArgument, CaseIterable { case auto, always, never }

    @Option(help: "Use colour: auto, always or never. NO_COLOR and TERM=dumb mean never.")
    var color = Color.auto

    /// With a program, results go to standard error, so that the program keeps its standard output.
    func open(besideProgram: Bool) throws -> Output {
        if let output { return try .file(output) }
        return besideProgram ? .standardError : .standardOutput
    }

    func style(for output: Output) -> TextStyle {
        func variable(_ name: String) -> String? { getenv(name).map { String(cString: $0) } }
        switch color {
        case .always: return TextStyle(isOn: true)
        case .never: return TextStyle(isOn: false)
        case .auto:
            let isWanted = (variable("NO_COLOR") ?? "").isEmpty && variable("TERM") != "dumb"
            return TextStyle(isOn: isWanted && output.isTerminal)
        }
    }
}
