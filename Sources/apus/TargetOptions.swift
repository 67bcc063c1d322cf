// SPDX-License-Identifier: Apache-2.0
import ArgumentParser
import Glibc
import Linux
import Rendering
import Tracers

/// Who is observed, where it is not a program that is launched.
struct TargetOptions: ParsableArguments {
    @Option(
        name: .shortAndLong, parsing: .unconditionalSingleValue,
        help: ArgumentHelp("Observe this process; can be given again.", valueName: "pid"))
    var pid: [Int32] = []

    @Flag(name: [.customShort("a"), .customLong("all")], help: "Observe every thread of the machine.")
    var everything = false

    @Flag(name: .customLong("no-follow"), help: "Leave out the processes that the target starts.")
    var noFollow = false

    var target: Target { everything ? .everything : pid.isEmpty ? .launched : .processes(Array(Set(pid)).sorted()) }

    /// - Parameter hasProgram: there is one to launch.
    func validate(or hasProgram: Bool) throws {
        guard pid.isEmpty || !everything else { throw ValidationError("-p and -a exclude each other.") }
        guard target != .launched || hasProgram else {
            throw ValidationError("Nothing to observe: give a program, -p PID or -a.")
        }
        for pid in pid where pid <= 0 { throw ValidationError("\(pid) is no PID.") }
    }

    /// Sees to it that the processes can be observed.
    func checkProcesses() throws {
        for pid in pid {
            guard let process = Procfs.process(of: pid) else { throw TracerError.noSuchProcess(pid) }
            guard process == pid else {
                throw Failure(125, "\(pid) is a thread of process \(process): use -p \(process)")
            }
            // The first thread can have ended before the others.
            if Procfs.field("State", of: pid)?.hasPrefix("Z") == true && Procfs.threadCount(of: pid) < 2 {
                throw TracerError.noSuchProcess(pid)
            }
        }
    }

    /// What is observed, in a few words.
    func title(with program: ProgramArguments) -> String {
        if everything { return "every thread of " + (Host.name.isEmpty ? "this machine" : Host.name) }
        if !pid.isEmpty { return "PID " + pid.map { String($0) }.joined(separator: ", ") }
        let words = program.words
        return ([words[0].split(separator: "/").last.map { String($0) } ?? words[0]] + words.dropFirst())
            .joined(separator: " ")
    }
}

/// A title of at most 80 columns, with what became of it.
func summary(
    _ title: String, elapsed: UInt64, processes: Int, threads: Int, exit: LaunchedProcess.Exit?
) -> String {
    let ending =
        switch exit {
        case .code(let code): ", exit \(code)"
        case .signal(let signal): ", killed by signal \(signal) (\(String(cString: strsignal(signal))))"
        case nil: ""
        }
    let facts =
        ": \(Format.duration(elapsed)), \(processes == 1 ? "1 process" : "\(processes) processes"), "
        + "\(threads == 1 ? "1 thread" : "\(threads) threads")\(ending)"
    return title.followed(by: facts)
}

extension String {
    /// Cut so that the facts behind it end within 80 columns.
    func followed(by facts: String) -> String {
        let room = max(10, 80 - facts.count)
        return (count > room ? prefix(room - 1) + "…" : self) + facts
    }
}
