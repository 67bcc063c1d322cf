// SPDX-License-Identifier: Apache-2.0
import ArgumentParser
import Glibc
import Linux
import Rendering
import Tracers

struct CountersCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "counters",
        abstract: "Count hardware and software events for each process and thread, in user mode and in the kernel.",
        usage: """
            apus counters [options] [--] program [args …]
            apus counters [options] -p PID … [--] [program args …]
            apus counters [options] -a [--] [program args …]
            """,
        discussion: """
            Events have perf's names: cycles, instructions, branch-misses, L1-dcache-load-misses, \
            page-faults, task-clock and so on; rNNN and source/config=N/ are any. `:u` counts in user \
            mode alone, `:k` in the kernel alone; {a,b} are counted together. Without -e they are those \
            of perf stat.

            Each CPU has one set of counters, which is charged to the thread that ran whenever that \
            changes or goes between user mode and the kernel. Where there are more events than \
            counters, each has one for a part of the time, and its count is scaled.

            With -p or -a a program only sets how long to observe. Ctrl-C ends observing and prints \
            what there is; a second one quits at once. A process given by -p is never killed.

            -x and --json print what perf stat prints for them, and more in lines that begin with # \
            and in further objects.

            Exit status: the program's own, or death of its signal. 123 with --strict if a count is a \
            lower bound; 125 if Apus failed; 126 if the program cannot be run, 127 if there is none; 64 \
            for wrong usage.
            """)

    @Option(name: .shortAndLong, help: ArgumentHelp("Count these; can be given again.", valueName: "event,…"))
    var event: [String] = []

    @OptionGroup var targetOptions: TargetOptions

    @Flag(name: .shortAndLong, help: "Show threads, not processes with their threads summed.")
    var threads = false

    @Option(
        name: [.customShort("I"), .long], parsing: .unconditional,
        help: ArgumentHelp("Report every MS milliseconds.", valueName: "ms"))
    var interval: Int?

    @Option(
        name: [.customShort("x", allowingJoined: true), .customLong("field-separator")],
        help: ArgumentHelp("Write perf stat's fields, with SEP between them.", valueName: "sep"))
    var separator: String?

    @Flag(help: "Exit with 123 if any count is a lower bound.")
    var strict = false

    @Option(help: "Which runs of Apus's own programs to time: sampled, exact (dearer) or none.")
    var cost = CostTiming.sampled

    @Option(parsing: .unconditional, help: ArgumentHelp("Room for so many threads at once.", valueName: "n"))
    var maxThreads = 12_288

    @Flag(name: .shortAndLong, help: "Only the sums, no rows.")
    var quiet = false

    @Flag(name: .shortAndLong, help: "Every row, and the verifier's log if loading fails.")
    var verbose = false

    @OptionGroup var outputOptions: OutputOptions

    @OptionGroup var program: ProgramArguments

    func validate() throws {
        try program.validate(in: self)
        try targetOptions.validate(or: !program.isEmpty)
        if let interval, interval < 1 || interval > 86_400_000 {
            throw ValidationError("-I takes milliseconds, from 1 to 86400000.")
        }
        guard (1...4_194_304).contains(maxThreads) else {
            throw ValidationError("--max-threads takes a number from 1 to 4194304.")
        }
        if let separator, separator.isEmpty || outputOptions.json {
            throw ValidationError(separator.isEmpty ? "-x takes a separator." : "-x and --json exclude each other.")
        }
        do { _ = try CounterEvent.parse(event) } catch {
            throw ValidationError(error.description)
        }
    }

    func run() throws {
        var options = CountersTracer.Options(
            target: targetOptions.target,
            events: try CounterEvent.parse(event.isEmpty ? CounterEvent.standard : event))
        options.followsChildren = !targetOptions.noFollow
        options.maxThreads = maxThreads
        options.costTiming = cost
        try targetOptions.checkProcesses()

        let output = try outputOptions.open(besideProgram: !program.isEmpty)
        let signals = try Signals([SIGINT, SIGTERM, SIGHUP])
        Output.signals = signals
        // Forked before the maps are mapped, which a child would have to copy the tables of.
        let process =
            program.isEmpty ? nil : try LaunchedProcess(program.words, exact: program.exact, unblocking: signals)
        var tracer: CountersTracer
        do { tracer = try CountersTracer.start(options) } catch { throw Failure(error, isVerbose: verbose) }
        var printer = CountersPrinter(
            output: output, style: outputOptions.style(for: output), title: targetOptions.title(with: program),
            interval: interval,
            form: outputOptions.json
                ? .json
                : separator.map {
                    // As perf stat takes it.
                    .separated($0 == "\\t" ? "\t" : $0)
                } ?? .text,
            threads: threads, rows: quiet ? 0 : verbose ? nil : 5, observesProgram: options.target == .launched)
        if let process {
            if options.target == .launched { try tracer.expect(process.pid) }
            try process.execute()
            try tracer.makeRoom()
        }
        let end = try TimeLoop.run(&tracer, &printer, process: process, pids: targetOptions.pid, signals: signals)
        let report = try tracer.report()
        _ = consume tracer
        try printer.finish(report, exit: end.exit)
        try output.finish()
        if strict && !report.completeness.isExact {
            throw Failure(123, "the result is a lower bound, which --strict does not allow")
        }
        // Of an interrupt, too: a shell wants to know that its command was interrupted.
        if let exit = end.exit { exit.imitate() }
        if !end.isQuit { process?.imitate(after: end.signal, signals) }
    }
}
