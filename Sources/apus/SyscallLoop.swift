// SPDX-License-Identifier: Apache-2.0
import Glibc
import Linux
import Tracers

/// Observes until there is nothing more to observe, and writes what arrives.
enum SyscallLoop {
    /// Records are written without a wakeup as long as there are few: so often they are looked for.
    private static let pause: Int32 = 20

    /// The signal that ended it, if one did.
    static func run(
        _ tracer: inout SyscallTracer, _ printer: inout SyscallPrinter, process: LaunchedProcess?, pids: [Int32],
        signals: Signals
    ) throws -> Int32? {
        // Closed when the process ends; nobody else needs them.
        var watched = pids.map { openProcess($0) }
        var received: Int32?
        while true {
            let ready = waitReadable(
                [signals.descriptor, process?.descriptor ?? -1, tracer.descriptor] + watched, timeout: pause)
            if ready[0] { received = signals.next() }
            for index in watched.indices where ready[3 + index] {
                close(watched[index])
                watched[index] = -1
            }
            // A signal that came while a write waited for its reader has been read already.
            let isOver =
                received != nil || signals.count > 0 || ready[1] || !pids.isEmpty && watched.allSatisfy { $0 < 0 }
            try printer.collect(&tracer)
            if isOver { break }
        }
        received = signals.last
        // A process is a zombie before the last of its threads has told its end: some microseconds.
        if received == nil { usleep(1000) }
        try printer.collect(&tracer)
        try tracer.stop()
        try printer.collect(&tracer)
        return received
    }
}
