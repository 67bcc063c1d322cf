// SPDX-License-Identifier: Apache-2.0
import CEvents
import Linux
public import Tracers

extension SyscallSummary {
    /// A table, at most 80 columns wide, the most time first; under a call its errors by name. A table
    /// for each process, if they are told apart, and so many at most; nil: of all.
    public func text(style: TextStyle, limit: Int? = nil) -> String {
        var lines: [String] = []
        let processes = Dictionary(grouping: entries.keys, by: \.pid)
            .map { (pid: $0, keys: $1, total: $1.reduce(0) { $0 + (entries[$1]?.total ?? 0) }) }
            .sorted { ($0.total, $1.pid) > ($1.total, $0.pid) }
        let shown = processes.prefix(limit ?? processes.count)
        for process in shown {
            if !lines.isEmpty { lines.append("") }
            if isByProcess {
                let name = commands[process.pid] ?? "?"
                lines.append(style.bold("PID \(process.pid) \(name.escapedForTerminal)"))
            }
            lines.append(style.bold(Self.header))
            for (key, entry) in sorted(process.keys) { lines += rows(key, entry) }
            lines.append(totalRow(process.keys.compactMap { entries[$0] }))
        }
        if shown.count < processes.count {
            let rest = processes.dropFirst(shown.count)
            lines += ["", " \(rest.count) processes more, \(Format.duration(rest.reduce(0) { $0 + $1.total })) (-v)"]
        }
        if cutCalls > 0 {
            let what =
                cutCalls == 1
                ? "1 call was under way at the start or the end: it counts with what was seen of it"
                : "\(Format.count(cutCalls)) calls were under way at the start or the end: they count with what was seen"
            lines.append(what.wrapped(indent: 3, first: 1))
        }
        if entries.isEmpty { lines.append(" no call was seen") }
        return lines.map { $0.trimmedAtEnd }.joined(separator: "\n") + "\n"
    }

    private func sorted(_ keys: [Key]) -> [(Key, Entry)] {
        keys.compactMap { key in entries[key].map { (key, $0) } }
            .sorted { ($0.1.total, $0.1.count, $1.0.call) > ($1.1.total, $1.1.count, $0.0.call) }
    }

    private static let header =
        "call".padded(to: 15) + "calls".aligned(right: 9) + "err".aligned(right: 6) + "total".aligned(right: 8)
        + "cpu%".aligned(right: 5) + "blk%".aligned(right: 5)
        + ["mean", "p50", "p99", "max"].map { $0.aligned(right: 8) }.joined()

    private func rows(_ key: Key, _ entry: Entry) -> [String] {
        let durations = [
            entry.mean, entry.durations.quantile(0.5) ?? 0, entry.durations.quantile(0.99) ?? 0, entry.durations.max,
        ]
        var lines = [
            Self.name(ofCall: key.call).padded(to: 15) + figures(entry)
                + durations.map { Format.duration($0).aligned(right: 8) }.joined()
        ]
        if !entry.errors.isEmpty {
            let list = entry.errors.sorted { ($0.value, $1.key) > ($1.value, $0.key) }
                .map { "\(SystemError.name(of: $0.key)) \(Format.count($0.value))" }.joined(separator: ", ")
            lines.append(list.wrapped(indent: 4))
        }
        return lines
    }

    /// Calls, errors, total, and of it on a CPU and blocked.
    private func figures(_ entry: Entry) -> String {
        func share(_ part: UInt64?) -> String {
            part.map { entry.total == 0 ? "-" : Format.fixed(100 * Double($0) / Double(entry.total), 0) } ?? "?"
        }
        return Self.count(entry.count, 9)
            + (entry.errors.isEmpty ? "" : Self.count(entry.errorCount, 6)).aligned(right: 6)
            + Format.duration(entry.total).aligned(right: 8) + share(entry.onCPU).aligned(right: 5)
            + share(entry.blocked).aligned(right: 5)
    }

    private static func count(_ value: UInt64, _ width: Int) -> String {
        Format.count(value, columns: width - 1).aligned(right: width)
    }

    private func totalRow(_ all: [Entry]) -> String {
        var sum = Entry()
        for entry in all {
            sum.count += entry.count
            sum.total += entry.total
            sum.errors.merge(entry.errors) { $0 + $1 }
            if let blocked = entry.blocked { sum.blocked = (sum.blocked ?? 0) + blocked }
            if let runnable = entry.runnable { sum.runnable = (sum.runnable ?? 0) + runnable }
        }
        return "total".padded(to: 15) + figures(sum)
    }

    /// The call's name, and that it is one of 32-bit programs.
    static func name(ofCall call: Int) -> String {
        let name = SyscallSignatures.name(ofKey: call) ?? "unknown"
        return call < SYSCALL_NUMBERS ? name : name + "[32]"
    }

