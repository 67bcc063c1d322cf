// SPDX-License-Identifier: Apache-2.0
import Experiment
import Statistics

/// Figures of a comparison as people read them.
enum ComparisonFormat {
    /// Three figures: `1.02`, `12.3`, `1,234`.
    static func factor(_ value: Double) -> String {
        value < 9.995
            ? Format.fixed(value, 2)
            : value < 99.95 ? Format.fixed(value, 1) : Format.count(UInt64(min(value, 1e15).rounded()))
    }

    /// `720 runs, 10 of each observer`; where some were not made, `4 of 40 runs`.
    static func runs(_ data: ExperimentData) -> String {
        let (made, planned) = (data.measuredRuns, data.design.plannedRuns)
        return made == planned
            ? "\(Format.count(UInt64(made))) runs, \(data.design.runs) of each observer"
            : "\(Format.count(UInt64(made))) of \(Format.count(UInt64(planned))) runs"
    }

    static func slowdown(_ cell: Cell) -> String {
        guard let slowdown = cell.slowdown else { return cell.failures.isEmpty ? "-" : "failed" }
        let mark =
            switch cell.information.status {
            case .lossy: "!"
            case .unknown: "?"
            default: ""
            }
        return mark + verdictMark(cell) + factor(slowdown.value)
    }

    private static func verdictMark(_ cell: Cell) -> String {
        switch cell.verdict {
        case .noDifference: "="
        case .tooFew: "~"
        default: ""
        }
    }

    static func addedPerUnit(_ cell: Cell) -> String {
        guard cell.workload.unit != .event, let added = cell.costs.addedPerUnit else { return "-" }
        return verdictMark(cell) + (cell.verdict == .noDifference ? "" : number(added))
    }

    /// What the marks mean that are in a table of slowdowns.
    static func legend(_ cells: [Cell], of design: Design) -> [String] {
        let shown = cells.filter { $0.slowdown != nil }
        var marks: [String] = []
        if shown.contains(where: { $0.verdict == .noDifference }) {
            marks.append("= no difference shown\(leastEffect(design))")
        }
        if shown.contains(where: { $0.verdict == .tooFew }) {
            marks.append("~ too few runs for a verdict")
        }
        if shown.contains(where: { $0.information.status == .lossy }) { marks.append("! it missed some of it") }
        var gaps: [Cell.Information.Gap] = []
        for gap in shown.compactMap(\.information.gap) where !gaps.contains(gap) { gaps.append(gap) }
        if !gaps.isEmpty { marks.append("? " + gaps.map(\.rawValue).joined(separator: ", or ")) }
        return marks
    }

    /// `: perhaps less than 5 %, or by chance among so many comparisons`.
    static func leastEffect(_ design: Design) -> String {
        guard let least = design.leastEffect else { return ", among so many comparisons" }
        let percent = Format.fixed(100 * least, 100 * least == (100 * least).rounded() ? 0 : 1)
        return ": perhaps less than \(percent) %, or by chance among so many comparisons"
    }

    /// What one event takes without an observer.
    static func bare(_ cell: Cell?) -> String {
        guard let cell, let section = cell.section else { return "-" }
        // Of a program whose calls nobody counted, all of it.
        guard let units = cell.costs.unitsPerThread, units > 0 else { return nanoseconds(section.median) }
        return nanoseconds(section.median / units)
    }

    static func number(_ value: Double) -> String {
        let size = abs(value)
        // No sign before a zero.
        if size < 0.05 { return "0.0" }
        return size < 9.95
            ? Format.fixed(value, 1) : (value < 0 ? "-" : "") + Format.count(UInt64(min(size, 1e15).rounded()))
    }

    static func nanoseconds(_ value: Double) -> String {
        value <= -0.05
            ? "-" + nanoseconds(-value)
            : value < 9.95
                ? Format.fixed(max(0, value), 1) + " ns" : Format.duration(UInt64(min(value, 1e18).rounded()))
    }

    /// What is shown to be more than nothing; else what it is less than.
    static func excess(_ excess: Excess?) -> String {
        guard let excess else { return "–" }
        return excess.value.map(nanoseconds) ?? excess.margin.map { "< " + nanoseconds($0) } ?? "–"
    }

    static func range(_ fit: CostModel.Fit) -> String {
        fit.range.map { "from \(nanoseconds($0.lowerBound)) to \(nanoseconds($0.upperBound))" }
            ?? "by one workload: how it varies is not known"
    }

    static func interval(_ interval: Interval?) -> String {
        interval.map { "\(factor($0.lower)) – \(factor($0.upper))" } ?? "-"
    }

    /// `1.2M`, `830k`.
    static func rate(_ value: Double) -> String {
        value < 1e3
            ? Format.fixed(value, 0)
            : value < 1e6 ? Format.fixed(value / 1e3, value < 1e4 ? 1 : 0) + "k" : Format.fixed(value / 1e6, 2) + "M"
    }

    static func percentage(_ value: Double) -> String {
        (value < 0 ? "-" : "+") + Format.fixed(abs(value) * 100, abs(value) < 0.0995 ? 1 : 0) + " %"
    }

    static func saw(_ cell: Cell) -> String {
        switch cell.information.status {
        case .complete: "all"
        case .lossy: "not all"
        case .unknown: "unknown"
        case .other: "other things"
        }
    }

    /// What cheaper watching could give (Amdahl); nil where it is not shown to cost anything.
    static func bound(_ cell: Cell) -> String? {
        guard let watching = cell.watching, let half = watching.speedup(ofPart: 2), watching.limit >= 1.005 else {
            return nil
        }
        return "\(Format.fixed(100 * watching.share, 0)) % of the time is being watched: at half the cost "
            + "\(factor(half)) times as fast, at none \(factor(watching.limit))"
    }

    static func loss(_ cell: Cell) -> String {
        let information = cell.information
        var parts: [String] = []
        // The median run: one that lacks some may be the only one.
        if let expected = information.expected, let seen = information.seen, seen < expected {
            parts.append("\(Format.count(seen)) of \(Format.count(expected)) events seen")
        }
        if let missing = information.missing { parts.append("up to \(Format.count(missing)) missing in a run") }
        if let lost = information.lost, lost > 0 { parts.append("it says it lost \(Format.count(lost))") }
        return parts.joined(separator: "; ")
    }
}
