// SPDX-License-Identifier: Apache-2.0
public import Tracers

extension TimeReport {
    /// How to write a report as text.
    public struct TextOptions: Sendable {
        /// Whether there are colours.
        public var style = TextStyle(isOn: false)
        /// A row for each thread rather than for each process.
        public var showsThreads = false
        /// Beside the measured times, what samples and the kernel's ticks say of them.
        public var showsAccounts = false
        /// How many rows at most; nil: all, and what was counted for each in a table of its own.
        public var rowLimit: Int?
        /// By what the rows are sorted.
        public var order = Order.cpu

        /// Every process in plain text, the most CPU time first.
        public init() {}
    }

    /// By what rows are sorted, the most first.
    public enum Order: String, Sendable, CaseIterable {
        /// A time of the row, how many system calls it has, or its PID or TID, ascending.
        case cpu, wall, blocked, runnable, syscalls, pid
    }

    /// The whole report, at most 80 columns wide: the partition of all time, the rows, what is not
    /// exact and what observing cost.
    public func text(title: String, _ options: TextOptions) -> String {
        let style = options.style
        var lines = [style.bold(title.escapedForTerminal.padded(toAtMost: 80)), ""]
        lines += partition(style)
        lines += [""] + countLines + [latencyLine]
        if options.rowLimit != 0 { lines += [""] + table(options) }
        if options.rowLimit == nil { lines += [""] + countTable(options) }
        if options.showsAccounts { lines += [""] + accountTable(options) }
        lines += [""] + footer(completeness, observer, style)
        return lines.map { $0.trimmedAtEnd }.joined(separator: "\n") + "\n"
    }

    /// A screen of so many lines: the sums in a line, and as many rows as fit.
    public func screen(title: String, height: Int, _ options: TextOptions) -> String {
        var options = options
        options.rowLimit = max(1, height - 6)
        let shares: [(String, UInt64)] = [
            ("user", total[.user]), ("system", total[.system] + total[.fault]),
            ("interrupts", total[.irq] + total[.softirq]), ("runnable", total.runnable), ("blocked", total.blocked),
        ]
        let sums = shares.map { "\($0) \(Format.percent($1, of: total.wall)) %" }.joined(separator: "  ")
        var lines = [options.style.bold(title.escapedForTerminal.padded(toAtMost: 80)), " " + sums, ""]
        lines += table(options)
        if !completeness.isExact { lines.append(options.style.warning(" A LOWER BOUND, see the last report")) }
        return lines.prefix(height).map { $0.trimmedAtEnd }.joined(separator: "\n") + "\n"
    }

    private var countLines: [String] {
        [
            " \(Format.count(total.syscalls, "system call")); "
                + "\(Format.count(total.voluntarySwitches, "voluntary switch", "voluntary switches")), "
                + "\(Format.count(total.involuntarySwitches)) involuntary",
            " \(Format.count(total.migrations, "migration")); "
                + "\(Format.count(total.minorFaults, "minor fault")), \(Format.count(total.majorFaults)) major",
        ]
    }

    private var latencyLine: String {
        let latency = total.runQueueLatency
        guard let median = latency.quantile(0.5), let p99 = latency.quantile(0.99) else {
            return " run queue: nobody waited for a CPU"
        }
        return
            " run queue: p50 \(Format.duration(median)), p99 \(Format.duration(p99)), max \(Format.duration(latency.max))"
    }

    // MARK: - Where all the time went

    private func partition(_ style: TextStyle) -> [String] {
        var rows: [(group: String, name: String, ns: UInt64, color: String)] = []
        for state in [ThreadState.user, .system, .fault, .irq, .softirq] {
            if state == .fault && !measuresFaults { continue }
            rows.append((rows.isEmpty ? "on CPU" : "", state.name, total[state], "32"))
        }
        for state in [ThreadState.preempted, .woken] {
            rows.append((state == .preempted ? "runnable" : "", state.name, total[state], "33"))
        }
        let waits =
            ThreadState.blocked.filter { total[$0] > 0 && $0 != .other }
            .map { ($0.name, total[$0]) }
            + total.otherWaits.filter { $0.value > 0 }.map {
                ($0.key < 0 ? "other" : Ledger.name(ofCall: $0.key), $0.value)
            }
        for (index, wait) in waits.sorted(by: { $0.1 > $1.1 }).enumerated() {
            rows.append((index == 0 ? "blocked" : "", wait.0, wait.1, "34"))
        }
        rows.append(("unknown", "unattributed", total[.unattributed], "35"))
        var lines = [
            style.dim(" thread time".padded(to: 11 + 18) + "time".aligned(right: 10) + "share".aligned(right: 9)),
            line("all", "", total.wall, "", style),
        ]
        lines += rows.filter { $0.ns > 0 || $0.name != "unattributed" }
            .map { line($0.group, $0.name, $0.ns, $0.color, style) }
        lines.append(
            " " + "residual".padded(to: 28) + "\(total.residual) ns".aligned(right: 10)
                // Signed: those of threads can cancel each other.
                + (threads.map { abs($0.ledger.residual) }.max().map { $0 > 0 ? "  \($0) ns in a thread at most" : "" }
                    ?? ""))
        if let faultsReason {
            lines.append(style.dim(" fault: inside user and system (\(faultsReason))"))
        }
        if boundary > 0 {
            lines.append(
                style.dim(" system: with \(boundary) ns a call for the way in and out, measured at the start"))
        }
        return lines
    }

