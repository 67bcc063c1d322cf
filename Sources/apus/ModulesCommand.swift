// SPDX-License-Identifier: Apache-2.0
public import ArgumentParser
import Glibc
import Linux
import Rendering
import Tracers

struct ModulesCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "modules",
        abstract: "Tell every load and unload of a kernel module as one story, as it ends.",
        usage: """
            apus modules [options] [--] [program args …]
            apus modules --list [--json]
            """,
        discussion: """
            A line for each: when, what came of it, which module, how long the system call took, and \
            who made it, for whom. A failure says where it failed, and what the kernel logged.

            A load is live, failed, already (the module was there) or shared (another load of that file \
            was under way, and its result is this one's); an unload is unloaded or refused.

            Without a program it watches the machine until Ctrl-C, --duration or --count; with one, \
            while that runs. -v tells everything that is known of each.

            Exit status: the program's own, or death of its signal. 123 with --strict if events were \
            lost; 125 if Apus failed, or this kernel has no modules; 126 if the program cannot be run, \
            127 if there is none; 64 for wrong usage.
            """)

    @Option(
        help: ArgumentHelp(
            "Only modules whose names match, as in a shell: 'nf_*'; can be given again.", valueName: "glob"))
    var name: [String] = []

    @Flag(help: "List the modules that are loaded; after watching, if there is something to watch.")
    var list = false

    @Flag(help: "Tell each reference that is taken or given back, too.")
    var references = false

    @Flag(name: .customLong("no-log"), help: "Leave the kernel's log alone.")
    var noLog = false

    @Option(parsing: .unconditional, help: ArgumentHelp("Stop after so many seconds.", valueName: "s"))
    var duration: Double?

    @Option(parsing: .unconditional, help: ArgumentHelp("Stop after so many loads and unloads.", valueName: "n"))
    var count: Int?

    @Flag(help: "Show times since the start, in seconds, rather than the time of day.")
    var relative = false

    @Flag(help: "Exit with 123 if anything was lost.")
    var strict = false

    @Option(
        help: ArgumentHelp(
            "Where to see the calls: fentry, or syscall-tracepoints, which cost every system call.", valueName: "hooks")
    )
    var hooks: ModuleTracer.Hooks?

    @Flag(name: .shortAndLong, help: "No summary.")
    var quiet = false

    @Flag(name: .shortAndLong, help: "Everything that is known of each load and unload.")
    var verbose = false

    @OptionGroup var outputOptions: OutputOptions

    @OptionGroup var program: ProgramArguments

    func validate() throws {
        try program.validate(in: self)
        if let duration, !(duration > 0 && duration <= 86_400_000) {
            throw ValidationError("--duration takes seconds, more than 0.")
        }
        if let count, count < 1 { throw ValidationError("--count takes a number from 1.") }
    }

    private var isWatching: Bool { !list || !program.isEmpty || duration != nil || count != nil }

    func run() throws {
        let output = try outputOptions.open(besideProgram: !program.isEmpty)
        guard isWatching else {
            guard ModuleList.isSupported else { throw TracerError.unavailable(ModuleTracer.unsupported) }
            var format = ModuleFormat(hooks: .fentry)
            try write(list: [:], output, &format)
            return try output.finish()
        }
        let signals = try Signals([SIGINT, SIGTERM, SIGHUP])
        Output.signals = signals
        let process =
            program.isEmpty
            ? nil : try LaunchedProcess(program.words, exact: program.exact, unblocking: signals)
        var options = ModuleTracer.Options()
        options.showsReferences = references
        options.readsLog = !noLog
        options.hooks = hooks
        var tracer: ModuleTracer
        do { tracer = try ModuleTracer.start(options) } catch { throw Failure(error, isVerbose: verbose) }
        var format = ModuleFormat(hooks: tracer.hooks)
        var watch = Watch(output: output)
        try process?.execute()
        let signal = try observe(&tracer, process, signals, &watch, &format)
        let completeness = try tracer.completeness()
        if list { try write(list: watch.loads, output, &format) }
        if outputOptions.json {
            try output.write(watch.summary.json(completeness, try tracer.cost(), attached: tracer.attached))
        } else if !quiet || !completeness.isExact {
            try output.write(
                watch.summary.text(
                    completeness, try tracer.cost(), attached: tracer.attached, hooks: tracer.hooks,
                    style: outputOptions.style(for: output), isVerbose: verbose))
        }
        try output.finish()
        _ = consume tracer
        if strict && !completeness.isExact {
            throw Failure(123, "the result is a lower bound, which --strict does not allow")
        }
        process?.imitate(after: signal, signals)
    }

    /// What has been told so far.
    private struct Watch {
        let output: Output
        var summary = ModuleSummary()
        /// The last load of each module, for the list.
        var loads: [String: ModuleLoad] = [:]
    }

    /// Tells records until the end. The signal that ended it, if one did.
    private func observe(
        _ tracer: inout ModuleTracer, _ process: LaunchedProcess?, _ signals: Signals, _ watch: inout Watch,
        _ format: inout ModuleFormat
    ) throws -> Int32? {
        format.style = outputOptions.style(for: watch.output)
        format.isVerbose = verbose
        format.isRelative = relative
        let due = duration.map { Clock.boottime + UInt64($0 * 1e9) }
        var received: Int32?
        while true {
            let now = Clock.boottime
            let timeout = due.map { $0 <= now ? 0 : Int32(clamping: ($0 - now + 999_999) / 1_000_000) } ?? -1
            let ready = waitReadable(
                [signals.descriptor, process?.descriptor ?? -1, tracer.descriptor], timeout: timeout)
            if ready[0] { received = signals.next() }
            // A signal that came while a write waited for its reader has been read already.
            let isOver =
                received != nil || signals.count > 0 || ready[1] || due.map { Clock.boottime >= $0 } == true
            try tell(try tracer.collect(), &watch, &format)
            if isOver || count.map({ watch.summary.actions >= $0 }) == true { break }
        }
        try tell(try tracer.collectLosses(), &watch, &format)
        return signals.last
    }

    private func tell(_ records: [ModuleRecord], _ watch: inout Watch, _ format: inout ModuleFormat) throws {
        for record in records {
            var isLoss = false
            if case .lost = record { isLoss = true }
            if !isLoss && !isWanted(record.name) { continue }
            if let count, watch.summary.actions >= count, !isLoss { continue }
            watch.summary.count(record)
            if case .load(let load) = record, load.outcome == .live, let module = load.name {
                watch.loads[module] = load
            }
            try watch.output.write(
                outputOptions.json ? format.json(record) : Array(format.text(record).utf8))
        }
    }

    private func isWanted(_ module: String?) -> Bool {
        name.isEmpty || name.contains { pattern in module.map { fnmatch(pattern, $0, 0) == 0 } ?? false }
    }

    private func write(list loads: [String: ModuleLoad], _ output: Output, _ format: inout ModuleFormat) throws {
        format.isVerbose = verbose || !loads.isEmpty
        format.style = outputOptions.style(for: output)
        let entries = ModuleList.entries().filter { isWanted($0.name) }.map { entry in
            var entry = entry
            entry.seen = loads[entry.name]
            if let file = entry.seen?.file { entry.file = file }
            return entry
        }
        try output.write(outputOptions.json ? format.json(entries) : Array(format.text(entries).utf8))
    }
}

extension ModuleTracer.Hooks: ExpressibleByArgument {}
