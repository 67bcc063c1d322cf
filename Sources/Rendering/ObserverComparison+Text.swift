// SPDX-License-Identifier: Apache-2.0
public import Experiment
import Statistics

extension ObserverComparison {
    /// Tables of at most 80 columns: slowdowns, costs of an event, what was not seen, the model, the
    /// expectations.
    ///
    /// - Parameter isDetailed: a table for each setting, too, with intervals and where the cost lands.
    public func text(_ findings: [Expectation.Finding], style: TextStyle, isDetailed: Bool) -> String {
        var parts = [heading(style)]
        parts += tables(title: "slowdown", style) { ComparisonFormat.slowdown($0) }
        parts += tables(title: "ns added to each call or fault", style) { ComparisonFormat.addedPerUnit($0) }
        if isDetailed { parts += data.design.settings.map { details($0, style) } }
        parts += [
            legend(style), modelText(style), effectsText, notesText(style), expectationsText(findings, style),
        ]
        return parts.filter { !$0.isEmpty }.joined(separator: "\n\n") + "\n"
    }

    private func heading(_ style: TextStyle) -> String {
        let design = data.design
        var lines = [
            style.bold(
                "\(design.workloads.count == 1 ? "1 workload" : "\(design.workloads.count) workloads") × "
                    + "\(design.observers.count) observers"
                    + (design.threads.count > 1 ? " × \(design.threads.count) numbers of threads" : "")
                    + ": " + ComparisonFormat.runs(data)),
            "seed \(design.seed); CPUs \(design.cpus.map { String($0) }.joined(separator: ",")); "
                + "\(data.machine.cpu), Linux \(data.machine.kernel)".escapedForTerminal,
        ]
        if let interruption = data.interruption {
            lines.append(style.warning("\(interruption.escapedForTerminal): this is what there is"))
        }
        return lines.map { " " + $0 }.joined(separator: "\n")
    }

    /// Workloads down, observers across, as many tables as it takes.
    private func tables(title: String, _ style: TextStyle, _ format: (Cell) -> String) -> [String] {
        let observers = data.design.observers.filter { $0.mechanism != .none }
        // Names are whole, as long as three of them fit.
        let (perTable, width) = observers.contains { $0.name.count > 12 } ? (3, 17) : (4, 13)
        func heads(_ shown: ArraySlice<Observer>) -> String {
            "bare".aligned(right: 10) + shown.map { $0.name.padded(toAtMost: width - 1).aligned(right: width) }.joined()
        }
        let showsThreads = data.design.threads.count > 1
        return stride(from: 0, to: observers.count, by: perTable).map { first in
            let shown = observers[first..<min(first + perTable, observers.count)]
            var lines = [style.dim((" " + title).padded(to: 18) + heads(shown))]
            if title.count > 16 {
                lines = [
                    style.dim(" " + title),
                    style.dim("".padded(to: 18) + heads(shown)),
                ]
            }
            for setting in data.design.settings {
                let bare = cell(setting, Observer.none.name)
                let name = setting.workload + (showsThreads ? " ×\(setting.threads)" : "")
                lines.append(
                    (" " + name.padded(toAtMost: 17)).padded(to: 18) + ComparisonFormat.bare(bare).aligned(right: 10)
                        + shown.map { (cell(setting, $0.name).map(format) ?? "-").aligned(right: width) }.joined())
            }
            if title == "slowdown" && data.design.settings.count > 1 {
                let means = shown.map { observer in
                    (overall(observer.name).map { ComparisonFormat.factor($0.value) } ?? "-").aligned(right: width)
                }
                lines.append(style.dim(" geometric mean".padded(to: 28) + means.joined()))
            }
            return lines.joined(separator: "\n")
        }
    }

    private func legend(_ style: TextStyle) -> String {
        let hasEvents = data.design.settings.contains { data.design.workload($0.workload).unit == .event }
        let marks = (hasEvents ? ["- no call, no fault"] : []) + ComparisonFormat.legend(cells, of: data.design)
        return marks.isEmpty ? "" : style.dim(marks.joined(separator: "; ").wrapped(indent: 3, first: 1))
    }