    private func line(_ group: String, _ name: String, _ ns: UInt64, _ color: String, _ style: TextStyle) -> String {
        let columns = 28
        let width = total.wall > 0 ? Int((Double(ns) / Double(total.wall) * Double(columns)).rounded()) : 0
        let bar = color.isEmpty ? "" : "  " + style.colored(String(repeating: "█", count: min(width, columns)), color)
        return " " + group.padded(to: 10) + name.padded(to: 18) + Format.duration(ns).aligned(right: 10)
            + (Format.percent(ns, of: total.wall) + " %").aligned(right: 9) + bar
    }

    // MARK: - Rows

    /// A line of the table: a thread, or a process.
    struct Row {
        let pid: UInt32
        let tid: UInt32
        let command: String
        let threads: Int
        let ledger: Ledger
    }

    func rows(_ options: TextOptions) -> [Row] {
        let rows =
            options.showsThreads
            ? threads.map { Row(pid: $0.pid, tid: $0.tid, command: $0.command, threads: 1, ledger: $0.ledger) }
            : processes.map {
                Row(pid: $0.pid, tid: $0.pid, command: $0.command, threads: $0.threads, ledger: $0.ledger)
            }
        func weight(_ ledger: Ledger) -> UInt64 {
            switch options.order {
            case .cpu: ledger.onCPU
            case .wall: ledger.wall
            case .blocked: ledger.blocked
            case .runnable: ledger.runnable
            case .syscalls: ledger.syscalls
            case .pid: 0
            }
        }
        let keyed = rows.map { (weight($0.ledger), $0) }
        return keyed.sorted { ($0.0, $1.1.tid) > ($1.0, $0.1.tid) }.map(\.1)
    }

    /// A table of at most 80 columns; a header and the rows.
    func table(_ options: TextOptions) -> [String] {
        let all = rows(options)
        let shown = options.rowLimit.map { all.prefix($0) } ?? all[...]
        let id = options.showsThreads ? "TID" : "PID"
        var lines = [
            options.style.dim(
                id.aligned(right: 8) + " " + "COMMAND".padded(to: 15) + (options.showsThreads ? "    " : " THR")
                    + ["USER", "SYSTEM", "RUNNABLE", "BLOCKED"].map { $0.aligned(right: 9) }.joined()
                    + "  MOSTLY IN")
        ]
        for row in shown {
            let ledger = row.ledger
            let figures = [ledger[.user], ledger[.system] + ledger[.fault], ledger.runnable, ledger.blocked]
            lines.append(
                String(row.tid).aligned(right: 8) + " " + row.command.escapedForTerminal.padded(to: 15)
                    + (options.showsThreads ? "    " : Format.count(UInt64(row.threads), columns: 4).aligned(right: 4))
                    + figures.map { " " + Format.duration($0).aligned(right: 8) }.joined()
                    + "  " + ledger.mostlyIn.padded(toAtMost: 14))
        }
        if shown.contains(where: { $0.ledger[.fault] > 0 }) {
            lines.append(options.style.dim("         SYSTEM has page faults in it"))
        }
        if shown.count < all.count { lines.append("         … and \(all.count - shown.count) more") }
        if earlier.threads > 0 {
            lines.append(
                "         \(Format.count(UInt64(earlier.threads), "earlier thread is", "earlier threads are")) in the sums alone"
            )
        }
        return lines
    }

    /// What was counted for each row: switches, migrations, system calls, faults, and waits for a CPU.
    private func countTable(_ options: TextOptions) -> [String] {
        let heads = [("VOL", 7), ("INVOL", 7), ("MIGR", 6), ("CALLS", 8), ("FAULTS", 8), ("MAJOR", 6), ("P99", 9)]
        var lines = [
            options.style.dim(
                (options.showsThreads ? "TID" : "PID").aligned(right: 8) + " " + "COMMAND".padded(to: 15)
                    + heads.map { $0.aligned(right: $1) }.joined())
        ]
        for row in rows(options) {
            let ledger = row.ledger
            let counts = [
                ledger.voluntarySwitches, ledger.involuntarySwitches, ledger.migrations, ledger.syscalls,
                ledger.minorFaults, ledger.majorFaults,
            ]
            lines.append(
                String(row.tid).aligned(right: 8) + " " + row.command.escapedForTerminal.padded(to: 15)
                    + zip(counts, heads).map { Format.count($0, columns: $1.1 - 1).aligned(right: $1.1) }.joined()
                    + (ledger.runQueueLatency.quantile(0.99).map(Format.duration) ?? "-").aligned(right: 9))
        }
        lines.append(
            options.style.dim("         switches, migrations, calls, faults (all, major), waits for a CPU"))
        return lines
    }
}

extension Ledger {
    /// The state with the largest share, if any.
    var mostlyIn: String {
        guard let most = ThreadState.allCases.max(by: { self[$0] < self[$1] }), self[most] > 0 else { return "" }
        if most == .other, let call = otherWaits.max(by: { $0.value < $1.value }), call.key >= 0 {
            return Ledger.name(ofCall: call.key)
        }
        return most.name
    }
}
