// SPDX-License-Identifier: Apache-2.0
public import ArgumentParser
import Glibc
import Linux
public import Ptrace
import Rendering
import Tracers

struct SyscallsCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "syscalls",
        abstract: "Tell a program's system calls, a line each, or sum them up.",
        usage: """
            apus syscalls [options] [--] program [args …]
            apus syscalls [options] -p PID … [--] [program args …]
            apus syscalls [options] -a [--] [program args …]
            """,
        discussion: """
            A line a call, when it has returned: name(arguments) = result <seconds>, the thread \
            before it where there are several. -c sums instead: calls, errors, time, and of it on a \
            CPU and blocked; -t for each process.

            -e takes what strace's does, and more; lists have commas, and several -e join:
              open,close  !futex  %file  /^sched  ?name    which calls
              status=failed  errno=ENOENT  duration>10ms    how they ended
              path=/etc/*                                   with such a path, as it was given
            Classes: %file %process %network %desc %memory %signal %ipc %creds %clock.

            Records that found no room in the kernel's buffer are counted, and told where they are \
            missing. --lossless stops the target rather than lose one.

            With -p or -a a program only sets how long to observe. Ctrl-C ends observing and prints \
            what there is; a second one quits at once. A process given by -p is never killed.

            Exit status: the program's own, or death of its signal. 123 with --strict if calls were \
            lost; 125 if Apus failed; 126 if the program cannot be run, 127 if there is none; 64 for \
            wrong usage.
            """)

    @OptionGroup var targetOptions: TargetOptions

    @Flag(
        name: [.customShort("c"), .customLong("summary")], help: "Sum up the calls, in the kernel; no line for each.")
    var summary = false

    @Flag(name: [.customShort("t"), .customLong("by-process")], help: "With -c: each process by itself.")
    var byProcess = false

    @Option(
        name: [.customShort("e"), .customLong("filter")],
        help: ArgumentHelp("Only these calls, see above; can be given again.", valueName: "expr"))
    var filter: [String] = []

    @Option(
        name: [.customShort("s"), .customLong("string-limit")], parsing: .unconditional,
        help: ArgumentHelp("Show so many bytes of strings and buffers; paths are whole.", valueName: "len"))
    var stringLimit = 32

    @Flag(help: "Show the time of day of each call.")
    var absolute = false

    @Flag(help: "Show seconds since the first call.")
    var relative = false

    @Flag(help: "Stop the target rather than lose a call.")
    var lossless = false

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp("The kernel's buffer, a power of two from 1 to 1024.", valueName: "mb"))
    var buffer = 16

    enum Observer: String, ExpressibleByArgument, CaseIterable {
        case ebpf, ptrace
        case ptraceSeccomp = "ptrace-seccomp"
    }

    @Option(help: "Who observes: ebpf; ptrace, which needs no BPF; ptrace-seccomp, which stops at -e's calls alone.")
    var observer = Observer.ebpf

    @Option(help: "By ptrace: keep the target and Apus on one CPU: auto (while one thread is at work), always, never.")
    var shareCPU = PtraceObserver.Sharing.whileAlone

    @Flag(help: "Exit with 123 if any call was lost.")
    var strict = false

    @Flag(name: .shortAndLong, help: "No last words.")
    var quiet = false

    @Flag(name: .shortAndLong, help: "All processes in -c -t; the verifier's log if loading fails.")
    var verbose = false

    @OptionGroup var outputOptions: OutputOptions

    @OptionGroup var program: ProgramArguments

    func validate() throws {
        try program.validate(in: self)
        try targetOptions.validate(or: !program.isEmpty)
        guard !(absolute && relative) else { throw ValidationError("--absolute and --relative exclude each other.") }
        guard !summary || !(absolute || relative) else {
            throw ValidationError("-c has no lines: --absolute and --relative are for those.")
        }
        guard summary || !byProcess else { throw ValidationError("-t goes with -c.") }
        guard !(summary && lossless) else { throw ValidationError("-c loses nothing: --lossless is for lines.") }
        guard (0...SyscallTracer.Options.mostStringLimit).contains(stringLimit) else {
            throw ValidationError("-s takes a number from 0 to \(SyscallTracer.Options.mostStringLimit).")
        }
        guard (1...1024).contains(buffer), buffer.nonzeroBitCount == 1 else {
            throw ValidationError("--buffer takes megabytes, a power of two from 1 to 1024.")
        }
        guard observer == .ebpf || !targetOptions.everything else {
            throw ValidationError("-a is for --observer ebpf.")
        }
        guard observer == .ebpf || !lossless else {
            throw ValidationError("By ptrace nothing is ever lost: --lossless is for --observer ebpf.")
        }
        guard observer != .ptraceSeccomp || targetOptions.pid.isEmpty else {
            throw ValidationError("--observer ptrace-seccomp is for a program that it launches, not for -p.")
        }
        let filter = try parsedFilter()
        if summary, observer == .ebpf, let pattern = filter.patterns.first(where: { !$0.isSimple }) {
            throw ValidationError("With -c a path may have one star, at its end: '\(pattern.glob)'.")
        }
    }

    private func parsedFilter() throws(ValidationError) -> SyscallFilter {
        do { return try SyscallFilter.parse(filter) } catch { throw ValidationError("-e: \(error.description)") }
    }

    func printer(_ output: Output, _ options: SyscallTracer.Options) -> SyscallPrinter {
        SyscallPrinter(
            output: output, style: outputOptions.style(for: output), isJSON: outputOptions.json,
            time: absolute ? .absolute : relative ? .relative : .none, showsSignals: options.filter.wantsSignals)
    }

    func run() throws {
        var options = SyscallTracer.Options(
            target: targetOptions.target)
        options.result = summary ? .summary(byProcess: byProcess) : .records
        options.filter = try parsedFilter()
        options.followsChildren = !targetOptions.noFollow
        options.stringLimit = stringLimit
        options.isLossless = lossless
        options.bufferBytes = buffer << 20
        try targetOptions.checkProcesses()

        let output = try outputOptions.open(besideProgram: !program.isEmpty)
        let signals = try Signals([SIGINT, SIGTERM, SIGHUP])
        Output.signals = signals
        if observer != .ebpf { return try runByPtrace(options, output, signals) }
        let process =
            program.isEmpty ? nil : try LaunchedProcess(program.words, exact: program.exact, unblocking: signals)
        var tracer: SyscallTracer
        do { tracer = try SyscallTracer.start(options) } catch {
            let failure = Failure(error, isVerbose: verbose)
            guard case .bpf = error, options.target != .everything, !verbose else { throw failure }
            throw Failure(failure.status, failure.message + "; --observer ptrace needs no BPF")
        }
        if let process {
            if options.target == .launched { try tracer.expect(process.pid) }
            try process.execute()
        }
        // Its tables take 2 ms, in which the target can run.
        var printer = printer(output, options)
        let received = try SyscallLoop.run(
            &tracer, &printer, process: process, pids: targetOptions.pid, signals: signals)
        let completeness = try tracer.completeness()
        if summary {
            try printer.write(
                try tracer.summary(), completeness, try tracer.cost(), limit: verbose ? nil : 20, isQuiet: quiet)
        } else {
            try printer.end(tracer.arrivedCalls, tracer.flowControl, completeness, try tracer.cost(), isQuiet: quiet)
        }
        try output.finish()
        _ = consume tracer
        if strict && !completeness.isExact {
            throw Failure(123, "the result is a lower bound, which --strict does not allow")
        }
        process?.imitate(after: received, signals)
    }
}

extension PtraceObserver.Sharing: ExpressibleByArgument {}
