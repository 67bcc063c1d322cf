// SPDX-License-Identifier: Apache-2.0
import Glibc
import Linux
import Tracers

/// Observes until there is nothing more to observe: reports at intervals, and takes in threads that
/// ended.
enum TimeLoop {
    /// Why observing ended: the program did, or a signal came, or the observed processes did.
    struct End {
        var exit: LaunchedProcess.Exit?
        var signal: Int32?
    }

    static func run(
        _ tracer: inout TimeTracer, _ printer: inout TimePrinter, process: LaunchedProcess?, pids: [Int32],
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
            if signals.count > 0 {
                end.signal = SIGINT
                break
            }
            if ready[2] { try tracer.collect() }
            if ready[3], try printer.handleKeys(&tracer) { break }
            if ready[1] { break }
            for index in watched.indices where ready[4 + index] {
                close(watched[index])
                watched[index] = -1
            }
            if !pids.isEmpty && watched.allSatisfy({ $0 < 0 }) { break }
            if let due = tracer.nextTimingSwitch, Clock.monotonic >= due { tracer.switchTiming() }
            if let due = next, let step, Clock.monotonic >= due {
                try printer.interval(try tracer.report())
                // A report that took longer than an interval leaves some out rather than pile them up.
                next = due + step * max(1, (Clock.monotonic - due) / step + (Clock.monotonic > due + step ? 1 : 0))
            }
        }
        if let process { end.exit = try waitForEnd(of: process, &tracer, wasInterrupted: end.signal != nil) }
        return end
    }

    /// After an interrupt from the keyboard, which the program got as well, gives it a moment to
    /// end. nil: it runs on.
    private static func waitForEnd(
        of process: LaunchedProcess, _ tracer: inout TimeTracer, wasInterrupted: Bool
    ) throws -> LaunchedProcess.Exit? {
        if wasInterrupted {
            guard waitReadable([process.descriptor], timeout: 200)[0] else { return nil }
        }
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
