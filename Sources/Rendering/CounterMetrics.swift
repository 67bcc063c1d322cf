// SPDX-License-Identifier: Apache-2.0
import Tracers

/// A column of a report on counters.
enum CounterColumn: CaseIterable {
    case total, user, kernel
}

extension CountersReport {
    /// An event's count in a column, scaled where it has to be; nil where it was not counted, not asked
    /// for, or is not to be had.
    func value(_ index: Int, _ column: CounterColumn, of counts: Counts) -> Double? {
        let (event, count) = (events[index], counts.events[index])
        guard unsupported[index] == nil, count.isCounted else { return nil }
        switch column {
        case .total: return count.total
        case .user: return event.modes.contains(.user) ? count.user.estimate : nil
        case .kernel: return event.modes.contains(.kernel) ? count.kernel.estimate : nil
        }
    }

    /// Of the first event of a name that asks for both modes.
    private func value(of name: String, _ column: CounterColumn, _ counts: Counts) -> Double? {
        events.firstIndex { $0.canonicalName == name && $0.modes.count == 2 }.flatMap { value($0, column, of: counts) }
    }

    /// What events tell together, where they were counted.
    struct Metric {
        let name: String
        let decimals: Int
        /// By column; nil: not to be had.
        let values: [CounterColumn: Double]
    }

    func metrics() -> [Metric] {
        func ratio(_ part: String, _ whole: String, _ name: String, _ factor: Double, _ decimals: Int) -> Metric? {
            var values: [CounterColumn: Double] = [:]
            for column in CounterColumn.allCases {
                guard let part = value(of: part, column, total), let whole = value(of: whole, column, total), whole > 0
                else { continue }
                values[column] = factor * part / whole
            }
            return values.isEmpty ? nil : Metric(name: name, decimals: decimals, values: values)
        }
        func overTime(_ name: String, _ part: (CounterColumn) -> Double?, _ whole: (CounterColumn) -> UInt64) -> Metric?
        {
            var values: [CounterColumn: Double] = [:]
            for column in CounterColumn.allCases where whole(column) > 0 {
                values[column] = part(column).map { $0 / Double(whole(column)) }
            }
            return values.isEmpty ? nil : Metric(name: name, decimals: 3, values: values)
        }
        let time: (CounterColumn) -> UInt64 = { [total] in
            switch $0 {
            case .total: total.time
            case .user: total.userTime
            case .kernel: total.kernelTime
            }
        }
        let hasModes = events.contains { $0.isTime || $0.canonicalName == "cycles" }
        return [
            hasModes ? overTime("CPUs utilized", { Double(time($0)) }, { _ in elapsed }) : nil,
            overTime("GHz", { value(of: "cycles", $0, total) }, time),
            ratio("instructions", "cycles", "insn per cycle", 1, 2),
        ].compactMap { $0 } + Self.rates.compactMap { ratio($0.part, $0.whole, "% of \($0.name) missed", 100, 2) }
    }

    /// Misses: of what, and perf's word for it.
    private static let rates: [(part: String, whole: String, name: String, perf: String)] = [
        ("branch-misses", "branches", "branches", "of all branches"),
        ("cache-misses", "cache-references", "cache refs", "of all cache refs"),
        ("L1-dcache-load-misses", "L1-dcache-loads", "L1-dcache loads", "of all L1-dcache accesses"),
        ("L1-icache-load-misses", "L1-icache-loads", "L1-icache loads", "of all L1-icache accesses"),
        ("LLC-load-misses", "LLC-loads", "LLC loads", "of all LL-cache accesses"),
        ("dTLB-load-misses", "dTLB-loads", "dTLB loads", "of all dTLB cache accesses"),
        ("iTLB-load-misses", "iTLB-loads", "iTLB loads", "of all iTLB cache accesses"),
    ]

    /// The metric that perf stat gives an event (tools/perf/util/stat-shadow.c), and its unit.
    func perfMetric(_ index: Int, of counts: Counts) -> (value: Double, unit: String)? {
        guard let count = value(index, .total, of: counts) else { return nil }
        let name = events[index].canonicalName
        /// The count of another event in the same modes, if there were any.
        func peer(_ other: String) -> Double? {
            events.firstIndex { $0.canonicalName == other && $0.modes == events[index].modes }
                .flatMap { value($0, .total, of: counts) }.flatMap { $0 > 0 ? $0 : nil }
        }
        if events[index].isTime { return elapsed > 0 ? (count / Double(elapsed), "CPUs utilized") : nil }
        if name == "instructions", let cycles = peer("cycles") { return (count / cycles, "insn per cycle") }
        if let rate = Self.rates.first(where: { $0.part == name }), let whole = peer(rate.whole) {
            return (100 * count / whole, rate.perf)
        }
        guard counts.time > 0 else { return nil }
        if name == "cycles" { return (count / Double(counts.time), "GHz") }
        let rate = 1e9 * count / Double(counts.time)
        for (size, unit) in [(1e9, "G/sec"), (1e6, "M/sec"), (1e3, "K/sec")] where rate >= size {
            return (rate / size, unit)
        }
        return (rate, "/sec")
    }
}
