// SPDX-License-Identifier: Apache-2.0
public import Linux
public import Tracers

/// Reports in the forms of `perf stat -x` and `perf stat --json` (tools/perf/Documentation/perf-stat.txt,
/// "CSV FORMAT" and "JSON FORMAT"), so that what reads those reads these. What perf does not tell comes
/// where such readers look past it: in lines that begin with `#`, in further members and objects.
extension CountersReport {
    /// What goes with a report of either form.
    public struct PerfOptions: Sendable {
        /// Seconds since the start; nil: of the whole run.
        public var interval: Double?
        /// Of a launched program: how it ended.
        public var exit: LaunchedProcess.Exit?
        /// Further rows, for processes or for threads; nil: none.
        public var rows: Rows? = .processes

        /// For what rows there are besides those of all together.
        public enum Rows: Sendable { case processes, threads }

        /// Of a whole run, with rows for processes.
        public init() {}
    }

    /// A line for each event: value, unit, event, run time of the counter, percentage of time that it
    /// ran, metric, its unit. Behind `# ` the same for each process or thread and each mode, after
    /// `process` or `thread`, its number, its command, and `total`, `user` or `kernel`.
    public func separated(by separator: String, _ options: PerfOptions) -> String {
        let time = options.interval.map { Self.seconds($0) + separator } ?? ""
        var text = ""
        for index in events.indices {
            text += time + fields(index, .total, total).joined(separator: separator) + "\n"
        }
        func rows(_ kind: String, _ id: UInt32?, _ command: String, _ counts: Counts) {
            let name = command.escapedForTerminal.split(separator: separator, omittingEmptySubsequences: false)
                .joined(separator: "?")
            for index in events.indices {
                for column in CounterColumn.allCases where id != nil || column != .total {
                    let head = [kind, id.map { String($0) } ?? "", name, "\(column)"]
                    text +=
                        "# " + time + (head + fields(index, column, counts)).joined(separator: separator) + "\n"
                }
            }
        }
        if let kind = options.rows {
            rows("all", nil, "", total)
            switch kind {
            case .processes: processes.forEach { rows("process", $0.pid, $0.command, $0.counts) }
            case .threads: threads.forEach { rows("thread", $0.tid, $0.command, $0.counts) }
            }
        }
        for reason in completeness.reasons { text += "# lower bound: \(reason)\n" }
        return text
    }

    private func fields(_ index: Int, _ column: CounterColumn, _ counts: Counts) -> [String] {
        let event = events[index]
        let isTotal = column == .total
        let value = value(index, column, of: counts)
        let text = value.map { event.isTime ? Format.fixed($0 / 1e6, 2) : Format.fixed($0, 0) } ?? missing(index)
        // What is counted where it happens runs for both modes at once.
        let part = count(index, column, counts)
        let count = part.running > 0 ? part : counts.events[index].sum
        let metric = isTotal ? perfMetric(index, of: counts) : nil
        return [
            text, event.isTime && unsupported[index] == nil ? "msec" : "", event.name,
            String(value == nil ? 0 : count.running), Format.fixed(value == nil ? 100 : Self.percent(count), 2),
            metric.map { Format.fixed($0.value, 3) } ?? "", metric?.unit ?? "",
        ]
    }

    private func count(_ index: Int, _ column: CounterColumn, _ counts: Counts) -> Count {
        switch column {
        case .total: counts.events[index].sum
        case .user: counts.events[index].user
        case .kernel: counts.events[index].kernel
        }
    }

    private static func percent(_ count: Count) -> Double {
        count.enabled > 0 ? 100 * Double(count.running) / Double(count.enabled) : 100
    }

    private func missing(_ index: Int) -> String { unsupported[index] == nil ? "<not counted>" : "<not supported>" }

    /// As perf stat -I writes it: `     0.103980243`.
    private static func seconds(_ time: Double) -> String {
        Format.fixed(time, 9).aligned(right: 16)
    }

    /// A line for each event, with the members of perf stat's and then ours; then one that has all of
    /// `apus.counters/1`, without the member `event`.
    public func json(_ options: PerfOptions) -> [UInt8] {
        var json = JSONWriter()
        for index in events.indices {
            let count = total.events[index]
            json.object { json in
                if let interval = options.interval { json.value("interval", interval, decimals: 9) }
                let value = value(index, .total, of: total)
                let scale = events[index].isTime ? 1e6 : 1
                json.value("counter-value", value.map { Format.fixed($0 / scale, 6) } ?? missing(index))
                json.value("unit", events[index].isTime ? "msec" : "")
                json.value("event", events[index].name)
                json.value("event-runtime", value == nil ? 0 : count.sum.running)
                json.value("pcnt-running", value == nil ? 100 : count.percentRunning, decimals: 2)
                let metric = perfMetric(index, of: total)
                json.value("metric-value", metric?.value ?? 0, decimals: 6)
                json.value("metric-unit", metric?.unit ?? "")
                for column in [CounterColumn.user, .kernel] {
                    json.value(
                        "\(column)-value", self.value(index, column, of: total).map { Format.fixed($0 / scale, 6) })
                }
                json.value("scaled", count.sum.isScaled)
                if let reason = unsupported[index] { json.value("reason", reason) }
            }
            json.newline()
        }
        json.object { json in
            json.header("apus.counters/1")
            if let interval = options.interval { json.value("interval", interval, decimals: 9) }
            json.value("elapsed_ns", elapsed)
            json.object("total") { json in write(total, to: &json) }
            json.array("metrics") { json in
                for metric in metrics() {
                    json.object { json in
                        json.value("name", metric.name)
                        for column in CounterColumn.allCases {
                            json.value("\(column)", metric.values[column], decimals: 6)
                        }
                    }
                }
            }
            json.value("earlier_threads", earlierThreads)
            json.array("processes") { json in
                for process in processes {
                    json.object { json in
                        json.value("pid", process.pid)
                        json.value("parent_pid", process.parentPID)
                        json.value("command", process.command)
                        json.value("threads", process.threads)
                        json.value("alive", process.isAlive)
                        write(process.counts, to: &json)
                    }
                }
            }
            json.array("threads") { json in
                for thread in threads {
                    json.object { json in
                        json.value("pid", thread.pid)
                        json.value("tid", thread.tid)
                        json.value("command", thread.command)
                        json.value("alive", thread.isAlive)
                        write(thread.counts, to: &json)
                    }
                }
            }
            json.array("in_user_column") { json in inUserColumn.forEach { json.value(nil, $0) } }
            json.exit(options.exit)
            json.completeness(completeness)
            json.observer(observer)
        }
        json.newline()
        return json.bytes
    }

    /// By event, in the report's order: times in nanoseconds, null where there is no figure.
    private func write(_ counts: Counts, to json: inout JSONWriter) {
        json.value("time_ns", counts.time)
        json.value("user_ns", splitsTime ? counts.userTime : nil)
        json.value("kernel_ns", splitsTime ? counts.kernelTime : nil)
        json.array("events") { json in
            for index in events.indices {
                let count = counts.events[index]
                json.object { json in
                    json.value("event", events[index].name)
                    json.value("supported", unsupported[index] == nil)
                    for column in CounterColumn.allCases {
                        json.value("\(column)", value(index, column, of: counts), decimals: 0)
                    }
                    json.value("scaled", count.sum.isScaled)
                    json.value("counted", count.sum.counted)
                    json.value("enabled_ns", count.sum.enabled)
                    json.value("running_ns", count.sum.running)
                }
            }
        }
    }
}
