// SPDX-License-Identifier: Apache-2.0
import Glibc
import Linux
import Rendering
import Tracers

/// Sees to it that processes can be observed.
func checkProcesses(_ pids: [Int32]) throws {
    for pid in pids {
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
func title(_ everything: Bool, _ pids: [Int32], _ program: ProgramArguments) -> String {
    if everything { return "every thread of \(Host.name)" }
    if !pids.isEmpty { return "PID " + pids.map { String($0) }.joined(separator: ", ") }
    let words = program.words
    return ([words[0].split(separator: "/").last.map { String($0) } ?? words[0]] + words.dropFirst())
        .joined(separator: " ")
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
