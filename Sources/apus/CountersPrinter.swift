// SPDX-License-Identifier: Apache-2.0
import Linux
import Rendering
import Tracers

/// Prints the reports of `apus counters`: text, or perf stat's forms; once or at intervals.
struct CountersPrinter: IntervalPrinter {
    enum Form {
        case text, json
        case separated(String)
    }

    let output: Output
    let style: TextStyle
    let title: String
    let interval: Int?
    let form: Form
    let threads: Bool
    let rows: Int?
    /// Whether the program is what is observed, rather than what says for how long.
    let observesProgram: Bool

    private var previous: CountersReport?
    private var count = 0

    init(
        output: Output, style: TextStyle, title: String, interval: Int?, form: Form, threads: Bool, rows: Int?,
        observesProgram: Bool
    ) {
        self.output = output
        self.style = style
        self.title = title
        self.interval = interval
        self.form = form
        self.threads = threads
        self.rows = rows
        self.observesProgram = observesProgram
    }

    var keyboard: Int32 { -1 }

    func restoreTerminal() {}

    mutating func interval(_ report: CountersReport) throws { try interval(report, exit: nil) }

    private mutating func interval(_ report: CountersReport, exit: LaunchedProcess.Exit?) throws {
        count += 1
        let new = report.since(previous)
        // A target that ended meanwhile may have done so a moment before it was last taken to live.
        let time = max(report.elapsed, previous?.elapsed ?? 0)
        previous = report
        if case .separated = form, new.elapsed == 0 && new.threads.isEmpty && count > 1 { return }
        var options = perfOptions
        options.interval = Double(time) / 1e9
        options.exit = exit
        switch form {
        case .json: try output.write(new.json(options))
        case .separated(let separator): try output.write(new.separated(by: separator, options))
        case .text:
            var options = textOptions
            // What holds for the whole run is said at its end.
            options.showsFooter = false
            try output.write(
                new.text(title: "\(title): interval \(count), \(Format.duration(new.elapsed))", options) + "\n")
        }
    }

    /// The last report: what is new since the last interval, or the whole run.
    mutating func finish(_ report: CountersReport, exit: LaunchedProcess.Exit?) throws {
        if interval != nil { try interval(report, exit: exit) }
        var options = perfOptions
        options.exit = exit
        switch form {
        // perf stat -I has no sums at its end, and who adds its lines up would count twice.
        case .json where interval != nil, .separated where interval != nil: return
        case .json: try output.write(report.json(options))
        case .separated(let separator): try output.write(report.separated(by: separator, options))
        case .text:
            try output.write(
                report.text(
                    title: summary(
                        title, elapsed: report.elapsed, processes: report.processes.count,
                        threads: report.threads.count + report.earlierThreads, exit: observesProgram ? exit : nil),
                    textOptions))
        }
    }

    private var perfOptions: CountersReport.PerfOptions {
        var options = CountersReport.PerfOptions()
        options.rows = rows == 0 ? nil : threads ? .threads : .processes
        return options
    }

    private var textOptions: CountersReport.TextOptions {
        var options = CountersReport.TextOptions()
        options.style = style
        options.showsThreads = threads
        options.rowLimit = rows
        return options
    }
}