    /// The document `summary` of `apus.syscalls/1`.
    public func json(_ completeness: Completeness, _ observer: ObserverCost) -> [UInt8] {
        var json = JSONWriter()
        json.object { json in
            json.header("apus.syscalls/1")
            json.value("type", "summary")
            json.value("calls_total", count)
            json.value("errors_total", errorCount)
            json.value("total_ns", total)
            json.value("cut_calls", cutCalls)
            json.array("calls") { json in
                for (key, entry) in sorted(Array(entries.keys)) {
                    json.object { json in write(key, entry, to: &json) }
                }
            }
            json.completeness(completeness)
            json.observer(observer)
        }
        json.newline()
        return json.bytes
    }

    private func write(_ key: Key, _ entry: Entry, to json: inout JSONWriter) {
        if isByProcess {
            json.value("pid", key.pid)
            json.value("command", commands[key.pid])
        }
        json.value("name", SyscallSignatures.name(ofKey: key.call))
        json.value("is_32_bit", key.call >= SYSCALL_NUMBERS)
        json.value("calls", entry.count)
        json.value("errors", entry.errorCount)
        json.object("errors_by_name") { json in
            for (errno, count) in entry.errors.sorted(by: { $0.key < $1.key }) {
                json.value(SystemError.name(of: errno), count)
            }
        }
        json.value("total_ns", entry.total)
        json.value("cpu_ns", entry.onCPU)
        json.value("blocked_ns", entry.blocked)
        json.value("runnable_ns", entry.runnable)
        json.value("mean_ns", entry.mean)
        json.value("p50_ns", entry.durations.quantile(0.5))
        json.value("p99_ns", entry.durations.quantile(0.99))
        json.value("max_ns", entry.durations.max)
    }
}

/// The last words of a stream of records.
public struct SyscallStreamEnd {
    /// Calls that were told.
    public let calls: UInt64
    /// Calls that were lost, and of which no record that came later could tell.
    public let untoldLosses: UInt64
    /// What was done to the target so that nothing was lost.
    public let flowControl: SyscallTracer.FlowControl
    /// Whether all was told.
    public let completeness: Completeness
    /// What observing cost.
    public let observer: ObserverCost

    /// - Parameters:
    ///   - calls: those that were told.
    ///   - untoldLosses: calls that were lost, and of which no record told.
    public init(
        calls: UInt64, untoldLosses: UInt64, flowControl: SyscallTracer.FlowControl, completeness: Completeness,
        observer: ObserverCost
    ) {
        (self.calls, self.untoldLosses, self.flowControl) = (calls, untoldLosses, flowControl)
        (self.completeness, self.observer) = (completeness, observer)
    }

    /// The line `end` of `apus.syscalls/1`.
    public var json: [UInt8] {
        var json = JSONWriter()
        json.object { json in
            json.header("apus.syscalls/1")
            json.value("type", "end")
            json.value("calls_total", calls)
            json.value("lost_before", untoldLosses)
            json.value("flow_control_stops", flowControl.stops)
            json.value("flow_control_stopped_ns", flowControl.stoppedNanoseconds)
            json.completeness(completeness)
            json.observer(observer)
        }
        json.newline()
        return json.bytes
    }

    /// The last lines for people, at most 80 columns wide.
    public func text(style: TextStyle) -> String {
        var lines = [Format.count(calls, "call")]
        if flowControl.stops > 0 {
            lines.append(
                "the target was stopped \(Format.count(flowControl.stops, "time")) for the buffer to be read, "
                    + "\(Format.duration(flowControl.stoppedNanoseconds)) in all")
        }
        let gap = untoldLosses > 0 ? "--- \(untoldLosses) calls lost at the ends of threads ---\n" : ""
        return gap + lines.map { $0.wrapped(indent: 3, first: 1) }.joined(separator: "\n") + "\n"
            + completeness.syscallText(observer, style: style)
    }
}

extension Completeness {
    /// Whether all is told, and what observing cost.
    public func syscallText(_ observer: ObserverCost, style: TextStyle) -> String {
        let events =
            observer.stopCount.map { "\(Format.count($0)) stops of the target" }
            ?? "\(Format.count(observer.runCount)) program runs"
            + (observer.runNanoseconds.map { ", \(Format.count($0)) ns in all" } ?? "")
        let cost =
            "observing cost \(events); Apus itself: CPU \(Format.duration(observer.cpuNanoseconds)), memory "
            + "\(Format.bytes(observer.maxResidentBytes)), maps in the kernel \(Format.bytes(observer.mapBytes))"
        return (isExact ? " exact: nothing was lost" : style.warning(warning)) + "\n"
            + cost.wrapped(indent: 3, first: 1) + "\n"
    }
}
