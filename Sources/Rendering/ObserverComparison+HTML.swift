// SPDX-License-Identifier: Apache-2.0
public import Experiment
import Statistics

extension ObserverComparison {
    /// One page, by itself: charts, tables, the machine, the design, and the whole document in it.
    ///
    /// - Parameter document: what ``json(_:)`` gives, for whoever wants to reckon with the figures.
    public func html(_ findings: [Expectation.Finding], document: [UInt8]) -> [UInt8] {
        ComparisonPage(comparison: self, findings: findings, document: document).bytes
    }
}

/// The page's sections, from the question to how to ask it again.
struct ComparisonPage {
    let comparison: ObserverComparison
    let findings: [Expectation.Finding]
    let document: [UInt8]
    private let palette: Palette

    init(comparison: ObserverComparison, findings: [Expectation.Finding], document: [UInt8]) {
        self.comparison = comparison
        self.findings = findings
        self.document = document
        palette = Palette(comparison.data.design.observers.filter { $0.mechanism != .none })
    }

    private var design: Design { comparison.data.design }
    private var machine: ExperimentData.Machine { comparison.data.machine }
    private var observers: [Observer] { design.observers.filter { $0.mechanism != .none } }

    var bytes: [UInt8] {
        let sections = [
            notes, expectations, slowdowns, eventCosts, costParts, predictions, information, everything, about,
        ]
        let page = """
            <!DOCTYPE html>
            <html lang="en">
            <head>
            <meta charset="utf-8">
            <meta name="viewport" content="width=device-width, initial-scale=1">
            <meta name="generator" content="apus \(HTML.escaped(machine.version))">
            <link rel="icon" href="data:,">
            <title>What does watching cost?</title>
            <style>\(PageStyle.css)\(palette.style)</style>
            </head>
            <body>
            <a class="skip" href="#slowdowns">To the figures</a>
            <header>
            <h1>What does watching cost?</h1>
            <p class="meta">\(HTML.escaped(subtitle))</p>
            </header>
            <main>
            \(cards)
            \(legend)
            \(sections.filter { !$0.isEmpty }.joined(separator: "\n"))
            </main>
            <footer><p>Made by apus compare \(HTML.escaped(machine.version)). All figures are in this page: the tables, and \
            the element <code>data</code>, which is the same document as <code>--json</code> gives.</p></footer>
            <script type="application/json" id="data">\(HTML.embedded(document))</script>
            <script>\(PageStyle.script)</script>
            </body>
            </html>

            """
        return Array(page.utf8)
    }

    private var subtitle: String {
        return "\(design.workloads.count == 1 ? "One workload" : "\(design.workloads.count) workloads") by "
            + "\(observers.count == 1 ? "one observer" : "\(observers.count) observers") and bare, "
            + "\(ComparisonFormat.runs(comparison.data)), in random order, on \(machine.cpu), Linux \(machine.kernel), \(machine.time)."
    }

