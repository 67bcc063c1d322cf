// SPDX-License-Identifier: Apache-2.0
import Experiment

/// Prediction against measurement: where the model is right, marks lie on the diagonal.
struct PredictionChart {
    let comparison: ObserverComparison
    let palette: Palette
    /// For a phone.
    let isNarrow: Bool

    var predictions: [CostModel.Prediction] { comparison.model.predictions.filter { $0.rate > 0 } }
    var isEmpty: Bool { predictions.isEmpty }

    var svg: String {
        let (width, top, bottom, left, right) =
            isNarrow ? (340.0, 12.0, 300.0, 66.0, 328.0) : (920.0, 20.0, 440.0, 110.0, 860.0)
        var chart = Chart(width: width, height: bottom + 50)
        let values = predictions.flatMap { [$0.predicted, $0.measured.value] }
        let x = LogScale(values, from: left, to: right, margin: 1.3)
        let y = LogScale(values, from: bottom, to: top, margin: 1.3)
        for tick in x.ticks {
            chart.line(x.place(tick), top, x.place(tick), bottom, "class=\"grid\"")
            chart.text(
                x.place(tick), bottom + 18, "\(ComparisonFormat.tick(tick))×", "class=\"tick\" text-anchor=\"middle\"")
            chart.line(left, y.place(tick), right, y.place(tick), "class=\"grid\"")
            chart.text(
                left - 8, y.place(tick) + 4, "\(ComparisonFormat.tick(tick))×", "class=\"tick\" text-anchor=\"end\"")
        }
        chart.line(left, bottom, right, top, "class=\"one\"")
        chart.text((left + right) / 2, bottom + 40, "predicted slowdown", "class=\"axis\" text-anchor=\"middle\"")
        chart.text(
            left - 52, (top + bottom) / 2, "measured slowdown",
            "class=\"axis\" text-anchor=\"middle\" transform=\"rotate(-90 \(Chart.number(left - 52)) \(Chart.number((top + bottom) / 2)))\""
        )
        for prediction in predictions {
            let (px, py) = (x.place(prediction.predicted), y.place(prediction.measured.value))
            chart.add("<g \(palette.attributes(prediction.observer, "row"))>")
            if let range = prediction.range {
                chart.line(x.place(range.lowerBound), py, x.place(range.upperBound), py, "class=\"whisker\"")
            }
            if let interval = prediction.measured.interval {
                chart.line(px, y.place(interval.lower), px, y.place(interval.upper), "class=\"whisker\"")
            }
            chart.mark(
                px, py, shape: palette.shape(prediction.observer), "",
                title: "\(prediction.setting.workload) under \(prediction.observer): predicted "
                    + "\(ComparisonFormat.factor(prediction.predicted)), measured \(ComparisonFormat.factor(prediction.measured.value))"
            )
            // What is off by more than a quarter is worth a name.
            if prediction.residual > 1.25 || prediction.residual < 0.8 {
                let isRight = px > (left + right) / 2
                chart.text(
                    isRight ? px - 10 : px + 10, py + 4, prediction.setting.workload,
                    "class=\"note\"" + (isRight ? " text-anchor=\"end\"" : ""))
            }
            chart.add("</g>")
        }
        return chart.svg(
            id: isNarrow ? "prediction-narrow" : "prediction",
            title: "Slowdown that the model predicts against the slowdown measured, both on logarithmic scales")
    }
}
