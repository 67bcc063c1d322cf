// SPDX-License-Identifier: Apache-2.0
public import Tracers

extension BestRuns {
    /// The fastest run and whether it is to be trusted, a row for each run, and the ledger of the fastest;
    /// at most 80 columns.
    ///
    /// - Parameter rowLimit: how many runs at most; nil: all, with all that disturbed them.
    public func text(
        title: String, _ completeness: Completeness, _ observer: ObserverCost, style: TextStyle, rowLimit: Int?
    ) -> String {
        guard let fastest, var report = fastestReport else {
            return style.bold(title.escapedForTerminal.padded(toAtMost: 60)) + ": no run was measured\n"
        }
        let facts = ": net \(Format.duration(fastest.net)), the fastest of \(counted(runs.count, "run"))"
        var lines = [
            style.bold(title.escapedForTerminal.padded(toAtMost: max(10, 80 - facts.count)) + facts),
            " " + (repetition.isConverged ? agreement : style.warning(agreement)),
        ]
        if rowLimit != 0 { lines += [""] + table(style, limit: rowLimit) }
        let disturbed = runs.filter { disturbances(of: $0).contains(where: \.isFromOutside) }.count
        if runs.count > 1, let mean {
            lines.append(
                " mean TIME \(Format.duration(UInt64(mean.rounded()))); "
                    + "\(counted(disturbed, "run")) disturbed from outside; \(counted(warmups, "warm-up"))")
        }
        (report.completeness, report.observer) = (completeness, observer)
        var options = TimeReport.TextOptions()
        options.style = style
        options.rowLimit = 0
        return lines.joined(separator: "\n") + "\n\n"
            + report.text(title: "run \(fastest.number), the fastest", options)
    }

    private var agreement: String {
        let count = repetition.count
        let allowed = Format.percentage(repetition.within)
        guard let spread = repetition.spread else {
            return "NOT CONVERGED: \(counted(runs.count, "run")), and \(count) have to agree within \(allowed)"
        }
        let found = "the \(count) fastest lie within \(Format.percentage(spread))"
        return repetition.isConverged
            ? "\(found) (at most \(allowed) asked for)"
            : "NOT CONVERGED: \(found), not \(allowed), after \(counted(repetition.runs, "run"))"
    }

    private func table(_ style: TextStyle, limit: Int?) -> [String] {
        let shown = limit.map { runs.prefix($0) } ?? runs[...]
        var lines = [
            style.dim(
                " RUN" + ["TIME", "NET", "USER", "SYSTEM", "BLOCKED"].map { $0.aligned(right: 9) }.joined()
                    + "  DISTURBED BY, OR MORE IN")
        ]
        for run in shown {
            let ledger = run.ledger
            let figures = [
                run.elapsed, run.net, ledger[.user], ledger[.system] + ledger[.fault], ledger.blocked,
            ]
            let found = disturbances(of: run).map(\.text).joined(separator: ", ")
            let remark = run.number == fastest?.number ? "(fastest) " + found : found
            let row =
                String(run.number).aligned(right: 4)
                + figures.map { " " + Format.duration($0).aligned(right: 8) }.joined() + "  "
            if limit != nil || remark.count <= 29 {
                lines.append(row + remark.padded(toAtMost: 29))
            } else {
                lines.append(row + remark.wrapped(indent: row.count).dropFirst(row.count))
            }
        }
        lines.append(" NET: less waits for a CPU and interrupts of the first thread")
        if shown.count < runs.count { lines.append("     … and \(runs.count - shown.count) more (-v)") }
        return lines.map(\.trimmedAtEnd)
    }

    private func counted(_ count: Int, _ what: String) -> String { count == 1 ? "1 \(what)" : "\(count) \(what)s" }
}

extension TimedRun.Disturbance {
    var name: String {
        switch cause {
        case .preempted: "preempted"
        case .otherLoad: "other load"
        case .interrupts: "interrupts"
        case .pageIns: "page-ins"
        case .migrated: "migrated"
        case .state(let state): state.name
        }
    }

    /// `preempted 4.02 ms`, `migrated`, `3 page-ins`.
    fileprivate var text: String {
        switch (count, nanoseconds) {
        case (let count?, _) where cause == .pageIns: "\(count) \(count == 1 ? "page-in" : name)"
        case (_, let nanoseconds?): "\(name) \(Format.duration(nanoseconds))"
        case (let count?, _): count == 1 ? name : "\(name) \(count) times"
        default: name
        }
    }
}

extension Format {
    /// A share with two figures: `0.41 %`, `1 %`, `12 %`.
    static func percentage(_ share: Double) -> String {
        let percent = 100 * share
        let decimals = percent >= 9.95 || percent == percent.rounded() ? 0 : percent >= 0.995 ? 1 : 2
        return fixed(percent, decimals) + " %"
    }
}
