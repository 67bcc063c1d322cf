// SPDX-License-Identifier: Apache-2.0
import Experiment

/// Where the cost of an observer lands, in nanoseconds for each unit of a thread.
///
/// The parts add up to what the section takes longer, or fall short of it by less than can be measured;
/// `beside` is what other CPUs spent at the same time.
struct CostParts {
    struct Part {
        let name: String
        /// nil: it is not shown to be more than nothing.
        let nanoseconds: Double?
        /// Half of its 95 % interval; nil: not known.
        let margin: Double?

        var text: String {
            if let nanoseconds { return "\(name) \(ComparisonFormat.nanoseconds(nanoseconds))" }
            guard let margin else { return "\(name) too little to be measured" }
            return "\(name) less than \(ComparisonFormat.nanoseconds(margin))"
        }
    }

    let parts: [Part]
    /// The consumer's CPU time.
    let beside: Part?
    let switchesPerUnit: Double?
    /// What is taken apart.
    let total: Double

    /// nil where nothing is shown to be added, or the program by itself has no runs.
    init?(_ cell: Cell, against bare: Cell) {
        guard cell.verdict == .slower, let units = cell.costs.units, units > 0, let total = cell.costs.addedPerUnit,
            total > 0, let addedCPU = cell.costs.addedCPU
        else { return nil }
        func margin(_ excesses: Excess?...) -> Double? {
            let margins = excesses.compactMap { $0?.margin }
            return margins.isEmpty ? nil : margins.reduce(0) { $0 + $1 * $1 }.squareRoot() / units
        }
        // Parts are measured one by one, with errors: none is told as more than what the others leave.
        var (left, parts) = (total, [Part]())
        /// Gives what is left out.
        func take(_ name: String, _ nanoseconds: Double?, _ margin: Double?) -> Double {
            let share = min(nanoseconds ?? 0, left)
            left -= share
            parts.append(Part(name: name, nanoseconds: share > 0 ? share : nil, margin: margin))
            return (nanoseconds ?? 0) - share
        }
        func finish(_ name: String, _ margin: Double?) {
            parts.append(Part(name: name, nanoseconds: left > margin ?? 0 ? left : nil, margin: margin))
        }
        let (inProgram, observer) = (addedCPU.value.map { $0 / units }, cell.costs.observerCPU)
        let observerCPU = observer?.value.map { $0 / units }
        if cell.observer.mechanism == .ptrace {
            _ = take("stops in the program", inProgram, margin(addedCPU))
            // It may work while the program does, on another CPU.
            let over = take("the tracer's CPU", observerCPU, margin(observer))
            beside =
                over > margin(observer) ?? 0
                ? Part(name: "more of the tracer's CPU", nanoseconds: over, margin: nil) : nil
            finish("switches and waiting", margin(cell.costs.addedWaiting, observer))
        } else {
            if let programs = cell.costs.programs {
                _ = take("BPF programs", programs / units, nil)
                let way = (addedCPU.difference - programs) / units
                let margin = margin(addedCPU)
                _ = take("the way to them, caches", way > margin ?? 0 ? way : nil, margin)
            } else {
                _ = take("in the program's CPU time", inProgram, margin(addedCPU))
            }
            finish("waiting", margin(cell.costs.addedWaiting))
            beside = observer.map { _ in
                Part(name: "Apus or the tool", nanoseconds: observerCPU, margin: margin(observer))
            }
        }
        self.parts = parts
        self.total = total
        switchesPerUnit =
            cell.costs.voluntarySwitches.flatMap { own in
                bare.costs.voluntarySwitches.map { (own - $0) / units }
            }
    }

    var text: String {
        var texts = parts.map(\.text)
        if let beside { texts.append("beside it, " + beside.text) }
        if let switchesPerUnit, abs(switchesPerUnit) >= 0.005 {
            texts.append("switches \(Format.fixed(switchesPerUnit, 2))")
        }
        return texts.joined(separator: "; ")
    }
}
