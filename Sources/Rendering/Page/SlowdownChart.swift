// SPDX-License-Identifier: Apache-2.0
import Experiment

/// Slowdown with its interval on a logarithmic scale: a row for each observer, by workload.
struct SlowdownChart {
    let comparison: ObserverComparison
    let palette: Palette
    /// For a phone: the workload's name is above its rows, and remarks are left out.
    let isNarrow: Bool

    var svg: String {
        let (width, left, right) = isNarrow ? (340.0, 112.0, 282.0) : (920.0, 262.0, 820.0)
        let (rowHeight, gap, top) = (19.0, 14.0, 34.0)
        let head = isNarrow ? rowHeight : 0
        let groups = comparison.data.design.settings.map { setting in
            (setting, comparison.cells(in: setting).filter { $0.observer.mechanism != .none })
        }
        let rows = groups.reduce(0) { $0 + $1.1.count }
        let height = top + Double(rows) * rowHeight + Double(groups.count) * (gap + head) + 34
        var chart = Chart(width: width, height: height)
        let values = comparison.cells.flatMap { cell in
            [cell.slowdown?.value, cell.slowdown?.interval?.lower, cell.slowdown?.interval?.upper].compactMap { $0 }
        }
        let scale = LogScale(values + [1, 2], from: left, to: right)
        var band = top
        for (_, cells) in groups {
            let height = head + Double(cells.count) * rowHeight
            chart.rectangle(0, band - 3, width, height + 6, "class=\"band\" rx=\"6\"")
            band += height + gap
        }
        for tick in scale.ticks {
            let x = scale.place(tick)
            chart.line(x, top - 8, x, height - 30, "class=\"\(tick == 1 ? "one" : "grid")\"")
            chart.text(x, height - 12, "\(ComparisonFormat.tick(tick))×", "class=\"tick\" text-anchor=\"middle\"")
            chart.text(x, top - 14, "\(ComparisonFormat.tick(tick))×", "class=\"tick\" text-anchor=\"middle\"")
        }
        var y = top
        for (setting, cells) in groups {
            let threads = comparison.data.design.threads.count > 1 ? " ×\(setting.threads)" : ""
            chart.text(10, y + 14, setting.workload + threads, "class=\"strong\"")
            y += head
            for cell in cells {
                row(cell, y + rowHeight / 2, scale, &chart, left)
                y += rowHeight
            }
            y += gap
        }
        return chart.svg(
            id: isNarrow ? "slowdown-narrow" : "slowdown",
            title: "Slowdown of each workload by each observer, with 95 % intervals, on a logarithmic scale")
    }

    private func row(_ cell: Cell, _ y: Double, _ scale: LogScale, _ chart: inout Chart, _ left: Double) {
        let name = cell.observer.name
        chart.add("<g \(palette.attributes(name, "row"))>")
        chart.text(
            left - (isNarrow ? 8 : 14), y + 4, String(name.prefix(isNarrow ? 16 : 20)),
            "class=\"name\" text-anchor=\"end\"")
        defer { chart.add("</g>") }
        guard let slowdown = cell.slowdown else {
            let note = cell.failures.isEmpty ? "no runs" : "failed"
            return chart.text(scale.from + 6, y + 4, note, "class=\"note\"")
        }
        let x = scale.place(slowdown.value)
        var end = x
        if let interval = slowdown.interval {
            end = max(x, scale.place(interval.upper))
            chart.line(scale.place(interval.lower), y, end, y, "class=\"whisker\"")
        }
        let isPlain = cell.verdict == .noDifference
        let notes = [
            isPlain ? "no difference shown" : nil, cell.verdict == .tooFew ? "too few runs" : nil,
            cell.information.status == .lossy ? "missed some" : nil,
            cell.information.gap == .silent ? "does not say what it saw" : nil,
        ].compactMap { $0 }
        chart.mark(
            x, y, shape: palette.shape(name),
            isPlain || cell.verdict == .tooFew || cell.information.status == .lossy ? "class=\"hollow\"" : "",
            title: "\(cell.setting.workload) under \(name): \(ComparisonFormat.factor(slowdown.value)) times, "
                + "95 % interval \(ComparisonFormat.interval(slowdown.interval))")
        let value = isPlain ? [] : ["\(ComparisonFormat.factor(slowdown.value))×"]
        chart.text(
            end + 11, y + 4, (value + (isNarrow ? [] : notes)).joined(separator: " · "),
            "class=\"\(isPlain ? "note" : "value")\"")
    }
}

extension ComparisonFormat {
    /// A round number on an axis.
    static func tick(_ value: Double) -> String {
        value >= 1 ? Format.count(UInt64(value.rounded())) : Format.fixed(value, value < 0.1 ? 2 : 1)
    }
}
