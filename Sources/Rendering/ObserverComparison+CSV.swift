// SPDX-License-Identifier: Apache-2.0
public import Experiment

extension ObserverComparison {
    /// A line for each observer and setting, after a line of names; RFC 4180, with plain newlines. What is
    /// not known is empty.
    public var csv: String {
        let names = [
            "workload", "threads", "observer", "verdict", "runs", "failed_runs", "disturbed_runs", "section_median_ns",
            "slowdown", "slowdown_lower", "slowdown_upper", "slowdown_by_best", "unit", "units", "units_per_second",
            "added_ns_per_unit", "information", "expected", "seen", "lost", "start_ns", "workload_cpu_ns",
            "observer_cpu_ns", "kernel_cpu_ns", "bpf_run_ns", "voluntary_switches",
        ]
        return ([names] + cells.map(Self.row)).map { $0.map(Self.quoted).joined(separator: ",") + "\n" }.joined()
    }

    private static func row(_ cell: Cell) -> [String] {
        let runs: [String] = [
            cell.setting.workload, String(cell.setting.threads), cell.observer.name, cell.verdict.rawValue,
            String(cell.runs), String(cell.failures.count), String(cell.disturbed),
        ]
        let times: [Double?] = [
            cell.section?.median, cell.slowdown?.value, cell.slowdown?.interval?.lower,
            cell.slowdown?.interval?.upper, cell.slowdownByBest,
        ]
        let events: [Double?] = [cell.costs.units, cell.rate, cell.costs.addedPerUnit]
        let counts: [UInt64?] = [cell.information.expected, cell.information.seen, cell.information.lost]
        let costs: [Double?] = [
            cell.costs.start, cell.costs.workloadCPU, cell.costs.observerCPU?.value, cell.costs.kernelCPU?.value,
            cell.costs.programs, cell.costs.voluntarySwitches,
        ]
        return runs + times.map(number) + [cell.workload.unit.rawValue] + events.map(number)
            + [cell.information.status.rawValue] + counts.map { $0.map { String($0) } ?? "" } + costs.map(number)
    }

    private static func number(_ value: Double?) -> String {
        guard let value, value.isFinite else { return "" }
        let rounded = (value * 1e6).rounded() / 1e6
        return rounded == rounded.rounded() && abs(rounded) < 1e15 ? String(Int64(rounded)) : String(rounded)
    }

    private static func quoted(_ text: String) -> String {
        guard text.utf8.contains(where: { ",\"\n\r".utf8.contains($0) }) else { return text }
        let bytes = text.utf8.split(separator: UInt8(ascii: "\""), omittingEmptySubsequences: false)
        return "\"" + bytes.map { String(Substring($0)) }.joined(separator: "\"\"") + "\""
    }
}
