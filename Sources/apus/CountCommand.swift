// SPDX-License-Identifier: Apache-2.0
import ArgumentParser
import Glibc
import Linux
import Rendering
import Tracers

/// The observer `ebpf-count` of `apus compare`: not for people, who have `apus syscalls -c`.
struct CountCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "__count", abstract: "Count a program's system calls, and write them as JSON.",
        shouldDisplay: false)

    @OptionGroup var outputOptions: OutputOptions

    @OptionGroup var program: ProgramArguments

    func validate() throws {
        try program.validate(in: self)
        guard !program.isEmpty else { throw ValidationError("Nothing to count: give a program.") }
    }

    func run() throws {
        let output = try outputOptions.open(besideProgram: true)
        let signals = try Signals([SIGINT, SIGTERM, SIGHUP])
        let process = try LaunchedProcess(program.words, exact: program.exact, unblocking: signals)
        let tracer: CountTracer
        do { tracer = try CountTracer.start() } catch { throw Failure(error, isVerbose: false) }
        try process.execute()
        let ready = waitReadable([process.descriptor, signals.descriptor], timeout: -1)
        let counts = try tracer.counts()
        _ = consume tracer
        try output.write(counts.json)
        try output.finish()
        process.imitate(after: ready[0] ? nil : signals.next(), signals)
    }
}
