// SPDX-License-Identifier: Apache-2.0
import ArgumentParser
import Glibc
import Linux
import Rendering
import Tracers

struct ProfileCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "profile",
        abstract: "Show by call stack where a program spends its CPU time, or waits.",
        usage: """
            apus profile [options] [--] program [args …]
            apus profile [options] -p PID … [--] [program args …]
            apus profile [options] -a [--] [program args …]
            """,
        discussion: """
            A clock on each CPU takes the stack of the thread that runs. The report is a tree of the \
            hottest calls; --format flamegraph is a page to look at, pprof is for go tool pprof, folded \
            for scripts. With --off-cpu stacks are weighed by the time in which threads are blocked.

            The kernel walks frame pointers. A program that is built without them, as most \
            distributions' libraries are, has stacks that end early: they are marked [truncated].

              apus profile -- make               where a build spends its time
              apus profile -p 812 --duration 5   of a process that runs, for five seconds
              apus profile --off-cpu -p 812      what it waits for
              apus profile --format flamegraph -o out.html -- program

            Exit status: the program's own, or death of its signal. 123 with --strict if samples or \
            names were lost; 125 if Apus failed; 126 if the program cannot be run, 127 if there is none; 64 for \
            wrong usage.
            """)

    enum Format: String, ExpressibleByArgument, CaseIterable { case tree, folded, flamegraph, pprof, json }

    @OptionGroup var targetOptions: TargetOptions

    @Option(
        name: [.customShort("F"), .customLong("frequency")], parsing: .unconditional,
        help: ArgumentHelp("Take so many samples a second on each CPU; 199 by default.", valueName: "hz"))
    var frequency: Int?

    @Flag(name: .customLong("off-cpu"), help: "Weigh stacks by the time in which threads are blocked in them.")
    var offCPU = false

    @Flag(help: "Leave out the kernel's functions: their time goes to who called them.")
    var user = false

    @Flag(help: "Only the kernel's functions.")
    var kernel = false

    @Option(parsing: .unconditional, help: ArgumentHelp("Stop after so many seconds.", valueName: "s"))
    var duration: Double?

    @Option(help: "How to show it: tree, folded, flamegraph (HTML), pprof (gzipped), or json.")
    var format: Format?

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp("Room for so many stacks; each takes 96 bytes of kernel memory.", valueName: "n"))
    var maxStacks = 131_072

    @Flag(help: "Exit with 123 if samples, waits or names were lost.")
    var strict = false

    @Flag(name: .shortAndLong, help: "No last words.")
    var quiet = false

    @Flag(name: .shortAndLong, help: "Every function and path; and the verifier's log if loading fails.")
    var verbose = false

    @OptionGroup var outputOptions: OutputOptions

    @OptionGroup var program: ProgramArguments

    func validate() throws {
        try program.validate(in: self)
        try targetOptions.validate(or: !program.isEmpty)
        guard !user || !kernel else { throw ValidationError("--user and --kernel exclude each other.") }
        if outputOptions.json, let format, format != .json {
            throw ValidationError("--json and --format \(format.rawValue) exclude each other.")
        }
        if let duration, !(duration > 0 && duration <= 86_400_000) {
            throw ValidationError("--duration takes seconds, more than 0.")
        }
        guard (1...16_777_216).contains(maxStacks) else {
            throw ValidationError("--max-stacks takes a number from 1 to 16777216.")
        }
        let limit = SamplingClock.maxRate
        guard !offCPU || frequency == nil else {
            throw ValidationError("--off-cpu takes no samples: -F is for time on the CPU.")
        }
        guard (1...limit).contains(frequency ?? Self.standardFrequency) else {
            throw ValidationError(
                "-F takes from 1 to \(limit) Hz, the limit of this kernel (sysctl kernel.perf_event_max_sample_rate)."
            )
        }
    }

    /// No multiple of what others do at 100 or 250 Hz.
    private static let standardFrequency = 199

    private var chosenFormat: Format { outputOptions.json ? .json : format ?? .tree }

    func run() throws {
        try targetOptions.checkProcesses()
        var options = ProfileTracer.Options(
            target: targetOptions.target)
        options.frequency = frequency ?? Self.standardFrequency
        options.kind = offCPU ? .offCPU : .onCPU
        options.takesKernelFrames = !user
        options.takesUserFrames = !kernel
        options.followsChildren = !targetOptions.noFollow
        options.maxStacks = maxStacks

        let output = try outputOptions.open(besideProgram: !program.isEmpty)
        if output.isTerminal, [.flamegraph, .pprof].contains(chosenFormat) {
            throw Failure(125, "--format \(chosenFormat.rawValue) is not for a terminal: give it a file, -o FILE")
        }
        let signals = try Signals([SIGINT, SIGTERM, SIGHUP])
        Output.signals = signals
        // Forked before maps are made, which a child would have to copy the tables of.
        let process =
            program.isEmpty ? nil : try LaunchedProcess(program.words, exact: program.exact, unblocking: signals)
        var tracer: ProfileTracer
        do { tracer = try ProfileTracer.start(options) } catch { throw Failure(error, isVerbose: verbose) }
        if let process {
            if options.target == .launched { try tracer.expect(process.pid) }
            try process.execute()
        }
        let signal = observe(&tracer, process, signals)
        // Names can take long: who interrupts again wants none.
        signals.letThrough()
        let profile = try tracer.finish()
        _ = consume tracer
        let exit = process?.hasEnded() == true ? process?.reap() : nil
        try output.write(try render(profile, exit: exit, style: outputOptions.style(for: output)))
        try output.finish()
        if strict && !profile.completeness.isExact {
            throw Failure(123, "the result is a lower bound, which --strict does not allow")
        }
        exit?.imitate()
        process?.imitate(after: signal, signals)
    }

    /// Observes until the program or the processes end, or a signal comes, which is returned.
    private func observe(_ tracer: inout ProfileTracer, _ process: LaunchedProcess?, _ signals: Signals) -> Int32? {
        // Closed when the process ends; nobody else needs them.
        var watched = targetOptions.pid.map { openProcess($0) }
        let due = duration.map { Clock.monotonic + UInt64($0 * 1e9) }
        while true {
            var timeout = tracer.timeout
            if let due {
                let now = Clock.monotonic
                let left = due <= now ? 0 : Int32(clamping: (due - now + 999_999) / 1_000_000)
                timeout = timeout < 0 ? left : min(timeout, left)
            }
            let ready = waitReadable(
                [signals.descriptor, process?.descriptor ?? -1] + watched + tracer.descriptors, timeout: timeout)
            if ready[0], let signal = signals.next() { return signal }
            tracer.collect()
            if ready[1] { return nil }
            for index in watched.indices where ready[2 + index] {
                close(watched[index])
                watched[index] = -1
            }
            if !targetOptions.pid.isEmpty && watched.allSatisfy({ $0 < 0 }) { return nil }
            if let due, Clock.monotonic >= due { return nil }
        }
    }

    private func render(_ profile: Profile, exit: LaunchedProcess.Exit?, style: TextStyle) throws -> [UInt8] {
        switch chosenFormat {
        case .folded: return profile.folded
        case .json: return profile.json(exit: exit)
        case .flamegraph: return profile.flamegraph(title: title(profile))
        case .pprof:
            guard let bytes = profile.pprof else { throw Failure(125, "no memory to compress the profile") }
            return bytes
        case .tree:
            var options = Profile.TextOptions()
            options.style = style
            options.showsFooter = !quiet
            if verbose { (options.functionLimit, options.pathLimit) = (nil, nil) }
            return Array(profile.text(title: title(profile), options).utf8)
        }
    }

    private func title(_ profile: Profile) -> String {
        let count = Set(profile.processes.map(\.pid)).count
        return targetOptions.title(with: program).followed(
            by: ": \(offCPU ? "blocked" : "on CPU"), \(Rendering.Format.duration(profile.elapsed)), "
                + (count == 0 ? "met nowhere" : count == 1 ? "1 process" : "\(count) processes"))
    }
}
