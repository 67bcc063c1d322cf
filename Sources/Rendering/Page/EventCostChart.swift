// SPDX-License-Identifier: Apache-2.0
import Experiment

/// What each observer adds to a system call: a mark for each workload, and the fitted cost.
struct EventCostChart {
    let comparison: ObserverComparison
    let palette: Palette
    /// For a phone.
    let isNarrow: Bool

    /// Settings in which calls are what there is, and the observer's cost is shown.
    static func cells(_ comparison: ObserverComparison, _ observer: String) -> [Cell] {
        comparison.cells.filter {
            $0.observer.name == observer && $0.workload.unit == .call && $0.verdict == .slower
                && ($0.costs.addedPerUnit ?? 0) > 0
        }
    }

    var isEmpty: Bool { observers.isEmpty }

    private var observers: [String] {
        comparison.data.design.observers.map(\.name).filter { !Self.cells(comparison, $0).isEmpty }
    }

    var svg: String {
        let (width, left, right) = isNarrow ? (340.0, 112.0, 320.0) : (920.0, 150.0, 860.0)
        let (rowHeight, top) = (44.0, 30.0)
        let height = top + Double(observers.count) * rowHeight + 30
        var chart = Chart(width: width, height: height)
        let all = observers.flatMap { Self.cells(comparison, $0).compactMap(\.costs.addedPerUnit) }
        let scale = LogScale(all, from: left, to: right, margin: 1.5)
        for tick in scale.ticks {
            chart.line(scale.place(tick), top - 6, scale.place(tick), height - 28, "class=\"grid\"")
            chart.text(
                scale.place(tick), height - 10, ComparisonFormat.nanoseconds(tick),
                "class=\"tick\" text-anchor=\"middle\"")
        }
        for (index, observer) in observers.enumerated() {
            let y = top + (Double(index) + 0.5) * rowHeight
            chart.add("<g \(palette.attributes(observer, "row"))>")
            chart.text(
                left - (isNarrow ? 8 : 14), y + 4, String(observer.prefix(isNarrow ? 16 : 18)),
                "class=\"name\" text-anchor=\"end\"")
            chart.line(left, y, right, y, "class=\"grid\"")
            for cell in Self.cells(comparison, observer) {
                guard let added = cell.costs.addedPerUnit else { continue }
                if let interval = cell.addedPerUnitInterval, interval.lower > 0 {
                    chart.line(scale.place(interval.lower), y, scale.place(interval.upper), y, "class=\"whisker\"")
                }
                chart.mark(
                    scale.place(added), y, shape: palette.shape(observer), "class=\"soft\"",
                    title:
                        "\(observer) adds \(ComparisonFormat.nanoseconds(added)) to a call of \(cell.setting.workload)")
            }
            if let fit = comparison.model.fits.first(where: { $0.observer == observer }), fit.cost > 0 {
                let x = scale.place(fit.cost)
                chart.line(x, y - 13, x, y + 13, "class=\"fit\"")
                chart.text(x, y - 16, ComparisonFormat.nanoseconds(fit.cost), "class=\"value\" text-anchor=\"middle\"")
            }
            chart.add("</g>")
        }
        return chart.svg(
            id: isNarrow ? "event-cost-narrow" : "event-cost",
            title: "Nanoseconds that each observer adds to a system call, by workload, on a logarithmic scale")
    }
}
