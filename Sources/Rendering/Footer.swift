// SPDX-License-Identifier: Apache-2.0
import Tracers

/// The last lines of a report on threads: whether it is exact, and what observing cost.
func footer(_ completeness: Completeness, _ observer: ObserverCost, _ style: TextStyle) -> [String] {
    var lines = [
        completeness.isExact
            ? " exact: every thread was seen, no run of a program was skipped"
            : style.warning(completeness.warning)
    ]
    let runs = Format.count(observer.runCount)
    if let ns = observer.runNanoseconds {
        let each = [
            observer.nanosecondsPerSyscall.map { "\(Format.fixed($0, 0)) ns a system call" },
            observer.nanosecondsPerSwitch.map { "\(Format.fixed($0, 0)) ns a switch" },
        ].compactMap { $0 }.joined(separator: ", ")
        let isSampled = observer.timedRuns < observer.runCount
        lines.append(
            " observing cost \(isSampled ? "about " : "")\(Format.duration(ns)) within \(runs) program runs")
        lines.append(
            "   \(each.isEmpty ? "no system call or switch was timed" : each)"
                + (isSampled && observer.timedRuns > 0
                    ? " (from \(Format.count(observer.timedRuns)) runs that were timed)" : "")
        )
    } else {
        let reason = observer.untimedReason ?? "none fell in a timed span"
        lines.append("observing cost \(runs) program runs, not timed: \(reason)".wrapped(indent: 3, first: 1))
    }
    lines.append(
        "   Apus itself: CPU \(Format.duration(observer.cpuNanoseconds)), memory \(Format.bytes(observer.maxResidentBytes)),"
            + " maps in the kernel \(Format.bytes(observer.mapBytes))")
    return lines
}
