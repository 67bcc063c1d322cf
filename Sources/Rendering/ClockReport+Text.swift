// SPDX-License-Identifier: Apache-2.0
public import Tracers

extension ClockReport {
    /// A table of at most 80 columns, and advice.
    public func text(style: TextStyle) -> String {
        var lines = [
            style.dim(
                " " + "read by".padded(to: 25) + "cost".aligned(right: 9) + "spread".aligned(right: 9)
                    + "step".aligned(right: 9) + "  " + "way".padded(to: 13) + "across CPUs")
        ]
        lines += rows.map(line)
        lines += [""] + facts.map { $0.wrapped(indent: 3, first: 1) }
        if !completeness.isExact {
            lines.append(style.warning(completeness.reasons.joined(separator: "; ").wrapped(indent: 3, first: 1)))
        }
        lines += ["", style.bold(" \(advice)")]
        return lines.map(\.trimmedAtEnd).joined(separator: "\n") + "\n"
    }

    private func line(_ row: Row) -> String {
        let name = " " + row.source.name.padded(to: 25)
        if let unavailable = row.unavailable { return name + "  not available: \(unavailable)" }
        let spread = row.cost?.spread.map { Format.fixed(100 * $0, $0 < 0.0995 ? 2 : 0) + " %" } ?? "-"
        return name + (row.cost.map { Self.short($0.nanoseconds) } ?? "-").aligned(right: 9)
            + (spread + (row.cost?.isConverged == false ? "!" : " ")).aligned(right: 9)
            + (row.resolution.map(Self.short) ?? "-").aligned(right: 9) + "  "
            + (row.way.map(\.name) ?? "?").padded(to: 13)
            + (row.acrossCPUs.map(Self.name) ?? (isUnknown(row) ? "?" : ""))
    }

    /// There are CPUs to compare, and at least one source was.
    private var wasCompared: Bool { rows.contains { $0.acrossCPUs != nil } }

    /// It could have been compared, and was not.
    private func isUnknown(_ row: Row) -> Bool {
        wasCompared && row.unavailable == nil && row.acrossCPUs == nil && row.source.isShared
    }

    private static func name(_ across: AcrossCPUs) -> String {
        across.isMonotonic ? "monotonic" : "BACK \(short(across.worstNanoseconds))"
    }

    /// What the table does not say.
    private var facts: [String] {
        var facts: [String] = []
        if let clocksource {
            let others = clocksources.filter { $0 != clocksource }
            facts.append(
                "clocksource \(clocksource)" + (others.isEmpty ? "" : ", not \(others.joined(separator: ", "))"))
        }
        if let counter {
            // As many digits as its error leaves.
            facts.append(
                "TSC \(Format.fixed(counter.hertz / 1e6, 4)) MHz ± "
                    + "\(Format.fixed(counter.errorHertz / counter.hertz * 1e6, 2)) ppm against CLOCK_MONOTONIC_RAW, "
                    + (counter.isInvariant ? "invariant" : "NOT invariant: its rate can change"))
        }
        let costs = rows.compactMap(\.cost)
        let runs = costs.reduce(0) { $0 + $1.runs }
        let disturbed = costs.reduce(0) { $0 + ($1.disturbed ?? 0) }
        facts.append(
            "\(runs) runs on CPU \(cpu)"
                + (completeness.isExact ? ", \(disturbed) of them disturbed and set aside" : ""))
        if costs.contains(where: { !$0.isConverged }) {
            facts.append("! the fastest runs do not agree: the machine is not quiet")
        }
        let missing = rows.filter { $0.unavailable == nil && $0.cost == nil }
        if !missing.isEmpty { facts.append("- no run was undisturbed") }
        if rows.contains(where: isUnknown) { facts.append("? the two CPUs never read by turns for long enough") }
        if let across = rows.lazy.compactMap(\.acrossCPUs).first {
            facts.append(
                "across CPUs: \(across.pairs) \(across.pairs == 1 ? "pair" : "pairs"), reading by turns "
                    + "(\(Format.count(across.readings)) times)")
        }
        return facts
    }

    private static func short(_ nanoseconds: Double) -> String {
        nanoseconds < 999.95
            ? Format.fixed(nanoseconds, nanoseconds < 99.95 ? 1 : 0) + " ns"
            : Format.duration(UInt64(nanoseconds.rounded()))
    }

    /// What to read time from here, in a line.
    public var advice: String {
        func row(_ source: TimeSource) -> Row? { rows.first { $0.source == source && $0.cost != nil } }
        func price(_ row: Row) -> String { Self.short(row.cost?.nanoseconds ?? 0) }
        let general = row(.monotonic)
        // rdtscp cannot run ahead of what is measured; that is worth some cycles.
        let counter = [TimeSource.rdtscp, .rdtsc].lazy.compactMap(row).first {
            self.counter?.isInvariant == true && $0.acrossCPUs?.isMonotonic ?? !wasCompared
                && $0.cost?.nanoseconds ?? .infinity < general?.cost?.nanoseconds ?? .infinity
        }
        var parts: [String] = []
        if let counter { parts.append("below 1 µs: \(counter.source.name) (\(price(counter)))") }
        if let general {
            let cost = counter == nil ? " (\(price(general))\(general.way == .systemCall ? ", no vDSO" : ""))" : ""
            parts.append((counter == nil ? "any interval: " : "else ") + general.source.name + cost)
        }
        // What programs have always used; it is only as fine as a microsecond.
        if let old = row(.gettimeofday) { parts.append("gettimeofday costs \(price(old))") }
        return parts.isEmpty ? "no clock could be measured undisturbed: try again" : parts.joined(separator: "; ")
    }
}

extension ClockReport.Way {
    var name: String {
        switch self {
        case .instruction: "instruction"
        case .vdso: "vDSO"
        case .systemCall: "system call"
        case .helper: "BPF helper"
        }
    }
}
