// SPDX-License-Identifier: Apache-2.0
import Glibc

/// A drawing in SVG, with what a chart needs: a scale, marks of several shapes, text.
struct Chart {
    let width: Double
    let height: Double
    private(set) var body = ""

    init(width: Double, height: Double) {
        self.width = width
        self.height = height
    }

    /// A picture to those who cannot see it, with a name; its figures are in a table beside it.
    func svg(id: String, title: String) -> String {
        "<svg viewBox=\"0 0 \(Self.number(width)) \(Self.number(height))\" role=\"img\" aria-labelledby=\"\(id)-title\">"
            + "<title id=\"\(id)-title\">\(HTML.escaped(title))</title>\(body)</svg>"
    }

    mutating func add(_ markup: String) { body += markup + "\n" }

    mutating func line(_ x1: Double, _ y1: Double, _ x2: Double, _ y2: Double, _ attributes: String) {
        add(
            "<line x1=\"\(Self.number(x1))\" y1=\"\(Self.number(y1))\" x2=\"\(Self.number(x2))\" y2=\"\(Self.number(y2))\" \(attributes)/>"
        )
    }

    mutating func text(_ x: Double, _ y: Double, _ text: String, _ attributes: String = "") {
        add("<text x=\"\(Self.number(x))\" y=\"\(Self.number(y))\" \(attributes)>\(HTML.escaped(text))</text>")
    }

    mutating func rectangle(
        _ x: Double, _ y: Double, _ width: Double, _ height: Double, _ attributes: String, title: String = ""
    ) {
        let tip = title.isEmpty ? "" : "<title>\(HTML.escaped(title))</title>"
        add(
            "<rect x=\"\(Self.number(x))\" y=\"\(Self.number(y))\" width=\"\(Self.number(max(0, width)))\" height=\"\(Self.number(height))\" \(attributes)>\(tip)</rect>"
        )
    }

    /// A mark of one of six shapes, so that colour is not all that tells them apart.
    mutating func mark(_ x: Double, _ y: Double, shape: Int, size: Double = 5.5, _ attributes: String, title: String) {
        let r = size
        let path =
            switch shape % 6 {
            case 0: Self.circle(x, y, r)
            case 1:
                Self.polygon(
                    [(x - r, y - r), (x + r, y - r), (x + r, y + r), (x - r, y + r)].map {
                        ($0.0 * 0.9 + x * 0.1, $0.1 * 0.9 + y * 0.1)
                    })
            case 2: Self.polygon([(x, y - r * 1.25), (x + r * 1.25, y), (x, y + r * 1.25), (x - r * 1.25, y)])
            case 3: Self.polygon([(x, y - r * 1.15), (x + r * 1.1, y + r * 0.85), (x - r * 1.1, y + r * 0.85)])
            case 4: Self.polygon([(x, y + r * 1.15), (x + r * 1.1, y - r * 0.85), (x - r * 1.1, y - r * 0.85)])
            default:
                Self.polygon([
                    (x - r * 1.2, y), (x - r * 0.6, y - r), (x + r * 0.6, y - r), (x + r * 1.2, y),
                    (x + r * 0.6, y + r), (x - r * 0.6, y + r),
                ])
            }
        add("<path d=\"\(path)\" \(attributes)><title>\(HTML.escaped(title))</title></path>")
    }

    private static func circle(_ x: Double, _ y: Double, _ r: Double) -> String {
        "M\(number(x - r)) \(number(y))a\(number(r)) \(number(r)) 0 1 0 \(number(2 * r)) 0a\(number(r)) \(number(r)) 0 1 0 \(number(-2 * r)) 0z"
    }

    private static func polygon(_ points: [(Double, Double)]) -> String {
        "M" + points.map { "\(number($0.0)) \(number($0.1))" }.joined(separator: "L") + "z"
    }

    /// One decimal is a tenth of a pixel.
    static func number(_ value: Double) -> String {
        let text = Format.fixed(value, 1)
        return text.hasSuffix(".0") ? String(text.dropLast(2)) : text
    }
}

/// A logarithmic axis from one place to another.
struct LogScale {
    let range: ClosedRange<Double>
    let from: Double
    let to: Double

    /// - Parameter values: what has to fit; all positive.
    init(_ values: [Double], from: Double, to: Double, margin: Double = 1.15) {
        let usable = values.filter { $0 > 0 && $0.isFinite }
        let least = (usable.min() ?? 1) / margin
        range = least...max(least * 1.5, (usable.max() ?? 10) * margin)
        self.from = from
        self.to = to
    }

    func place(_ value: Double) -> Double {
        let clamped = min(range.upperBound, max(range.lowerBound, value))
        return from + (to - from) * log(clamped / range.lowerBound) / log(range.upperBound / range.lowerBound)
    }

    /// Round numbers: 1, 2 and 5 times powers of ten, or the powers alone where there is no room for more.
    var ticks: [Double] {
        let decades = log10(range.upperBound / range.lowerBound)
        let room = abs(to - from) / decades
        let steps: [Double] = room < 175 ? [1] : room < 310 ? [1, 3] : [1, 2, 5]
        let first = Int(log10(range.lowerBound).rounded(.down))
        return (first...(first + Int(decades) + 2)).flatMap { power in steps.map { $0 * pow(10, Double(power)) } }
            .filter { range.contains($0) }
    }
}
