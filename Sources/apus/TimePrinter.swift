// SPDX-License-Identifier: Apache-2.0
import Glibc
import Linux
import Rendering
import Tracers

/// Prints the reports of `apus time`: text or JSON, once or at intervals, live on a terminal.
struct TimePrinter {
    let output: Output
    let style: TextStyle
    let isJSON: Bool
    var threads: Bool
    let accounts: Bool
    let interval: Int?
    let rows: Int?
    let title: String
    /// Whether the program is what is observed, rather than what says for how long.
    let observesProgram: Bool

    private var previous: TimeReport?
    private var count = 0
    private var isPaused = false
    private var order = TimeReport.Order.cpu
    private let terminal: Terminal?

    init(
        output: Output, style: TextStyle, isJSON: Bool, threads: Bool, accounts: Bool, interval: Int?, rows: Int?,
        title: String, observesProgram: Bool, sharesInput: Bool
    ) {
        self.output = output
        self.style = style
        self.isJSON = isJSON
        self.threads = threads
        self.accounts = accounts
        self.interval = interval
        self.rows = rows
        self.title = title
        self.observesProgram = observesProgram
        // What is typed is the program's, if that reads from the terminal.
        terminal =
            interval != nil && !isJSON && output.isTerminal ? Terminal(takesKeys: !sharesInput) : nil
    }

    /// Keys arrive here; -1: none do.
    var keyboard: Int32 { terminal.map { $0.takesKeys ? $0.descriptor : -1 } ?? -1 }

    func restoreTerminal() { terminal?.restore() }

    /// True: the user wants to quit.
    mutating func handleKeys() throws -> Bool {
        guard let terminal else { return false }
        for key in terminal.keys() {
            switch key {
            case UInt8(ascii: "q"): return true
            case UInt8(ascii: " "): isPaused.toggle()
            case UInt8(ascii: "t"): threads.toggle()
            case UInt8(ascii: "c"): order = .cpu
            case UInt8(ascii: "w"): order = .wall
            case UInt8(ascii: "b"): order = .blocked
            case UInt8(ascii: "r"): order = .runnable
            case UInt8(ascii: "s"): order = .syscalls
            case UInt8(ascii: "p"): order = .pid
            default: continue
            }
            try draw()
        }
        return false
    }

    private var last: TimeReport?

    /// A report of all that was not over at the last interval; prints what is new in it.
    mutating func interval(_ report: TimeReport) throws {
        if isPaused {
            // Threads that ended meanwhile are in this report alone: the next one is of its own interval.
            previous = report
            return
        }
        count += 1
        last = report.since(previous)
        previous = report
        if isJSON {
            var options = jsonOptions
            options.interval = count
            try output.write(last?.json(options) ?? [])
        } else if terminal != nil {
            try draw()
        } else if let last {
            try output.write(
                last.text(title: "\(title): interval \(count), \(Format.duration(last.elapsed))", textOptions) + "\n")
        }
    }

    /// The last report, of the whole run.
    ///
    /// - Parameter recent: what is new since the last interval.
    mutating func finish(_ report: TimeReport, recent: TimeReport?, exit: LaunchedProcess.Exit?) throws {
        if terminal == nil { try recent.map { try interval($0) } }
        terminal?.restore()
        if isJSON {
            var options = jsonOptions
            options.exit = exit
            try output.write(report.json(options))
            return
        }
        let count = (report.processes.count + report.earlier.processes, report.threads.count + report.earlier.threads)
        try output.write(
            report.text(
                title: summary(
                    title, elapsed: report.elapsed, processes: count.0, threads: count.1,
                    exit: observesProgram ? exit : nil),
                textOptions))
    }

    private var jsonOptions: TimeReport.JSONOptions {
        var options = TimeReport.JSONOptions()
        options.showsAccounts = accounts
        return options
    }

    private var textOptions: TimeReport.TextOptions {
        var options = TimeReport.TextOptions()
        options.style = style
        options.showsThreads = threads
        options.showsAccounts = accounts
        options.rowLimit = rows
        options.order = order
        return options
    }

    /// The live table: the screen cleared, as many rows as fit.
    private func draw() throws {
        guard let last else { return }
        let height = terminal?.size.rows ?? 24
        let keys =
            terminal?.takesKeys == true
            ? " sort: c w b r s p (\(order.rawValue))  t threads  space \(isPaused ? "PAUSED" : "pause")  q quit"
            : " Ctrl-C quits; keys are the program's"
        let text = last.screen(
            title: "\(title): the last \(Format.duration(last.elapsed))", height: height - 1, textOptions)
        // Cleared, and without line breaks of the terminal's own: a narrow one shows what fits.
        try output.write("\u{1b}[?7l\u{1b}[H\u{1b}[J" + text + keys + "\u{1b}[?7h")
    }
}