    private func section(_ id: String, _ title: String, _ hint: String, _ content: String, classes: String = "")
        -> String
    {
        "<section id=\"\(id)\" aria-labelledby=\"\(id)-h\"\(classes.isEmpty ? "" : " class=\"\(classes)\"")>"
            + "<h2 id=\"\(id)-h\">\(HTML.escaped(title))</h2>"
            + (hint.isEmpty ? "" : "<p class=\"hint\">\(HTML.escaped(hint))</p>") + content + "</section>"
    }

    /// Drawn twice: for a phone with other proportions, as letters that shrink cannot be read.
    private func chart(_ svg: (_ isNarrow: Bool) -> String) -> String {
        "<div class=\"chart wide\">\(svg(false))</div><div class=\"chart narrow\">\(svg(true))</div>"
    }

    private func details(_ summary: String, _ content: String) -> String {
        "<details><summary>\(HTML.escaped(summary))</summary>\(content)</details>"
    }

    // MARK: At a glance

    private var cards: String {
        let items = observers.map { observer -> String in
            let overall = comparison.overall(observer.name)
            let value = overall.map { "\(ComparisonFormat.factor($0.value))×" } ?? "–"
            let interval = overall?.interval.map {
                "\(ComparisonFormat.factor($0.lower)) to \(ComparisonFormat.factor($0.upper))"
            }
            let isOne = design.settings.count == 1
            return "<li><span class=\"who\">\(palette.swatch(observer.name))\(HTML.escaped(observer.name))</span>"
                + "<b>\(value)</b><span>\(isOne ? "as long as bare" : "as long as bare, geometric mean")"
                + (interval.map { "; \($0)" } ?? "") + "<br>\(HTML.escaped(observer.summary))</span></li>"
        }
        return "<ul class=\"cards\" aria-label=\"Slowdown by each observer over all workloads\">\(items.joined())</ul>"
    }

    private var legend: String {
        "<ul class=\"legend\" aria-label=\"Pick out an observer in all charts\">"
            + observers.map {
                "<li><button type=\"button\" aria-pressed=\"false\" data-observer=\"\(HTML.escaped($0.name))\">"
                    + "\(palette.swatch($0.name))\(HTML.escaped($0.name))</button></li>"
            }.joined() + "</ul>"
    }

    private var notes: String {
        var notes = comparison.notes
        if let interruption = comparison.data.interruption {
            notes.insert("\(interruption): this is what there was", at: 0)
        }
        guard !notes.isEmpty else { return "" }
        let items = notes.map { "<li>\(HTML.escaped($0))</li>" }.joined()
        return section("notes", "What to know first", "", "<ul>\(items)</ul>", classes: "warn")
    }

    private var expectations: String {
        guard !findings.isEmpty else { return "" }
        let rows = findings.map { finding in
            [
                HTML.escaped(
                    finding.expectation.text + finding.lossy.map { " (\($0) missed some)" }.joined()),
                "<td class=\"text\"><span class=\"verdict \(finding.verdict.rawValue)\">\(finding.verdict.rawValue)</span></td>",
                finding.ratio.map { ComparisonFormat.factor($0.value) } ?? "–",
                finding.gap.map { "<td class=\"text\">\(HTML.escaped($0))</td>" }
                    ?? ComparisonFormat.interval(finding.ratio?.interval),
            ]
        }
        return section(
            "expectations", "What was expected",
            "A hypothesis is supported or refuted where the whole interval says so, and undecided else.",
            HTML.table(
                caption: "Expectations", head: ["expectation", "verdict", "measured", "95 % interval"], rows: rows))
    }

    // MARK: Charts

    private var slowdowns: String {
        section(
            "slowdowns", "How many times as long",
            "Against runs by itself just before or after, the median with its 95 % bootstrap interval, by the "
                + "workload's own clock; the start of the observer is not in it. Hollow marks: no difference shown"
                + "\(ComparisonFormat.leastEffect(design)) (one interval of twenty misses 1 by chance), too few runs, "
                + "or not all was seen.",
            chart { SlowdownChart(comparison: comparison, palette: palette, isNarrow: $0).svg })
    }

    private var eventCosts: String {
        func drawing(_ isNarrow: Bool) -> EventCostChart {
            EventCostChart(comparison: comparison, palette: palette, isNarrow: isNarrow)
        }
        guard !drawing(false).isEmpty else { return "" }
        let rows = comparison.model.fits.map { fit in
            [
                HTML.escaped(fit.observer), ComparisonFormat.nanoseconds(fit.cost),
                fit.range.map { ComparisonFormat.nanoseconds($0.lowerBound) } ?? "–",
                fit.range.map { ComparisonFormat.nanoseconds($0.upperBound) } ?? "–",
            ]
        }
        return section(
            "event-costs", "What one system call pays",
            "A mark for each workload; the bar and the figure are the mean over those that do nothing else.",
            chart { drawing($0).svg }
                + (rows.isEmpty
                    ? ""
                    : details(
                        "The fitted costs",
                        HTML.table(caption: "Cost of a call", head: ["observer", "mean", "least", "most"], rows: rows)))
        )
    }

    private var costParts: String {
        func drawing(_ isNarrow: Bool) -> CostPartsChart {
            CostPartsChart(comparison: comparison, palette: palette, isNarrow: isNarrow)
        }
        guard !drawing(false).isEmpty else { return "" }
        let rows = drawing(false).settings.flatMap { setting in
            drawing(false).bars(setting).map { bar in
                let words = [bar.parts.text, ComparisonFormat.bound(bar.cell)].compactMap { $0 }.joined(separator: "; ")
                return [
                    HTML.escaped("\(setting.workload), \(bar.cell.observer.name)"),
                    "<td class=\"text\">\(HTML.escaped(words))</td>", ComparisonFormat.nanoseconds(bar.parts.total),
                ]
            }
        }
        return section(
            "parts", "Where the cost lands",
            "Shares of what is added; a gap is less than can be measured. For eBPF: the programs' own run time where the "
                + "kernel timed it, the way to them, and waiting. For ptrace: stops in the program, the tracer's CPU "
                + "time, switches and waiting.",
            chart { drawing($0).svg }
                + details(
                    "The parts in figures",
                    HTML.table(
                        caption: "Parts of the cost of an event", head: ["workload, observer", "parts", "added"],
                        rows: rows)))
    }

    private var predictions: String {
        func drawing(_ isNarrow: Bool) -> PredictionChart {
            PredictionChart(comparison: comparison, palette: palette, isNarrow: isNarrow)
        }
        guard !drawing(false).isEmpty else { return "" }
        let rows = drawing(false).predictions.map { prediction in
            [
                HTML.escaped("\(prediction.setting.workload), \(prediction.observer)"),
                ComparisonFormat.rate(prediction.rate), ComparisonFormat.factor(prediction.predicted),
                ComparisonFormat.factor(prediction.measured.value),
                ComparisonFormat.percentage(prediction.residual - 1),
            ]
        }
        return section(
            "predictions", "A model that can be wrong",
            "slowdown = 1 + calls a second × cost of a call. The cost is fitted to the workloads that do nothing but make "
                + "calls; these are others. Where the mark is off the diagonal, calls are not all that counts: how "
                + "threads wait for each other is, or work that goes on beside.",
            chart { drawing($0).svg }
                + details(
                    "Predictions in figures",
                    HTML.table(
                        caption: "Prediction and measurement",
                        head: ["workload, observer", "calls/s", "predicted", "measured", "off by"], rows: rows)))
    }

    // MARK: Tables

    private var information: String {
        let rows = comparison.cells.filter { $0.observer.mechanism != .none && $0.information.status != .other }.map {
            cell in
            [
                HTML.escaped(name(cell)), "<td class=\"text\">\(HTML.escaped(ComparisonFormat.saw(cell)))</td>",
                cell.rate.map { ComparisonFormat.rate($0) } ?? "–",
                cell.information.expected.map { Format.count($0) } ?? "–",
                cell.information.seen.map { Format.count($0) } ?? "–",
                cell.information.lost.map { Format.count($0) } ?? "does not say",
            ]
        }
        guard !rows.isEmpty else { return "" }
        return section(
            "information", "Did they see the same?",
            "What a workload made, by its own count, beside what the observer reported. Observers are ranked only among "
                + "those that saw all of it.",
            HTML.table(
                caption: "Rates, and what was seen",
                head: ["workload, observer", "saw", "units/s", "to be seen", "seen", "lost, it says"], rows: rows))
    }

    private func name(_ cell: Cell) -> String {
        cell.setting.workload + (design.threads.count > 1 ? " ×\(cell.setting.threads)" : "") + ", "
            + cell.observer.name
    }

    private var everything: String {
        let places = Dictionary(
            design.settings.flatMap { setting in
                comparison.ranking(setting).map {
                    ("\(setting.workload) \(setting.threads) \($0.cell.observer.name)", $0.place)
                }
            }, uniquingKeysWith: { first, _ in first })
        let rows = comparison.cells.map { cell in
            [
                HTML.escaped(name(cell)),
                places["\(cell.setting.workload) \(cell.setting.threads) \(cell.observer.name)"].map { "\($0)" } ?? "",
                figure(
                    cell, "section_median_ns", cell.section.map { Format.duration(UInt64($0.median)) },
                    cell.section?.median),
                figure(cell, "slowdown", cell.slowdown.map { ComparisonFormat.factor($0.value) }, cell.slowdown?.value),
                ComparisonFormat.interval(cell.slowdown?.interval),
                figure(
                    cell, "slowdown_by_best", cell.slowdownByBest.map { ComparisonFormat.factor($0) },
                    cell.slowdownByBest),
                figure(
                    cell, "added_ns_per_unit", cell.costs.addedPerUnit.map { ComparisonFormat.nanoseconds($0) },
                    cell.observer.mechanism == .none ? nil : cell.costs.addedPerUnit),
                HTML.escaped(ComparisonFormat.excess(cell.costs.observerCPU)),
                HTML.escaped(ComparisonFormat.excess(cell.costs.kernelCPU)),
                cell.costs.start.map { Format.duration(UInt64($0)) } ?? "–",
                "\(cell.runs)" + (cell.failures.isEmpty ? "" : " of \(cell.runs + cell.failures.count)"),
                "<td class=\"text\">\(HTML.escaped(cell.verdict.rawValue))</td>",
            ]
        }
        return section(
            "everything", "Everything",
            "Verdicts stand on a signed-rank test each; of those that show something, one of twenty is expected to be by chance.",
            HTML.table(
                caption: "All cells of the experiment",
                head: [
                    "workload, observer", "place", "median", "slowdown", "95 % interval", "K-best", "added", "its CPU",
                    "kernel for it",
                    "starts in",
                    "runs", "verdict",
                ], rows: rows))
    }

    /// As the document rounds it.
    private static func rounded(_ value: Double, _ key: String) -> Double {
        let scale: Double = key == "section_median_ns" ? 10 : key == "added_ns_per_unit" ? 1e3 : 1e6
        return (value * scale).rounded() / scale
    }

    /// A cell that says which figure of the document it shows.
    private func figure(_ cell: Cell, _ key: String, _ text: String?, _ value: Double?) -> String {
        guard let text, let value else { return "–" }
        return "<td data-workload=\"\(HTML.escaped(cell.setting.workload))\" data-threads=\"\(cell.setting.threads)\" "
            + "data-observer=\"\(HTML.escaped(cell.observer.name))\" data-key=\"\(key)\" data-value=\"\(Self.rounded(value, key))\">\(text)</td>"
    }

    private var about: String {
        let isVaried = max(design.workloads.count, design.threads.count, observers.count) > 1
        let rows = comparison.effectRows.map { [HTML.escaped($0.name), $0.share] }
        let effects =
            rows.isEmpty
            ? "<p>What the slowdown varies with is not told: "
                + (isVaried ? "runs are missing.</p>" : "there is one of each.</p>")
            : HTML.table(
                caption: "What the logarithm of the slowdown varies with", head: ["factors", "share of the variation"],
                rows: rows)
        let facts: [(String, String)] = [
            (
                "Machine",
                (machine.host.isEmpty ? "" : machine.host + ": ")
                    + "\(machine.cpu), \(machine.cpus) CPUs, Linux \(machine.kernel) \(machine.architecture)"
            ),
            ("CPUs used", design.cpus.map { "\($0)" }.joined(separator: ", ")),
            (
                "Design",
                "full factorial, \(ComparisonFormat.runs(comparison.data)); blocks of one setting with all observers, in random order, and the program by itself beside each; "
                    + "the environment's size random"
            ),
            ("Seed", "\(design.seed)"),
            ("K-best", "K = \(design.best), within \(Format.fixed(100 * design.within, 1)) %"),
            ("Observers", observers.map { "\($0.name): \($0.command.joined(separator: " "))" }.joined(separator: "; ")),
        ]
        let list = facts.map { "<dt>\($0.0)</dt><dd>\(HTML.escaped($0.1))</dd>" }.joined()
        return section(
            "about", "The experiment, and how to repeat it", "",
            "<dl>\(list)</dl>" + effects + "<pre><code>\(HTML.escaped(repetition))</code></pre>")
    }

    private var repetition: String {
        var words = ["apus", "compare", "--seed", "\(design.seed)", "--runs", "\(design.runs)"]
        if design.program.isEmpty { words += ["--workload", design.workloads.joined(separator: ",")] }
        if design.leastEffect == Design.quickLeastEffect { words.append("--quick") }
        // In their order, of which the seed makes another one.
        for observer in observers {
            let isKnown = Observer.table.contains { $0.name == observer.name } || observer.name.hasPrefix("bpftrace:")
            words += [
                "--observer",
                isKnown
                    ? observer.name
                    : "cmd:\(observer.name)=\(observer.command.map(Self.shellWord).joined(separator: " "))",
            ]
        }
        if design.threads != [1] { words += ["--threads", design.threads.map { "\($0)" }.joined(separator: ",")] }
        words += ["--budget", "\(design.budget)", "--limit", "\(design.limit)"]
        words += ["--best", "\(min(design.best, design.runs))", "--within", "\(design.within)"]
        words += ["--cpus", design.cpus.map { "\($0)" }.joined(separator: ",")]
        return (words + (design.program.isEmpty ? [] : ["--"] + design.program)).map(Self.shellWord)
            .joined(separator: " ")
    }

    /// As a shell reads it as one word.
    private static func shellWord(_ word: String) -> String {
        let isPlain =
            !word.isEmpty && word.allSatisfy { $0.isASCII && ($0.isLetter || $0.isNumber || "-_./:,=+%@".contains($0)) }
        return isPlain ? word : "'" + word.replacing("'", with: "'\\''") + "'"
    }
}