    // MARK: Of one setting

    private func details(_ setting: Design.Setting, _ style: TextStyle) -> String {
        guard let bare = cell(setting, Observer.none.name), let section = bare.section else {
            return " \(setting.workload): no run"
        }
        let threads = setting.threads == 1 ? "1 thread" : "\(setting.threads) threads"
        let units = bare.costs.units.map { "\(Format.count(UInt64($0))) \(bare.workload.unit.rawValue)s in " } ?? ""
        var lines = [
            style.bold(
                " \(setting.workload): \(units)\(Format.duration(UInt64(section.median))), "
                    + "\(threads)"),
            style.dim(
                "    " + "observer".padded(to: 16) + "slowdown".aligned(right: 9) + "95 % interval".aligned(right: 17)
                    + "K-best".aligned(right: 9) + "  saw".padded(to: 16) + "starts"),
        ]
        let places = Dictionary(
            ranking(setting).map { ($0.cell.observer.name, $0.place) }, uniquingKeysWith: { first, _ in first })
        let ranked = cells(in: setting).filter { $0.observer.mechanism != .none }
            .sorted {
                (places[$0.observer.name] ?? .max, $0.slowdown?.value ?? .infinity) < (
                    places[$1.observer.name] ?? .max, $1.slowdown?.value ?? .infinity
                )
            }
        for cell in ranked {
            let place = places[cell.observer.name].map { "\($0)" } ?? ""
            lines.append(
                (place.aligned(right: 3) + " " + cell.observer.name.padded(toAtMost: 15)).padded(to: 20)
                    + ComparisonFormat.slowdown(cell).aligned(right: 9)
                    + ComparisonFormat.interval(cell.slowdown?.interval).aligned(right: 17)
                    + (cell.slowdownByBest.map { ComparisonFormat.factor($0) } ?? "-").aligned(right: 9)
                    + ("  " + ComparisonFormat.saw(cell)).padded(to: 16)
                    + (cell.costs.start.map { Format.duration(UInt64($0)) } ?? "-"))
            let parts = CostParts(cell, against: bare)
            if let parts { lines.append(style.dim(parts.text.wrapped(indent: 6, first: 4))) }
            if let bound = ComparisonFormat.bound(cell) { lines.append(style.dim(bound.wrapped(indent: 6, first: 4))) }
        }
        return lines.map(\.trimmedAtEnd).joined(separator: "\n")
    }

    // MARK: Model, effects, notes, expectations

    private func modelText(_ style: TextStyle) -> String {
        guard !model.fits.isEmpty else { return "" }
        var lines = [
            style.bold(" slowdown = 1 + calls a second × cost of a call"),
            style.dim(
                " fitted to the workloads that do nothing else; the others are predicted".wrapped(indent: 1, first: 1)),
        ]
        for fit in model.fits {
            lines.append(
                " " + fit.observer.padded(toAtMost: 17).padded(to: 18)
                    + ComparisonFormat.nanoseconds(fit.cost).aligned(right: 9)
                    + " a call, " + ComparisonFormat.range(fit))
        }
        let shown = model.predictions.filter { $0.rate > 0 }
        guard !shown.isEmpty else { return lines.joined(separator: "\n") }
        lines.append(
            style.dim(
                " " + "predicted".padded(to: 18) + "by".padded(to: 18) + "calls/s".aligned(right: 9)
                    + "model".aligned(right: 9) + "measured".aligned(right: 10) + "off by".aligned(right: 10)))
        for prediction in shown {
            let threads = data.design.threads.count > 1 ? " ×\(prediction.setting.threads)" : ""
            lines.append(
                " " + (prediction.setting.workload + threads).padded(toAtMost: 17).padded(to: 18)
                    + prediction.observer.padded(toAtMost: 17).padded(to: 18)
                    + ComparisonFormat.rate(prediction.rate).aligned(right: 9)
                    + ComparisonFormat.factor(prediction.predicted).aligned(right: 9)
                    + ComparisonFormat.factor(prediction.measured.value).aligned(right: 10)
                    + ComparisonFormat.percentage(prediction.residual - 1).aligned(right: 10))
        }
        return lines.joined(separator: "\n")
    }

