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

    /// Opens a file for results, replacing it; `-` is standard output.
    static func file(_ path: String) throws -> Output {
        guard path != "-" else { return standardOutput }
        let descriptor = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o666)
        guard descriptor >= 0 else { throw Failure(125, SystemError("write to", path, errno: errno).description) }
        return Output(descriptor: descriptor, name: path)
    }

    var isTerminal: Bool { isatty(descriptor) == 1 }

    func write(_ text: String) throws { try write(Array(text.utf8)) }

    func write(_ bytes: [UInt8]) throws {
        var rest = bytes[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
            if count >= 0 {
                rest = rest.dropFirst(count)
            } else if errno == EAGAIN {
                _ = poll([descriptor])
            } else if errno != EINTR {
                throw Failure(125, SystemError("write to", name, errno: errno).description)
            }
        }
    }

    /// Some file systems report a full disk only now.
    func finish() throws {
        guard descriptor > 2 else { return }
        guard close(descriptor) == 0 else {
            throw Failure(125, SystemError("write to", name, errno: errno).description)
        }
    }

    func writeIgnoringErrors(_ text: String) { try? write(text) }

    private func poll(_ descriptors: [Int32]) -> Int32 {
        var entries = descriptors.map { pollfd(fd: $0, events: Int16(POLLOUT), revents: 0) }
        return Glibc.poll(&entries, nfds_t(entries.count), -1)
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
