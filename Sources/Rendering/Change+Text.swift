// SPDX-License-Identifier: Apache-2.0
public import Experiment

extension Change {
    /// What is different, side by side.
    public func text(style: TextStyle) -> String {
        var lines = [
            " 1: \(Self.name(before))", " 2: \(Self.name(after))", "",
            style.dim(
                " " + "workload".padded(to: 20) + "observer".padded(to: 18) + "1".aligned(right: 9)
                    + "2".aligned(right: 9)
                    + "2 / 1".aligned(right: 9) + "  shown"),
        ]
        let showsThreads = Set(rows.map(\.setting.threads)).count > 1
        for row in rows {
            let name = row.setting.workload + (showsThreads ? " ×\(row.setting.threads)" : "")
            let line =
                " " + name.padded(toAtMost: 19).padded(to: 20) + row.observer.padded(toAtMost: 17).padded(to: 18)
                + ComparisonFormat.factor(row.before.value).aligned(right: 9)
                + ComparisonFormat.factor(row.after.value).aligned(right: 9)
                + ComparisonFormat.factor(row.ratio).aligned(right: 9)
                + (row.isShown ? (row.ratio > 1 ? "  dearer" : "  cheaper") : row.hasIntervals ? "  =" : "  ~")
            lines.append(row.isShown ? style.bold(line) : line)
        }
        if rows.isEmpty { lines.append(" They have no observer and workload in common.") }
        lines += ["", style.dim(" = the intervals of the slowdowns meet: no difference shown")]
        if rows.contains(where: { !$0.hasIntervals }) {
            lines.append(style.dim(" ~ fewer than \(Cell.leastRuns) runs: no interval"))
        }
        return lines.map(\.trimmedAtEnd).joined(separator: "\n") + "\n"
    }

    private static func name(_ machine: ExperimentData.Machine) -> String {
        // A machine need not have a name.
        [machine.host, machine.cpu, "Linux \(machine.kernel)", "Apus \(machine.version)", machine.time]
            .filter { !$0.isEmpty }.joined(separator: ", ")
            .escapedForTerminal
    }
}
