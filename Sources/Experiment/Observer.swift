// SPDX-License-Identifier: Apache-2.0

/// A way to watch a program: a command around the program's own, and how to read what it reports.
public struct Observer: Sendable, Equatable, Codable {
    /// By what it sees: decides how its cost is taken apart.
    public enum Mechanism: String, Sendable, Codable {
        /// The program by itself: what all others are compared with.
        case none
        /// Programs in the kernel; the target goes on.
        case ebpf
        /// The target stops at each event, and a tracer continues it.
        case ptrace
        /// Counters and buffers of the kernel.
        case perf
        /// Not known.
        case other
    }

    /// By which it is asked for and shown.
    public let name: String
    /// Words. `{}` stands for the program and its arguments, `{command}` for the same as one word,
    /// `{report}` for a file for what it reports, `{apus}` for Apus itself.
    public let command: [String]
    /// How it observes.
    public let mechanism: Mechanism
    /// What it is to see of a program.
    public let sees: Set<Sight>
    /// What it does, in a few words.
    public let summary: String
    /// How to read its report; not part of a stored experiment.
    var reader = ReportReader.none

    /// What an observer's report can have a number of.
    public enum Sight: String, Sendable, Codable { case calls, faults }

    enum CodingKeys: String, CodingKey { case name, command, mechanism, sees, summary }

    init(
        _ name: String, _ command: String, _ mechanism: Mechanism, sees: Set<Sight> = [],
        _ reader: ReportReader = .none,
        _ summary: String
    ) {
        self.init(
            name: name, command: command.split(separator: " ").map { String($0) }, mechanism, sees, reader, summary)
    }

    init(
        name: String, command: [String], _ mechanism: Mechanism, _ sees: Set<Sight>, _ reader: ReportReader,
        _ summary: String
    ) {
        self.name = name
        self.command = command
        self.mechanism = mechanism
        self.sees = sees
        self.summary = summary
        self.reader = reader
    }

    /// The tool that it needs: a command of Apus, or a program in PATH.
    public var tool: Tool {
        guard let first = command.first, first != "{}" else { return .none }
        return first == "{apus}" ? .apus(command.count > 1 ? command[1] : "") : .program(first)
    }

    /// Where an observer's command comes from.
    public enum Tool: Sendable, Equatable {
        /// None is needed: the program runs by itself.
        case none
        /// A command of Apus, by its name: `syscalls`.
        case apus(String)
        /// A program, by its name or path.
        case program(String)
    }

    /// The whole command for a program.
    func words(around program: [String], apus: String, report: String) -> [String] {
        command.flatMap { word -> [String] in
            switch word {
            case "{}": program
            case "{command}": [program.joined(separator: " ")]
            case "{report}": [report]
            case "{apus}": [apus]
            default: [word]
            }
        }
    }
}
