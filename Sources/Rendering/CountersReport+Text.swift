// SPDX-License-Identifier: Apache-2.0
public import Tracers

extension CountersReport {
    /// How to write a report as text.
    public struct TextOptions: Sendable {
        /// Whether there are colours.
        public var style = TextStyle(isOn: false)
        /// Rows for threads rather than for processes.
        public var showsThreads = false
        /// How many processes or threads at most, those with the most CPU time first; nil: all.
        public var rowLimit: Int?
        /// Whether each is exact, what is not to be had, and what observing cost.
        public var showsFooter = true

        /// Every process in plain text, and the footer.
        public init() {}
    }

    /// The whole report, at most 80 columns wide as long as the names of events are short.
    public func text(title: String, _ options: TextOptions) -> String {
        let style = options.style
        var lines = [style.bold(title.escapedForTerminal.padded(toAtMost: 80)), ""]
        lines.append(style.dim(Self.line(["total", "user", "kernel"], "", "event")))
        for index in events.indices { lines += eventLines(index) }
        let metrics = metrics()
        if !metrics.isEmpty {
            lines.append("")
            lines += metrics.map { metric in
                Self.line(
                    CounterColumn.allCases.map { metric.values[$0].map { Format.fixed($0, metric.decimals) } ?? "" },
                    "", metric.name)
            }
        }
        if options.rowLimit != 0 { lines += [""] + rows(options) }
        lines += [""] + (notes(style) + (options.showsFooter ? footer(completeness, observer, style) : []))
        return lines.map { $0.trimmedAtEnd }.joined(separator: "\n") + "\n"
    }

    private static func line(_ values: [String], _ unit: String, _ name: String) -> String {
        values[0].aligned(right: 17) + values[1].aligned(right: 16) + values[2].aligned(right: 16) + "  "
            + unit.padded(to: 5) + name
    }

    private func eventLines(_ index: Int) -> [String] {
        let (event, count) = (events[index], total.events[index])
        let unit = event.isTime ? "msec" : ""
        let name = event.name.escapedForTerminal
        let values: [String]
        if unsupported[index] != nil {
            values = ["<not supported>", "", ""]
        } else if !count.isCounted {
            values = ["<not counted>", "", ""]
        } else {
            values = CounterColumn.allCases.map { column in
                value(index, column, of: total).map { figure($0, event, width: 15) }
                    ?? (column == .total || isLeftOut(column, event) ? "" : "<not counted>")
            }
        }
        let share = count.sum.isScaled ? "  (" + Format.fixed(count.percentRunning, 2) + "%)" : ""
        // A long name has a line to itself.
        if name.count + share.count > 24 { return ["  " + name, Self.line(values, unit, share)] }
        return [Self.line(values, unit, name + share)]
    }

    private func isLeftOut(_ column: CounterColumn, _ event: CounterEvent) -> Bool {
        column == .user ? !event.modes.contains(.user) : !event.modes.contains(.kernel)
    }

    /// Exact where it fits, a time in milliseconds.
    private func figure(_ value: Double, _ event: CounterEvent, width: Int) -> String {
        if event.isTime { return Format.fixed(value / 1e6, 2) }
        let exact = Format.count(UInt64(value.rounded()))
        if exact.count <= width { return exact }
        return value >= 1e12 ? Format.fixed(value / 1e12, 4) + " T" : Format.fixed(value / 1e9, 3) + " G"
    }

    // MARK: - Processes and threads

    private func rows(_ options: TextOptions) -> [String] {
        struct Row {
            let id: UInt32
            let command: String
            let counts: Counts
        }
        var all =
            options.showsThreads
            ? threads.map { Row(id: $0.tid, command: $0.command, counts: $0.counts) }
            : processes.map { Row(id: $0.pid, command: $0.command, counts: $0.counts) }
        all.sort { ($0.counts.time, $1.id) > ($1.counts.time, $0.id) }
        let shown = options.rowLimit.map { all.prefix($0) } ?? all[...]
        var lines = [
            options.style.dim(
                (options.showsThreads ? "TID" : "PID").aligned(right: 8) + " " + "COMMAND".padded(to: 16)
                    + "TOTAL".aligned(right: 12) + "USER".aligned(right: 12) + "KERNEL".aligned(right: 12) + "  EVENT")
        ]
        for row in shown {
            var head = String(row.id).aligned(right: 8) + " " + row.command.escapedForTerminal.padded(to: 16)
            for index in events.indices where unsupported[index] == nil {
                let values = CounterColumn.allCases.map { column in
                    value(index, column, of: row.counts).map { figure($0, events[index], width: 11) }
                        ?? (column == .total ? "-" : isLeftOut(column, events[index]) ? "" : "-")
                }
                let count = row.counts.events[index]
                let share = count.sum.isScaled ? " (" + Format.fixed(count.percentRunning, 0) + "%)" : ""
                lines.append(
                    head + values.map { $0.aligned(right: 12) }.joined() + "  "
                        + events[index].name.escapedForTerminal.padded(toAtMost: 17 - share.count) + share)
                head = String(repeating: " ", count: 25)
            }
        }
        guard unsupported.contains(nil) else { return [] }
        let what = options.showsThreads ? "threads" : "processes"
        if shown.count < all.count { lines.append("         … and \(all.count - shown.count) more \(what) (-v)") }
        if earlierThreads > 0 {
            lines.append("         \(Format.count(UInt64(earlierThreads))) earlier threads are in the sums alone")
        }
        return lines
    }

    // MARK: - What the figures are not

    private func notes(_ style: TextStyle) -> [String] {
        var lines: [String] = []
        if total.events.contains(where: \.sum.isScaled) {
            lines.append(" (%): scaled; counted for that part of its time, as there are fewer counters,")
            lines.append("   so that rows need not add up; -: it never had one")
        }
        for reason in Set(unsupported.compactMap { $0 }).sorted() {
            let names = events.indices.filter { unsupported[$0] == reason }.map { events[$0].name }
            lines.append(
                "not supported: \(names.joined(separator: ", ").escapedForTerminal): \(reason)".wrapped(
                    indent: 3, first: 1))
        }
        if !inUserColumn.isEmpty, unsupported.contains(where: { $0 == nil }) {
            lines.append(
                "user includes \(inUserColumn.joined(separator: "; "))".wrapped(indent: 3, first: 1))
        }
        return lines.map { style.dim($0) }
    }
}
