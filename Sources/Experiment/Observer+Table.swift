// SPDX-License-Identifier: Apache-2.0
import Glibc
import Linux

extension Observer {
    /// The program by itself: what all others are compared with.
    public static let none = Observer("none", "{}", .none, .none, "the program by itself")

    /// The one that counts calls, and does nothing else.
    static let counter = "ebpf-count"

    /// All that have names of their own.
    public static let table: [Observer] = [
        none,
        Observer(
            "ebpf-count", "{apus} __count --json -o {report} -- {}", .ebpf, sees: [.calls],
            .json(calls: "calls_total"), "a count for each call, in the kernel"),
        Observer(
            "ebpf-time", "{apus} time -q --json -o {report} -- {}", .ebpf, sees: [.calls, .faults],
            .json(calls: "total.syscalls", faults: "total.minor_faults"), "apus time: a ledger for each thread"),
        Observer(
            "ebpf-summary", "{apus} syscalls -c --json -o {report} -- {}", .ebpf, sees: [.calls],
            .json(calls: "calls_total"), "apus syscalls -c: summed in the kernel"),
        Observer(
            "ebpf-stream", "{apus} syscalls -o {report} -- {}", .ebpf, sees: [.calls], .callLines,
            "apus syscalls: a line for each call"),
        Observer(
            "ebpf-lossless", "{apus} syscalls --lossless -o {report} -- {}", .ebpf, sees: [.calls], .callLines,
            "the same, and the program waits where it is too fast"),
        Observer(
            "ebpf-sample-99", "{apus} profile -F 99 --format json -o {report} -- {}", .ebpf,
            .json(), "apus profile at 99 Hz"),
        Observer(
            "ebpf-sample-999", "{apus} profile -F 999 --format json -o {report} -- {}", .ebpf,
            .json(), "apus profile at 999 Hz"),
        Observer(
            "counters", "{apus} counters --json -o {report} -- {}", .ebpf, .json(),
            "apus counters: events by thread and mode"),
        Observer(
            "ptrace", "{apus} syscalls --observer ptrace -o {report} -- {}", .ptrace, sees: [.calls], .callLines,
            "a line for each call, by stopping the program at each"),
        Observer(
            "ptrace-seccomp", "{apus} syscalls --observer ptrace-seccomp -e openat -o {report} -- {}", .ptrace, .none,
            "the same, stopping it at openat alone"),
        Observer(
            "strace", "strace -f -o {report} {}", .ptrace, sees: [.calls], .callLines, "a line for each call"),
        Observer(
            "strace-c", "strace -f -c -o {report} {}", .ptrace, sees: [.calls],
            .field(3, ofLineWith: "total", separator: " "), "strace's summary"),
        Observer(
            "strace-seccomp", "strace -f --seccomp-bpf -e trace=openat -o {report} {}", .ptrace, .none,
            "strace, stopping the program at openat alone"),
        Observer(
            "perf-stat", "perf stat -x, -e raw_syscalls:sys_enter -o {report} -- {}", .perf, sees: [.calls],
            .field(0, ofLineWith: "raw_syscalls:sys_enter", separator: ","), "perf's count of system calls"),
        Observer(
            "perf-trace", "perf trace -o {report} -- {}", .perf, sees: [.calls], .callLines,
            "a line for each call, by perf"),
        bpftrace("bpftrace", script: ["-e", callCounter], sees: [.calls], "a count of calls, by a script"),
    ]

    /// Names of those that are compared when nothing is asked for.
    public static let standard = ["none", "ebpf-count", "ebpf-time", "ebpf-summary", "ebpf-stream", "ptrace"]
    /// Names of those that are compared with `--quick`, when nothing is asked for.
    public static let quick = ["none", "ebpf-count", "ebpf-time", "ebpf-stream", "ptrace"]

    /// Names that stand for several.
    static let groups = ["ebpf-sample": ["ebpf-sample-99", "ebpf-sample-999"]]

