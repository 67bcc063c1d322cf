// SPDX-License-Identifier: Apache-2.0
import Experiment

/// Where the cost lands: for some workloads, a bar for each observer, of shares.
struct CostPartsChart {
    let comparison: ObserverComparison
    let palette: Palette
    /// For a phone: names and sums are above the bars, which take the whole width.
    let isNarrow: Bool

    struct Bar {
        let cell: Cell
        let parts: CostParts
    }

    /// The settings that show the most different sorts of cost.
    var settings: [Design.Setting] {
        let wanted = ["getppid", "pipe-ping-pong", "mixed"]
        let all = comparison.data.design.settings.filter { !bars($0).isEmpty }
        let chosen = all.filter { wanted.contains($0.workload) && $0.threads == comparison.data.design.threads.first }
        return chosen.isEmpty ? Array(all.prefix(3)) : chosen
    }

    func bars(_ setting: Design.Setting) -> [Bar] {
        guard let bare = comparison.cell(setting, Observer.none.name) else { return [] }
        return comparison.cells(in: setting).compactMap { cell in
            CostParts(cell, against: bare).map { Bar(cell: cell, parts: $0) }
        }
    }

    var isEmpty: Bool { settings.isEmpty }

    var svg: String {
        let (width, left, right) = isNarrow ? (340.0, 10.0, 330.0) : (920.0, 150.0, 760.0)
        let rowHeight = isNarrow ? 46.0 : 26
        let height = settings.reduce(10.0) { $0 + 34 + Double(bars($1).count) * rowHeight }
        var chart = Chart(width: width, height: height)
        var y = 10.0
        for setting in settings {
            chart.text(
                10, y + 16,
                "\(setting.workload), for each \(comparison.data.design.workload(setting.workload).unit.rawValue)",
                "class=\"strong\"")
            y += 26
            for bar in bars(setting) {
                row(bar, y, left, right, &chart)
                y += rowHeight
            }
            y += 8
        }
        return chart.svg(
            id: isNarrow ? "parts-narrow" : "parts",
            title: "Where the cost of each observer lands, as shares of what it adds")
    }

    private func row(_ bar: Bar, _ y: Double, _ left: Double, _ right: Double, _ chart: inout Chart) {
        let name = bar.cell.observer.name
        chart.add("<g \(palette.attributes(name, "row"))>")
        let value = ComparisonFormat.nanoseconds(bar.parts.total)
        var y = y
        if isNarrow {
            chart.text(left, y + 13, name, "class=\"name\"")
            chart.text(right, y + 13, value, "class=\"value\" text-anchor=\"end\"")
            y += 18
        } else {
            chart.text(left - 14, y + 15, String(name.prefix(18)), "class=\"name\" text-anchor=\"end\"")
            chart.text(right + 10, y + 15, value, "class=\"value\"")
        }
        var x = left
        for (index, part) in bar.parts.parts.enumerated() {
            guard let nanoseconds = part.nanoseconds else { continue }
            let (width, label) = ((right - left) * nanoseconds / bar.parts.total, part.text)
            chart.rectangle(x, y, width - 1.5, 20, "class=\"part p\(index)\" rx=\"3\"", title: "\(name): \(label)")
            // Some 6.2 units for each letter.
            if Double(label.count) * 6.2 < width - 10 {
                chart.text(x + 6, y + 14, label, "class=\"inside i\(index)\"")
            } else if Double(part.name.count) * 6.2 < width - 10 {
                chart.text(x + 6, y + 14, part.name, "class=\"inside i\(index)\"")
            }
            x += width
        }
        chart.add("</g>")
    }
}
