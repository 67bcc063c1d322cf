// SPDX-License-Identifier: Apache-2.0
import Glibc
import Linux
import Rendering
import Tracers

/// Runs programs one after another under one ledger: `apus time --best` and `--compare`.
struct RepeatedRuns: ~Copyable {
    private var tracer: TimeTracer
    private var printer: TimePrinter
    private let signals: Signals
    private let input: ReplayedInput
    private let allowsFailure: Bool

    /// A run, and what it was, if it ended by itself.
    struct Result {
        let run: TimedRun?
        let report: TimeReport
        let exit: LaunchedProcess.Exit?
        /// What interrupted it.
        let signal: Int32?
    }

    /// Why running ended before its time.
    struct Stop {
        var exit: LaunchedProcess.Exit?
        var signal: Int32?
        let message: String
    }

    /// - Parameter printer: prints nothing here, as there are no intervals.
    init(
        _ options: TimeTracer.Options, printer: TimePrinter, signals: Signals, allowsFailure: Bool, isVerbose: Bool
    ) throws {
        guard let input = try ReplayedInput(until: signals) else {
            LaunchedProcess.Exit.signal(signals.next() ?? SIGINT).imitate()
        }
        let tracer: TimeTracer
        do { tracer = try TimeTracer.start(options) } catch { throw Failure(error, isVerbose: isVerbose) }
        self.tracer = tracer
        self.input = input
        self.printer = printer
        self.signals = signals
        self.allowsFailure = allowsFailure
    }

    /// Runs a program to its end.
    ///
    /// - Parameter number: of the run; 0: a warm-up.
    mutating func run(_ program: RunnableProgram, number: Int) throws -> Result {
        input.rewind()
        let process = try LaunchedProcess(program.words, exact: program.exact, unblocking: signals)
        try tracer.expect(process.pid)
        try process.execute()
        try tracer.makeRoom()
        let end = try TimeLoop.run(&tracer, &printer, process: process, pids: [], signals: signals)
        let report = try tracer.report(recent: true)
        return Result(
            run: TimedRun(number: number, pid: process.pid, exit: end.exit, report: report), report: report,
            exit: end.exit, signal: end.signal)
    }

    /// Why there should be no more runs after this one; nil: go on.
    func stop(after result: borrowing Result, of name: String) -> Stop? {
        if let signal = result.signal { return Stop(exit: nil, signal: signal, message: "interrupted during \(name)") }
        guard !allowsFailure else { return nil }
        switch result.exit {
        case .code(0): return nil
        case .code(let code):
            return Stop(
                exit: result.exit, signal: nil,
                message: "\(name) exited with status \(code): stopped (--allow-failure goes on)")
        case .signal(let signal):
            return Stop(
                exit: result.exit, signal: nil,
                message: "\(name) was killed by signal \(signal) (\(String(cString: strsignal(signal)))): stopped "
                    + "(--allow-failure goes on)")
        case nil: return nil
        }
    }

    /// What all runs together say of themselves.
    consuming func finish() throws -> (completeness: Completeness, observer: ObserverCost) {
        let report = try tracer.report()
        return (report.completeness, report.observer)
    }
}

/// A program and its arguments, as `execvp` wants them.
struct RunnableProgram {
    let words: [String]
    /// The same as the kernel gave them to us, where they may not be UTF-8.
    var exact: [UnsafeMutablePointer<CChar>?]?

    init(words: [String], exact: [UnsafeMutablePointer<CChar>?]? = nil) {
        self.words = words
        self.exact = exact
    }

    /// From a command line: where nothing in it is for a shell, its words; else a shell runs it.
    init(command: String) {
        let isForShell = command.contains { "|&;<>()$`\\\"'*?[]#~=%!{}\n".contains($0) }
        words =
            isForShell
            ? ["/bin/sh", "-c", command] : command.split { $0 == " " || $0 == "\t" }.map { String($0) }
    }
}