    /// The calls of the program and of what it starts.
    private static let callCounter = """
        tracepoint:sched:sched_process_fork /args->parent_pid == cpid || @followed[args->parent_pid]/ {
            @followed[args->child_pid] = 1;
        }
        tracepoint:raw_syscalls:sys_enter /pid == cpid || @followed[tid]/ { @calls = count(); }
        END { clear(@followed); }
        """

    private static func bpftrace(
        _ name: String, script: [String], sees: Set<Sight>, _ summary: String
    ) -> Observer {
        Observer(
            name: name, command: ["bpftrace", "-q", "-o", "{report}", "-c", "{command}"] + script, .ebpf, sees,
            sees.isEmpty ? .none : .field(1, ofLineWith: "@calls:", separator: " "), summary)
    }

    /// What a user asked for: a name of the table, a group of them, `bpftrace:FILE`, or
    /// `cmd:NAME=COMMAND` with `{}` for the program, and perhaps `{report}` for a file into which it writes
    /// a line for each call.
    ///
    /// - Throws: ``DesignError`` that offers what there is.
    public static func parse(_ text: String) throws(DesignError) -> [Observer] {
        if text.hasPrefix("bpftrace:") {
            let file = String(text.dropFirst("bpftrace:".count))
            guard !file.isEmpty else { throw DesignError("bpftrace: takes a script: bpftrace:FILE.bt") }
            guard access(file, R_OK) == 0 else {
                throw DesignError("the script \(file) cannot be read: \(SystemError.text(of: errno))")
            }
            return [bpftrace(text, script: [file], sees: [], "a script of your own")]
        }
        if text.hasPrefix("cmd:") {
            let parts = text.dropFirst("cmd:".count).split(separator: "=", maxSplits: 1)
            guard parts.count == 2, let words = Words.split(String(parts[1])), words.contains("{}") else {
                throw DesignError(
                    "'\(text)' is no observer: cmd:NAME=COMMAND, with {} as a word where the program is to stand, as in "
                        + "'cmd:mine=strace -f -o /dev/null {}'")
            }
            guard Design.isName(String(parts[0])), !parts[0].contains("/"), !parts[0].contains(" ") else {
                throw DesignError("'\(parts[0])' is no name of an observer: without spaces, / and control characters")
            }
            guard !table.contains(where: { $0.name == parts[0] }) else {
                throw DesignError("'\(parts[0])' is the name of another observer")
            }
            // What it writes into a report is taken for a line a call.
            let reports = words.contains("{report}")
            return [
                Observer(
                    name: String(parts[0]), command: words, .other, reports ? [.calls] : [],
                    reports ? .callLines : .none, "a command of your own")
            ]
        }
        if let members = groups[text] { return table.filter { members.contains($0.name) } }
        guard let observer = table.first(where: { $0.name == text }) else {
            throw DesignError(
                "no observer is called '\(text)'; there are \(table.map(\.name).joined(separator: ", ")), "
                    + "bpftrace:FILE and cmd:NAME=COMMAND")
        }
        return [observer]
    }
}

/// What cannot be made an experiment of, in a line.
public struct DesignError: Error, Sendable, CustomStringConvertible {
    /// The whole message.
    public let description: String
    /// - Parameter description: a line, without `apus:` and without an end.
    public init(_ description: String) { self.description = description }
}

enum Words {
    /// Splits a command at spaces. Quotes of both kinds keep words together, and a backslash takes the next
    /// character as it is, but in single quotes. nil: a quote is open.
    static func split(_ text: String) -> [String]? {
        var (words, word, quote): ([String], String?, Character?) = ([], nil, nil)
        var isEscaped = false
        for character in text {
            if isEscaped {
                (word, isEscaped) = ((word ?? "") + String(character), false)
            } else if character == "\\" && quote != "'" {
                isEscaped = true
            } else if let open = quote {
                if character == open { quote = nil } else { word = (word ?? "") + String(character) }
            } else if character == "'" || character == "\"" {
                (quote, word) = (character, word ?? "")
            } else if character == " " {
                if let whole = word { words.append(whole) }
                word = nil
            } else {
                word = (word ?? "") + String(character)
            }
        }
        if let word { words.append(word) }
        return quote == nil ? words : nil
    }
}
