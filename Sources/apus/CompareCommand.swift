// SPDX-License-Identifier: Apache-2.0
import ArgumentParser
import Experiment
import Glibc
import Linux
import Rendering

struct CompareCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "compare",
        abstract: "Run the same work bare and under each observer: what watching costs, where, and what it saw.",
        usage: """
            apus compare [options]
            apus compare [options] [--] program [args …]
            apus compare --from FILE.json [--from FILE.json] [options]
            """,
        discussion: """
            Each workload runs under each observer, in blocks in random order, and by itself beside each of them, and \
            says by its own clock how long it took and how many events it made. Observers are ranked among those \
            that saw all of it. No difference is shown where chance would do as much among so many comparisons, \
            or where it may be less than 2 % (5 % with --quick).

            Workloads: \(Workload.builtIn.map(\.name).joined(separator: ", ")); or a program of \
            your own, whose standard output is thrown away.

            Observers: \(Observer.table.map(\.name).joined(separator: ", ")); bpftrace:FILE; \
            'cmd:NAME=COMMAND' with {} for the program, and {report} for a file into which it writes a \
            line for each call, if it does.

              apus compare --quick
              apus compare --observer ebpf-stream,strace --workload readwrite
              apus compare --observer ebpf-time -- make -j2
              apus compare --expect 'ptrace/ebpf-stream > 20 on getppid'
              apus compare --from old.json --from new.json

            Exit status: 0; with --expect, 1 if one is refuted, else 2 if one is undecided; 125 if Apus \
            failed; 126 if the program cannot be run, 127 if there is none; 64 for wrong usage. After \
            Ctrl-C there is what there was until then, and death by it.
            """)

    @Option(name: .shortAndLong, help: ArgumentHelp("These workloads; can be given again.", valueName: "name,…"))
    var workload: [String] = []

    @Option(help: ArgumentHelp("These observers; can be given again.", valueName: "name,…"))
    var observer: [String] = []

    @Option(help: ArgumentHelp("Numbers of threads that do the same at once.", valueName: "n,…"))
    var threads = "1"

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp("Runs of each combination, at most (40, or 20 with --quick).", valueName: "n"))
    var runs: Int?

    @Flag(help: "Fewer and shorter runs: all of it in under a minute.")
    var quick = false

    @Option(
        help: ArgumentHelp(
            "How long all of it may take (540, or 56 with --quick): runs are made to fit, and where they cannot be shorter, fewer.",
            valueName: "s"))
    var budget: Double?

    @Option(parsing: .unconditional, help: ArgumentHelp("The longest that one run may take (60).", valueName: "s"))
    var limit: Double?

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp("K of K-best: so many of the fastest runs have to agree (3).", valueName: "k"))
    var best: Int?

    @Option(
        parsing: .unconditional, help: ArgumentHelp("How far apart the K best may lie (2% or 0.02).", valueName: "e"))
    var within: Fraction?

    @Option(parsing: .unconditional, help: ArgumentHelp("The same order of runs again.", valueName: "number"))
    var seed: UInt64?

    @Option(help: ArgumentHelp("Run everything on these CPUs.", valueName: "n,…"))
    var cpus: String?

    @Option(help: ArgumentHelp("Judge a hypothesis; can be given again.", valueName: "a/b > n [on workload]"))
    var expect: [String] = []

    @Option(help: ArgumentHelp("Report on a stored experiment; on two, what changed.", valueName: "file.json"))
    var from: [String] = []

    @Option(help: ArgumentHelp("Write a page to look at.", valueName: "file"))
    var html: String?

    @Option(help: ArgumentHelp("Write a table for spreadsheets.", valueName: "file"))
    var csv: String?

    @Flag(name: .shortAndLong, help: "No progress.")
    var quiet = false

    @Flag(name: .shortAndLong, help: "A table for each workload: intervals, ranks, and where the cost lands.")
    var verbose = false

    @OptionGroup var outputOptions: OutputOptions

    @OptionGroup var program: ProgramArguments

    func validate() throws {
        try program.validate(in: self)
        guard from.count <= 2 else { throw ValidationError("--from is given once, or twice to compare two.") }
        guard
            from.isEmpty
                || program.isEmpty && workload.isEmpty && observer.isEmpty && runs == nil && seed == nil
                    && !quick && threads == "1" && budget == nil && cpus == nil && best == nil && within == nil
                    && limit == nil
        else { throw ValidationError("--from reports on runs that were made: nothing is run.") }
        guard program.isEmpty || workload.isEmpty else {
            throw ValidationError("A program takes the place of --workload.")
        }
        guard program.isEmpty || threads == "1" else {
            throw ValidationError("--threads is for the workloads: a program has the threads that it makes.")
        }
        if from.count == 2, html != nil || csv != nil || !expect.isEmpty {
            throw ValidationError("Of two files there is a table or --json, and nothing else.")
        }
        guard runs ?? 1 >= 1, runs ?? 1 <= 10_000 else {
            throw ValidationError("--runs takes a number from 1 to 10000.")
        }
        guard budget ?? 1 > 0, budget ?? 1 <= 1e6 else { throw ValidationError("--budget takes seconds, more than 0.") }
        guard limit ?? 1 > 0, limit ?? 1 <= 1e6 else { throw ValidationError("--limit takes seconds, more than 0.") }
        guard (1...runsOfEach).contains(best ?? 1) else {
            throw ValidationError("--best takes a number of runs, from 1 to the \(runsOfEach) that are made of each.")
        }
        guard within?.value ?? 0.5 > 0, within?.value ?? 0.5 < 1 else {
            throw ValidationError("--within takes more than 0 and less than 100%: 2% or 0.02.")
        }
        do throws(DesignError) {
            let design = try design()
            for text in expect {
                let unknown = try Expectation(text).unknownNames(in: design)
                if from.isEmpty, let name = unknown.first {
                    throw DesignError("--expect '\(text)': \(name) is not in this experiment")
                }
            }
        } catch { throw ValidationError(error.description) }
    }

    func run() throws {
        do throws(DesignError) {
            try checkTools()
        } catch { throw Failure(125, error.description) }
        try checkProgram()
        if from.count == 2 { return try reportChange() }
        // Before hours of work, not after.
        let output = try outputOptions.open(besideProgram: false)
        let page = try html.map { try Output.file($0) }
        let table = try csv.map { try Output.file($0) }
        let data = try from.isEmpty ? experiment() : load(from[0])
        let comparison = ObserverComparison(data)
        let findings = try (expect.isEmpty ? data.hypotheses ?? [] : expect).map { text in
            do throws(DesignError) { return try judge(text, by: comparison) } catch {
                throw ValidationError(error.description)
            }
        }
        let document = comparison.json(findings)
        let text =
            outputOptions.json
            ? document
            : Array(comparison.text(findings, style: outputOptions.style(for: output), isDetailed: verbose).utf8)
        // Each by itself: one that has no room does not lose the others.
        var failures: [any Error] = []
        func write(_ bytes: [UInt8], to file: Output) {
            do {
                try file.write(bytes)
                try file.finish()
            } catch {
                failures.append(error)
            }
        }
        if let page { write(comparison.html(findings, document: document), to: page) }
        if let table { write(Array(comparison.csv.utf8), to: table) }
        write(text, to: output)
        if let failure = failures.first { throw failure }
        if let signal = interruption { LaunchedProcess.Exit.signal(signal).imitate() }
        if findings.contains(where: { $0.verdict == .refuted }) { throw ExitCode(1) }
        if findings.contains(where: { $0.verdict == .undecided }) { throw ExitCode(2) }
    }
}
