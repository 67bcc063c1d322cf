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
    let kernelTimes: Bool
    let interval: Int?
    let rows: Int?
    let title: String

    private var previous: TimeReport?
    private var count = 0
    private var isPaused = false
    private var order = TimeReport.Order.cpu
    private let terminal: Terminal?

    init(
        output: Output, style: TextStyle, isJSON: Bool, threads: Bool, kernelTimes: Bool, interval: Int?, rows: Int?,
        title: String
    ) {
        self.output = output
        self.style = style
        self.isJSON = isJSON
        self.threads = threads
        self.kernelTimes = kernelTimes
        self.interval = interval
        self.rows = rows
        self.title = title
        terminal = interval != nil && !isJSON && output.isTerminal ? Terminal() : nil
    }

    /// Keys arrive here; -1 where there is no live table.
    var keyboard: Int32 { terminal?.descriptor ?? -1 }

    /// True: the user wants to quit.
    mutating func handleKeys(_ tracer: inout TimeTracer) throws -> Bool {
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

    /// A report of everything so far; prints what is new in it.
    mutating func interval(_ report: TimeReport) throws {
        if isPaused { return }
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
    mutating func finish(_ report: TimeReport, exit: LaunchedProcess.Exit?) throws {
        if interval != nil && terminal == nil { try interval(report) }
        terminal?.restore()
        if isJSON {
            var options = jsonOptions
            options.exit = exit
            try output.write(report.json(options))
            return
        }
        let processes = report.processes.count == 1 ? "1 process" : "\(report.processes.count) processes"
        let threads = report.threads.count == 1 ? "1 thread" : "\(report.threads.count) threads"
        let ending =
            switch exit {
            case .code(let code): ", exit \(code)"
            case .signal(let signal): ", killed by signal \(signal) (\(String(cString: strsignal(signal))))"
            case nil: ""
            }
        let facts = ": \(Format.duration(report.elapsed)), \(processes), \(threads)\(ending)"
        let room = max(10, 80 - facts.count)
        try output.write(
            report.text(title: (title.count > room ? title.prefix(room - 1) + "…" : title) + facts, textOptions))
    }

    private var jsonOptions: TimeReport.JSONOptions {
        var options = TimeReport.JSONOptions()
        options.showsKernelTimes = kernelTimes
        return options
    }

    private var textOptions: TimeReport.TextOptions {
        var options = TimeReport.TextOptions()
        options.style = style
        options.showsThreads = threads
        options.showsKernelTimes = kernelTimes
        options.rowLimit = rows
        options.order = order
        return options
    }

    /// The live table: the screen cleared, as many rows as fit.
    private func draw() throws {
        guard let last else { return }
        let height = terminal?.size.rows ?? 24
        let keys = " sort: c w b r s p (\(order.rawValue))  t threads  space \(isPaused ? "PAUSED" : "pause")  q quit"
        let text = last.screen(
            title: "\(title): the last \(Format.duration(last.elapsed))", height: height - 1, textOptions)
        try output.write("\u{1b}[H\u{1b}[J" + text + keys)
    }
}
