// SPDX-License-Identifier: Apache-2.0
public import Statistics

/// What watching costs if every event costs the same: slowdown = 1 + rate × cost per event.
///
/// The cost is fitted to the workloads that do nothing but make system calls; then it predicts what it
/// was not fitted to. It is wrong where events differ, where the observer works beside the program
/// on another CPU, or where it changes how threads wait for each other; the residual says by how much.
public struct CostModel: Sendable {
    /// Of one observer.
    public struct Fit: Sendable, Equatable {
        /// Its name.
        public let observer: String
        /// Nanoseconds for a system call: the mean over the settings that it is fitted to, which is least
        /// squares on the cost of a call.
        public let cost: Double
        /// The least and the most of them; nil where there is only one.
        public let range: ClosedRange<Double>?
        /// To how many settings it is fitted.
        public let settings: Int
    }

    /// The slowdown of one observer in a setting that the cost was not fitted to.
    public struct Prediction: Sendable {
        /// One of a workload with the role ``Workload/Role/macro``.
        public let setting: Design.Setting
        /// Its name.
        public let observer: String
        /// System calls a second of each thread, by the program by itself.
        public let rate: Double
        /// The slowdown by ``Fit/cost``; 0.01 at least.
        public let predicted: Double
        /// The slowdown with the least and the most cost of a call; nil where there is only one.
        public let range: ClosedRange<Double>?
        /// The slowdown there.
        public let measured: Ratio
        /// Measured over predicted.
        public var residual: Double { measured.value / predicted }
    }

    /// One for each observer that has runs of a workload with the role ``Workload/Role/micro``.
    public let fits: [Fit]
    /// In the order of the comparison's cells.
    public let predictions: [Prediction]

    init(_ cells: [Cell], of design: Design) {
        var fits: [Fit] = []
        for observer in design.observers where observer.mechanism != .none {
            let costs = cells.filter { $0.observer.name == observer.name && $0.workload.role == .micro }
                .compactMap(\.costs.addedPerUnit)
            guard let least = costs.min(), let most = costs.max() else { continue }
            fits.append(
                Fit(
                    observer: observer.name, cost: costs.reduce(0, +) / Double(costs.count),
                    range: costs.count > 1 ? least...most : nil,
                    settings: costs.count))
        }
        self.fits = fits
        let bare = Dictionary(
            cells.filter { $0.observer.mechanism == .none }.map { ($0.setting, $0) },
            uniquingKeysWith: { first, _ in first })
        predictions = cells.compactMap { cell in
            guard cell.workload.role == .macro, let fit = fits.first(where: { $0.observer == cell.observer.name }),
                let measured = cell.slowdown, let reference = bare[cell.setting], let section = reference.section
            else { return nil }
            // Other events than calls cost such an observer nothing, as far as the model goes.
            let calls = reference.workload.unit == .call ? reference.costs.unitsPerThread ?? 0 : 0
            func slowdown(_ cost: Double) -> Double { max(0.01, 1 + calls * cost / section.median) }
            return Prediction(
                setting: cell.setting, observer: cell.observer.name, rate: calls / section.median * 1e9,
                predicted: slowdown(fit.cost),
                range: fit.range.map { slowdown($0.lowerBound)...slowdown($0.upperBound) },
                measured: measured)
        }
    }
}
