// SPDX-License-Identifier: Apache-2.0
import Experiment

/// How observers look in all charts of a page: a colour of their mechanism's family, and a shape.
struct Palette {
    /// CSS classes `o0`, `o1`, … and shapes, by observer.
    private let places: [String: Int]
    let style: String

    /// Light and dark variants: blues and greens for eBPF, reds for ptrace, purples for perf. Each
    /// family's neighbours differ in lightness, and all observers in shape, up to six; then shapes repeat.
    private static let families: [Observer.Mechanism: [(light: String, dark: String)]] = [
        .ebpf: [
            ("#0b7285", "#3bc9db"), ("#1864ab", "#74c0fc"), ("#2b8a3e", "#69db7c"), ("#364fc7", "#91a7ff"),
            ("#087f5b", "#38d9a9"), ("#5c940d", "#a9e34b"),
        ],
        .ptrace: [("#d9480f", "#ff922b"), ("#a61e4d", "#f783ac"), ("#c92a2a", "#ff8787"), ("#e67700", "#ffd43b")],
        .perf: [("#862e9c", "#da77f2"), ("#5f3dc4", "#b197fc")],
    ]
    private static let others = [("#495057", "#ced4da"), ("#7a4a21", "#d9a066"), ("#343a40", "#adb5bd")]

    init(_ observers: [Observer]) {
        var (places, light, dark, used): ([String: Int], String, String, [Observer.Mechanism: Int]) = ([:], "", "", [:])
        for (index, observer) in observers.enumerated() {
            places[observer.name] = index
            let family = Self.families[observer.mechanism] ?? Self.others
            let color = family[used[observer.mechanism, default: 0] % family.count]
            used[observer.mechanism, default: 0] += 1
            light += "--o\(index):\(color.0);"
            dark += "--o\(index):\(color.1);"
        }
        self.places = places
        let classes = observers.indices.map {
            ".o\($0){color:var(--o\($0));fill:var(--o\($0));stroke:var(--o\($0))}"
        }
        style =
            ":root{\(light)}@media (prefers-color-scheme:dark){:root{\(dark)}}"
            + "@media print{:root{\(light)}}" + classes.joined()
    }

    func shape(_ observer: String) -> Int { places[observer] ?? 0 }

    /// For a mark or a line: it can be told by its observer, and drawn faint when another is looked at.
    func attributes(_ observer: String, _ classes: String = "") -> String {
        "class=\"o\(shape(observer)) \(classes)\" data-observer=\"\(HTML.escaped(observer))\""
    }

    func swatch(_ observer: String) -> String {
        var chart = Chart(width: 16, height: 16)
        chart.mark(8, 8, shape: shape(observer), "class=\"o\(shape(observer))\"", title: observer)
        return "<svg class=\"swatch\" viewBox=\"0 0 16 16\" aria-hidden=\"true\">\(chart.body)</svg>"
    }
}
