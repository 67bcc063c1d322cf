// SPDX-License-Identifier: Apache-2.0
import ArgumentParser
import Glibc
import Linux

/// The program that a command runs, and its arguments: everything from the first word that is no
/// option of ours, or from `--`.
struct ProgramArguments: ParsableArguments {
    @Argument(
        parsing: .captureForPassthrough,
        help: ArgumentHelp("The program to run, and its arguments.", valueName: "program"))
    var all: [String] = []

    var words: [String] { all.first == "--" ? Array(all.dropFirst()) : all }
    var isEmpty: Bool { words.isEmpty }

    /// The same as the kernel gave them to us: the last ones, perhaps not UTF-8.
    var exact: [UnsafeMutablePointer<CChar>?] {
        (Int(CommandLine.argc) - words.count..<Int(CommandLine.argc)).map { CommandLine.unsafeArgv[$0] }
    }

    /// What is to pass through to a program takes in options that are unknown, and help.
    func validate(in command: some ParsableCommand) throws {
        guard let first = all.first, first.hasPrefix("-"), first != "--" else { return }
        switch first {
        case "-h", "--help": throw CleanExit.helpRequest(command)
        case "--version": throw CleanExit.message(Apus.configuration.version)
        default: throw ValidationError("Unknown option '\(first)', or one whose value is missing.")
        }
    }
}

extension LaunchedProcess {
    /// Lets the program run. Where it cannot, that ends Apus with the contract's exit status.
    func execute() throws(Failure) {
        do { try start() } catch { throw Failure(error.errno == ENOENT ? 127 : 126, error.description) }
    }

    /// Ends Apus as the program ends. After a signal, which the program got as well if it came from
    /// the keyboard, just a moment is waited; else until the program ends, or a signal comes.
    func imitate(after signal: Int32?, _ signals: Signals) -> Never {
        let ready = waitReadable(
            [descriptor, signal == nil ? signals.descriptor : -1], timeout: signal == nil ? -1 : 200)
        if ready[0] { reap().imitate() }
        Exit.signal(signal ?? signals.next() ?? SIGTERM).imitate()
    }
}
