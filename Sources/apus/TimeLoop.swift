// SPDX-License-Identifier: Apache-2.0
import Glibc
import Linux
import Tracers

/// A tracer of threads, as the loop needs it.
protocol ThreadTracer: ~Copyable {
    associatedtype Printer: IntervalPrinter
    var descriptor: Int32 { get }
    var nextTimingSwitch: UInt64? { get }
    mutating func switchTiming()
    mutating func takeEnded() throws(TracerError)
    mutating func reportInterval(to printer: inout Printer) throws
    /// True: the user wants to quit.
    mutating func heedKeys(of printer: inout Printer) throws -> Bool
    borrowing func hasLivingThreads(of pid: Int32) throws(TracerError) -> Bool
}

/// What prints its reports at intervals.
protocol IntervalPrinter {
    /// Milliseconds; nil: no reports before the end.
    var interval: Int? { get }
    /// Keys arrive here; -1: none do.
    var keyboard: Int32 { get }
    func restoreTerminal()
}

extension TimeTracer: ThreadTracer {
    mutating func takeEnded() throws(TracerError) { try collect() }
    mutating func reportInterval(to printer: inout TimePrinter) throws {
        try printer.interval(try report(recent: true))
    }
    mutating func heedKeys(of printer: inout TimePrinter) throws -> Bool { try printer.handleKeys() }
}

extension CountersTracer: ThreadTracer {
    mutating func takeEnded() throws(TracerError) { try collect() }
    mutating func reportInterval(to printer: inout CountersPrinter) throws { try printer.interval(try report()) }
    mutating func heedKeys(of printer: inout CountersPrinter) -> Bool { false }
}

extension TimePrinter: IntervalPrinter {}

/// Observes until there is nothing more to observe: reports at intervals, and takes in threads that
/// ended.
enum TimeLoop {
    /// Why observing ended: the program did, or a signal came, or the observed processes did.
    struct End {
        var exit: LaunchedProcess.Exit?
        var signal: Int32?
        /// The user has had enough: the program, if any, is not waited for.
        var isQuit = false
    }

    static func run<Tracer: ThreadTracer & ~Copyable>(
        _ tracer: inout Tracer, _ printer: inout Tracer.Printer, process: LaunchedProcess?, pids: [Int32],
        signals: Signals
    ) throws -> End {
        // Closed when the process ends; nobody else needs them.
        var watched = pids.map { openProcess($0) }
        let begin = Clock.monotonic
        let step = printer.interval.map { UInt64($0) * 1_000_000 }
        var next = step.map { begin + $0 }
        var end = End()

        while true {
            let ready = waitReadable(
                [signals.descriptor, process?.descriptor ?? -1, tracer.descriptor, printer.keyboard] + watched,
                timeout: timeout(until: [next, tracer.nextTimingSwitch].compactMap { $0 }.min()))
            if ready[0], let signal = signals.next() {
                end.signal = signal
                break
            }
            // One came while a write waited for its reader.
            if let signal = signals.last {
                end.signal = signal
                break
            }
            if ready[2] { try tracer.takeEnded() }
            if ready[3], try tracer.heedKeys(of: &printer) {
                end.isQuit = true
                break
            }
            if ready[1] { break }
            for index in watched.indices where ready[4 + index] {
                close(watched[index])
                watched[index] = -1
            }
            if !pids.isEmpty && watched.allSatisfy({ $0 < 0 }) { break }
            if let due = tracer.nextTimingSwitch, Clock.monotonic >= due { tracer.switchTiming() }
            if let due = next, let step, Clock.monotonic >= due {
                try tracer.reportInterval(to: &printer)
                // A report that took longer than an interval leaves some out rather than pile them up.
                next = due + step * max(1, (Clock.monotonic - due) / step + (Clock.monotonic > due + step ? 1 : 0))
            }
        }
        if end.signal != nil {
            // Who interrupts again wants no report.
            printer.restoreTerminal()
            signals.letThrough()
        }
        // After an interrupt from the keyboard, which the program got as well, it has a moment to end.
        if let process, waitReadable([process.descriptor], timeout: end.signal == nil ? 0 : 200)[0] {
            end.exit = try reap(process, &tracer)
        }
        return end
    }

    private static func reap(
        _ process: LaunchedProcess, _ tracer: inout some ThreadTracer & ~Copyable
    ) throws -> LaunchedProcess.Exit {
        // It is a zombie before its threads have left the CPU for good: some microseconds.
        for _ in 0..<100 {
            guard try tracer.hasLivingThreads(of: process.pid) else { break }
            usleep(100)
        }
        return process.reap()
    }

    private static func timeout(until due: UInt64?) -> Int32 {
        guard let due else { return -1 }
        let now = Clock.monotonic
        return due <= now ? 0 : Int32(clamping: (due - now + 999_999) / 1_000_000)
    }
}
