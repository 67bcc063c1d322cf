// SPDX-License-Identifier: Apache-2.0
import Statistics
public import Tracers

extension Comparison {
    /// A line for each program, its ratio to the first one, and the states that account for the difference;
    /// at most 80 columns.
    public func text(_ completeness: Completeness, _ observer: ObserverCost, style: TextStyle) -> String {
        let rounds = programs.map(\.runs.count).min() ?? 0
        var lines = [
            style.bold(
                "\(programs.count) commands by turns: \(rounds) \(rounds == 1 ? "round" : "rounds") in random order, "
                    + "seed \(seed), \(warmups) to warm up"),
            "",
            style.dim("     " + "MEDIAN".aligned(right: 8) + "  95 % INTERVAL       COMMAND"),
        ]
        for (index, program) in programs.enumerated() {
            lines.append(
                "  \(label(index))  " + (program.elapsed.map { Self.duration($0.median) } ?? "-").aligned(right: 8)
                    + "  " + (program.elapsed?.medianInterval().map(Self.range) ?? "-").padded(to: 20)
                    + program.command.escapedForTerminal.padded(toAtMost: 44))
        }
        for index in programs.indices.dropFirst() { lines += [""] + verdict(index, style) }
        lines += [""]
        lines.append(
            completeness.isExact
                ? " exact: every thread was seen, no run of a program was skipped" : style.warning(completeness.warning)
        )
        lines += costLines(observer)
        return lines.map(\.trimmedAtEnd).joined(separator: "\n") + "\n"
    }

    private func verdict(_ index: Int, _ style: TextStyle) -> [String] {
        let (one, first) = (label(index), label(0))
        guard let ratio = ratio(of: index) else {
            let missing = [0, index].filter { programs[$0].runs.isEmpty }.map(label)
            return [" \(missing.joined(separator: " and ")): no run was measured"]
        }
        guard let interval = ratio.interval else {
            return [" \(one) takes \(Self.factor(ratio.value)) of \(first); for an interval there have to be 6 rounds"]
        }
        let range = "\(Self.factor(interval.lower)) to \(Self.factor(interval.upper))"
        guard ratio.showsDifference else {
            return [style.bold(" no difference shown: ") + "\(one) takes \(range) of \(first) (95 %)"]
        }
        var lines = [
            style.bold(" \(one) takes \(Self.factor(ratio.value)) of \(first)") + ", from \(range) (95 %)"
        ]
        guard let total = threadTimeDifference(of: index) else { return lines }
        let states = differences(of: index).filter(\.difference.isShown)
        if states.isEmpty { return lines + ["   no state by itself shows a difference"] }
        lines.append(style.dim("   thread time, mean of \(one) less mean of \(first)          95 % interval"))
        for (state, difference) in states.prefix(6) {
            lines.append("   " + state.name.padded(to: 20) + Self.line(difference))
        }
        let rest = total.value - states.prefix(6).reduce(0) { $0 + $1.difference.value }
        lines.append("   " + "the others together".padded(to: 20) + Self.signed(rest).aligned(right: 12))
        lines.append("   " + "all states".padded(to: 20) + Self.line(total))
        return lines
    }

    private static func line(_ difference: Difference) -> String {
        signed(difference.value).aligned(right: 12)
            + (difference.interval.map { "\(signed($0.lower)) to \(signed($0.upper))" } ?? "").aligned(right: 31)
    }

    private func costLines(_ observer: ObserverCost) -> [String] {
        let runs = Format.count(observer.runCount)
        let cost =
            observer.runNanoseconds.map {
                "about \(Format.duration($0)) within \(runs) program runs, all rounds together"
            }
            ?? "\(runs) program runs, not timed: \(observer.untimedReason ?? "none fell in a timed span")"
        return [" observing cost \(cost)"]
    }

    /// A, B, …; beyond Z, numbers.
    private func label(_ index: Int) -> String {
        index < 26 ? String(UnicodeScalar(UInt8(ascii: "A") + UInt8(index))) : String(index + 1)
    }

    private static func duration(_ nanoseconds: Double) -> String { Format.duration(UInt64(nanoseconds.rounded())) }

    private static func signed(_ nanoseconds: Double) -> String {
        (nanoseconds < 0 ? "−" : "+") + duration(abs(nanoseconds))
    }

    private static func range(_ interval: Interval) -> String {
        "\(duration(interval.lower)) to \(duration(interval.upper))"
    }

    /// 1.042, 12.3: four figures at most.
    private static func factor(_ value: Double) -> String {
        Format.fixed(value, value < 9.9995 ? 3 : value < 99.995 ? 2 : 1)
    }
}
