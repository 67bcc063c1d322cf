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
        usage:
            "apus time [options] [--] program [args …]\n       apus time [options] -p PID … [--] [program args …]\n       apus time [options] -a [--] [program args …]",
        discussion: """
            Each thread is in exactly one state at any moment: on a CPU in user mode, in the kernel, \
            in a page fault or interrupted; runnable, after it was preempted or woken; or blocked, by \
            cause. Their times add up to the thread's life; the residual is printed.

            With -p or -a a program only sets how long to observe. Ctrl-C ends observing and prints \
            what there is; a second one quits at once. A process given by -p is never killed.

            With -I on a terminal the table is live: c w b r s p sort it (by CPU, wall time, blocked, \
            runnable, system calls, PID), t shows threads, space pauses, q quits.

            Exit status: the program's own, or death of its signal. 123 with --strict if a figure is a \
            lower bound; 125 if Apus failed; 126 if the program cannot be run, 127 if there is none; 64 \
            for wrong usage.
            """)

    @Option(name: .shortAndLong, help: ArgumentHelp("Observe this process; can be given again.", valueName: "pid"))
    var pid: [Int32] = []

    @Flag(name: [.customShort("a"), .customLong("all")], help: "Observe every thread of the machine.")
    var everything = false

    @Flag(name: .shortAndLong, help: "Show threads, not processes with their threads summed.")
    var threads = false

    @Option(name: [.customShort("I"), .long], help: ArgumentHelp("Report every MS milliseconds.", valueName: "ms"))
    var interval: Int?

    @Flag(name: .customLong("no-follow"), help: "Leave out the processes that the target starts.")
    var noFollow = false

    @Flag(help: "Show the kernel's own accounting of the same threads beside it.")
    var kernelTimes = false

    @Flag(help: "Exit with 123 if any figure is a lower bound.")
    var strict = false

    @Option(help: "Which runs of Apus's own programs to time: sampled, exact (dearer) or none.")
    var cost = TimeTracer.CostTiming.sampled

    @Option(help: ArgumentHelp("Room for so many threads at once; each takes 1.2 KB of kernel memory.", valueName: "n"))
    var maxThreads = 16_384

    @Flag(name: .shortAndLong, help: "Only the summary, no rows.")
    var quiet = false

    @Flag(name: .shortAndLong, help: "Every row, and the verifier's log if loading fails.")
    var verbose = false

    @OptionGroup var outputOptions: OutputOptions

    @Argument(
        parsing: .captureForPassthrough,
        help: ArgumentHelp("The program to run, and its arguments.", valueName: "program"))
    var command: [String] = []

    /// The program's arguments as the kernel gave them to us: the last ones, perhaps not UTF-8.
    private var exactProgram: [UnsafeMutablePointer<CChar>?] {
        (Int(CommandLine.argc) - program.count..<Int(CommandLine.argc)).map { CommandLine.unsafeArgv[$0] }
    }

    private var program: [String] { command.first == "--" ? Array(command.dropFirst()) : command }

    func validate() throws {
        // What is to pass through to a program takes in options that are unknown, and help.
        if let first = command.first, first.hasPrefix("-"), first != "--" {
            switch first {
            case "-h", "--help": throw CleanExit.helpRequest(self)
            case "--version": throw CleanExit.message(Apus.configuration.version)
            default: throw ValidationError("Unknown option '\(first)', or one whose value is missing.")
            }
        }
        guard pid.isEmpty || !everything else { throw ValidationError("-p and -a exclude each other.") }
        guard !pid.isEmpty || everything || !program.isEmpty else {
            throw ValidationError("Nothing to observe: give a program, -p PID or -a.")
        }
        for pid in pid where pid <= 0 { throw ValidationError("\(pid) is no PID.") }
        if let interval, interval < 1 || interval > 86_400_000 {
            throw ValidationError("-I takes milliseconds, from 1 to 86400000.")
        }
        guard (1...4_194_304).contains(maxThreads) else {
            throw ValidationError("--max-threads takes a number from 1 to 4194304.")
        }
    }

    func run() throws {
        var options = TimeTracer.Options(
            target: everything ? .everything : pid.isEmpty ? .launched : .processes(Array(Set(pid)).sorted()))
        options.followsChildren = !noFollow
        options.maxThreads = maxThreads
        options.costTiming = cost
        try checkProcesses()

        let output = try outputOptions.open(besideProgram: !program.isEmpty)
        let signals = try Signals([SIGINT, SIGTERM, SIGHUP])
        Output.signals = signals
        // Forked before the maps are mapped, which a child would have to copy the tables of.
        let process = program.isEmpty ? nil : try LaunchedProcess(program, exact: exactProgram, unblocking: signals)
        var tracer: TimeTracer
        do { tracer = try TimeTracer.start(options) } catch { throw explain(error) }
        var printer = TimePrinter(
            output: output, style: outputOptions.style(for: output), isJSON: outputOptions.json, threads: threads,
            kernelTimes: kernelTimes, interval: interval, rows: quiet ? 0 : verbose ? nil : 20, title: title)
        if let process {
            if options.target == .launched { try tracer.expect(process.pid) }
            do {
                try process.start()
            } catch {
                throw Failure(error.errno == ENOENT ? 127 : 126, error.description)
            }
            try tracer.makeRoom()
        }
        let end = try TimeLoop.run(&tracer, &printer, process: process, pids: pid, signals: signals)
        let report = try tracer.report()
        _ = consume tracer
        try printer.finish(report, exit: end.exit)
        try output.finish()
        if strict && !report.completeness.isExact {
            throw Failure(123, "the result is a lower bound: " + report.completeness.reasons.joined(separator: "; "))
        }
        // Of an interrupt, too: a shell wants to know that its command was interrupted.
        if let exit = end.exit { exit.imitate() }
        if let signal = end.signal, !program.isEmpty { LaunchedProcess.Exit.signal(signal).imitate() }
    }

    /// What to tell the user when the tracer does not start.
    private func explain(_ error: TracerError) -> any Error {
        guard case .bpf(let error) = error else { return error }
        let missing = [Capability.bpf, .perfmon].filter { !$0.isEffective }.map(\.name)
        if error.code == .notPermitted && !missing.isEmpty {
            return Failure(
                125,
                "not permitted: needs \(missing.joined(separator: " and ")); run it as root, or "
                    + "give it to the file: setcap cap_bpf,cap_perfmon+ep apus")
        }
        if access("/sys/kernel/btf/vmlinux", R_OK) != 0 {
            return Failure(
                125,
                "this kernel has no type information (/sys/kernel/btf/vmlinux): "
                    + "it must be built with CONFIG_DEBUG_INFO_BTF=y; see apus doctor")
        }
        return Failure(125, error.description + (verbose ? "\n" + error.log : ""))
    }

    private func checkProcesses() throws {
        for pid in pid {
            guard let process = Procfs.process(of: pid) else { throw TracerError.noSuchProcess(pid) }
            guard process == pid else {
                throw Failure(125, "\(pid) is a thread of process \(process): use -p \(process)")
            }
            if Procfs.field("State", of: pid)?.hasPrefix("Z") == true { throw TracerError.noSuchProcess(pid) }
        }
    }

    private var title: String {
        if everything { return "every thread of \(Host.name)" }
        if !pid.isEmpty { return "PID " + pid.map { String($0) }.joined(separator: ", ") }
        return program.joined(separator: " ")
    }
}

extension TimeTracer.CostTiming: ExpressibleByArgument {}
