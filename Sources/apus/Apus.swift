// SPDX-License-Identifier: Apache-2.0
import ArgumentParser
import Glibc
import Linux
import Rendering
import Tracers

@main
struct Apus: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "apus",
        abstract: "Trace Linux with eBPF: where a program's time goes, and what watching it costs.",
        discussion: """
            apus time -- make            where every nanosecond of a program went
            apus time -p 812 -I 1000     of a process that runs, every second
            apus doctor                  what works on this machine, and what would bring back the rest

            Exit status: the program's own; if a signal killed it, Apus dies of the same signal.
            125: Apus itself failed; 126: the program cannot be run; 127: it was not found; 64: wrong
            usage; 123: with --strict, a result that is a lower bound.
            """,
        version: "0.1.0",
        subcommands: [TimeCommand.self, DoctorCommand.self])

    static func main() {
        // A closed pipe is an error of write(2), to be reported as one.
        Host.ignoreClosedPipes()
        do {
            var command = try parseAsRoot()
            try command.run()
        } catch let failure as Failure {
            failure.exit()
        } catch let error as TracerError {
            Failure(125, error.description).exit()
        } catch let error as SystemError {
            Failure(125, error.description).exit()
        } catch {
            // Help and version, too: everything may quote what the user typed.
            let text = fullMessage(for: error).escapedByLine
            let status = exitCode(for: error)
            let output = status.isSuccess ? Output.standardOutput : .standardError
            if !text.isEmpty { output.writeOrExit(text + "\n") }
            Glibc.exit(status.rawValue)
        }
    }
}

/// An end of Apus other than success: what to say, and the exit status of the contract.
struct Failure: Error {
    let status: Int32
    let message: String

    init(_ status: Int32, _ message: String) {
        self.status = status
        self.message = message
    }

    func exit() -> Never {
        Output.standardError.writeIgnoringErrors("apus: \(message.escapedByLine)\n")
        Glibc.exit(status)
    }
}

extension LaunchedProcess.Exit {
    /// Ends Apus as the program ended.
    func imitate() -> Never {
        switch self {
        case .code(let code): exit(code)
        case .signal(let number):
            // The program has dumped its core, if any; ours would only take its place.
            var none = rlimit(rlim_cur: 0, rlim_max: 0)
            setrlimit(__rlimit_resource_t(RLIMIT_CORE.rawValue), &none)
            Glibc.signal(number, SIG_DFL)
            var set = sigset_t()
            sigemptyset(&set)
            sigaddset(&set, number)
            pthread_sigmask(SIG_UNBLOCK, &set, nil)
            raise(number)
            exit(128 + number)
        }
    }
}