    private var effectsText: String {
        guard let effects, effects.totalSumOfSquares > 0 else { return "" }
        return
            ([" " + "the logarithm of the slowdown varies with".padded(to: 47) + "share".aligned(right: 9)]
            + effectRows.map { " " + $0.name.padded(toAtMost: 46).padded(to: 47) + $0.share.aligned(right: 9) })
            .joined(separator: "\n")
    }

    /// Main effects, interactions and what is left to chance, of all variation.
    var effectRows: [(name: String, share: String)] {
        guard let effects, effects.totalSumOfSquares > 0 else { return [] }
        func percent(_ share: Double) -> String { Format.fixed(100 * share, 1) + " %" }
        return effects.effects.map { effect in
            (effect.factors.map { effects.factors[$0].name }.joined(separator: " × "), percent(effect.share))
        } + [("repetitions", percent(effects.errorSumOfSquares / effects.totalSumOfSquares))]
    }

    private func notesText(_ style: TextStyle) -> String {
        notes.map { style.warning($0.wrapped(indent: 3, first: 1)) }.joined(separator: "\n")
    }

    /// What the reader has to know, each in a sentence: failures, losses, disturbances.
    var notes: [String] {
        var notes: [String] = []
        for cell in cells where !cell.failures.isEmpty {
            let places = cell.setting.workload + (data.design.threads.count > 1 ? " ×\(cell.setting.threads)" : "")
            notes.append(
                "\(cell.observer.name) failed on \(places), \(cell.failures.count) of "
                    + "\(cell.failures.count + cell.runs): \(cell.failures[0].escapedByLine)")
        }
        for cell in cells where cell.information.status == .lossy {
            notes.append(
                "\(cell.observer.name) missed some of \(cell.setting.workload): \(ComparisonFormat.loss(cell))")
        }
        let measured = data.runs.filter { $0.phase == .measured && $0.failure == nil }
        let disturbed = measured.filter { $0.disturbance != nil }
        if !disturbed.isEmpty {
            let programs = disturbed.filter { $0.disturbance == .programs }.compactMap(\.busiestProgram)
            let names = Dictionary(grouping: programs) { $0 }
                .sorted { ($1.value.count, $0.key) < ($0.value.count, $1.key) }
                .prefix(3).map(\.key.escapedForTerminal).joined(separator: ", ")
            let causes = Set(disturbed.compactMap(\.disturbance)).sorted { $0.rawValue < $1.rawValue }
                .map { $0.rawValue + ($0 == .programs && !names.isEmpty ? " (most of all \(names))" : "") }
                .joined(separator: ", or ")
            notes.append(
                "\(disturbed.count) of \(measured.count) runs were disturbed: \(causes); for each "
                    + "workload of whose blocks two thirds were left alone, times are of those, else of all")
        }
        let again = data.runs.count { $0.phase == .setAside }
        if again > 0 {
            notes.append("\(again) runs do not count, as their blocks were disturbed and made again")
        }
        for cell in cells where cell.observer.mechanism == .none {
            if let section = cell.section, section.median < 1e6 {
                notes.append(
                    "\(cell.setting.workload) takes only \(Format.duration(UInt64(section.median))) by itself: "
                        + "its figures are rough")
            }
        }
        return notes
    }

    private func expectationsText(_ findings: [Expectation.Finding], _ style: TextStyle) -> String {
        findings.map { finding in
            let figures =
                [
                    finding.ratio.map { "measured: \(ComparisonFormat.factor($0.value))" },
                    finding.ratio?.interval.map { "95 % interval \(ComparisonFormat.interval($0))" }, finding.gap,
                ] + finding.lossy.map { "\($0) missed some" }
            let verdict = finding.verdict.rawValue.uppercased()
            return " " + (finding.verdict == .supported ? style.bold(verdict) : style.warning(verdict))
                + "  \(finding.expectation.text)\n   " + figures.compactMap { $0 }.joined(separator: ", ")
        }
        .joined(separator: "\n")
    }
}
