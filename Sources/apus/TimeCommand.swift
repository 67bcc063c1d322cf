// SPDX-License-Identifier: Apache-2.0
public import ArgumentParser
import Glibc
import Linux
import Rendering
import Tracers

struct TimeCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "time",
        abstract: "Say where every nanosecond of a program's threads went.",
        usage: """
            apus time [options] [--] program [args …]
            apus time [options] -p PID … [--] [program args …]
            apus time [options] -a [--] [program args …]
            apus time --best K [options] [--] program [args …]
            apus time --compare 'A' --compare 'B' [options]
            """,
        discussion: """
            Each thread is in exactly one state at any moment: on a CPU in user mode, in the kernel, \
            in a page fault or interrupted; runnable, after it was preempted or woken; or blocked, by \
            cause. Their times add up to the thread's life; the residual is printed.

            With -p or -a a program only sets how long to observe. Ctrl-C ends observing and prints \
            what there is; a second one quits at once. A process given by -p is never killed.

            With -I on a terminal the table is live: c w b r s p sort it (by CPU, wall time, blocked, \
            runnable, system calls, PID), t shows threads, space pauses, q quits. A program that reads \
            from the terminal keeps the keys.

            --best runs the program until its K fastest runs agree, net of what the first thread waited \
            for a CPU and was interrupted; --compare runs commands by turns. \
            Input that is not a terminal is replayed to each run. A run that fails ends both.

            Exit status: the program's own, or death of its signal. 123 with --strict if a figure is a \
            lower bound; 125 if Apus failed; 126 if the program cannot be run, 127 if there is none; 64 \
            for wrong usage.
            """)

    @OptionGroup var targetOptions: TargetOptions

    @Flag(name: .shortAndLong, help: "Show threads, not processes with their threads summed.")
    var threads = false

    @Option(
        name: [.customShort("I"), .long], parsing: .unconditional,
        help: ArgumentHelp("Report every MS milliseconds.", valueName: "ms"))
    var interval: Int?

    @Flag(help: "Show the kernel's own accounting of the same threads beside it.")
    var kernelTimes = false

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp(
            "Count samples of the same threads as well, so many a second on each CPU; with --kernel-times' table.",
            valueName: "hz"))
    var sample: Int?

    @Flag(help: "Draw the intervals between samples at random, so that no work moves in step with them.")
    var jitter = false

    @Flag(help: "Exit with 123 if any figure is a lower bound.")
    var strict = false

    @Option(help: "Which runs of Apus's own programs to time: sampled, exact (dearer) or none.")
    var cost = CostTiming.sampled

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp("Room for so many threads at once; each takes 1.1 KB of kernel memory.", valueName: "n"))
    var maxThreads = 12_288

    @Flag(name: .shortAndLong, help: "Only the summary, no rows.")
    var quiet = false

    @Flag(
        name: .shortAndLong,
        help: "Every row, with switches, migrations, calls, faults and waits; the verifier's log if loading fails.")
    var verbose = false

    @OptionGroup(title: "Several runs") var repetition: RepetitionOptions

    @OptionGroup var outputOptions: OutputOptions

    @OptionGroup var program: ProgramArguments

    func validate() throws {
        try program.validate(in: self)
        try targetOptions.validate(or: !program.isEmpty || repetition.isOn)
        try repetition.validate(hasProgram: !program.isEmpty)
        let isForOneRun =
            targetOptions.target != .launched || interval != nil || kernelTimes || threads || sample != nil
        guard !repetition.isOn || !isForOneRun else {
            throw ValidationError("--best and --compare exclude -p, -a, -t, -I, --kernel-times and --sample.")
        }
        if let interval, interval < 1 || interval > 86_400_000 {
            throw ValidationError("-I takes milliseconds, from 1 to 86400000.")
        }
        guard !jitter || sample != nil else { throw ValidationError("--jitter needs --sample HZ.") }
        let limit = Sampling.maxRate(jittered: jitter)
        if let sample, !(1...limit).contains(sample) {
            throw ValidationError(
                "--sample takes 1 to \(limit) Hz"
                    + (jitter ? " with --jitter, whose clock strikes four times as often" : "")
                    + " (kernel.perf_event_max_sample_rate is \(Procfs.text(Self.maxSampleRate) ?? "not known")).")
        }
        guard (1...4_194_304).contains(maxThreads) else {
            throw ValidationError("--max-threads takes a number from 1 to 4194304.")
        }
    }

    private static let maxSampleRate = "/proc/sys/kernel/perf_event_max_sample_rate"

    func run() throws {
        var options = TimeTracer.Options(
            target: targetOptions.target)
        options.followsChildren = !targetOptions.noFollow
        options.maxThreads = maxThreads
        options.costTiming = cost
        options.sampling = sample.map { Sampling.Options(rate: $0, isJittered: jitter) }
        if repetition.isOn { return try runRepeatedly(options) }
        try targetOptions.checkProcesses()

        let output = try outputOptions.open(besideProgram: !program.isEmpty)
        let signals = try Signals([SIGINT, SIGTERM, SIGHUP, SIGQUIT])
        Output.signals = signals
        // Forked before the maps are mapped, which a child would have to copy the tables of.
        let process =
            program.isEmpty ? nil : try LaunchedProcess(program.words, exact: program.exact, unblocking: signals)
        var tracer: TimeTracer
        do { tracer = try TimeTracer.start(options) } catch { throw Failure(error, isVerbose: verbose) }
        var printer = TimePrinter(
            output: output, style: outputOptions.style(for: output), isJSON: outputOptions.json, threads: threads,
            accounts: kernelTimes || sample != nil, interval: interval, rows: quiet ? 0 : verbose ? nil : 20,
            title: targetOptions.title(with: program), observesProgram: options.target == .launched,
            sharesInput: process != nil && isatty(0) == 1)
        if let process {
            if options.target == .launched { try tracer.expect(process.pid) }
            try process.execute()
            try tracer.makeRoom()
        }
        let end = try TimeLoop.run(&tracer, &printer, process: process, pids: targetOptions.pid, signals: signals)
        let recent = interval == nil ? nil : try tracer.report(recent: true)
        let report = try tracer.report()
        _ = consume tracer
        try printer.finish(report, recent: recent, exit: end.exit)
        try output.finish()
        if strict && !report.completeness.isExact {
            throw Failure(123, "the result is a lower bound, which --strict does not allow")
        }
        // Of an interrupt, too: a shell wants to know that its command was interrupted.
        if let exit = end.exit { exit.imitate() }
        if !end.isQuit { process?.imitate(after: end.signal, signals) }
    }
}

extension CostTiming: ExpressibleByArgument {}
