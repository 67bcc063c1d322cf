// SPDX-License-Identifier: Apache-2.0
public import Statistics

/// What differs between two experiments, as of two machines or two versions: for each observer and
/// setting that both have, how its slowdown changed.
public struct Change: Sendable {
    public struct Row: Sendable {
        public let setting: Design.Setting
        public let observer: String
        public let before: Ratio
        public let after: Ratio
        /// After over before.
        public let ratio: Double
        /// The intervals of the two slowdowns have nothing in common.
        public let isShown: Bool
        /// Both slowdowns have one.
        public var hasIntervals: Bool { before.interval != nil && after.interval != nil }
        /// Added nanoseconds for a unit.
        public let addedBefore: Double?
        public let addedAfter: Double?
    }

    public let before: ExperimentData.Machine
    public let after: ExperimentData.Machine
    public let rows: [Row]

    public init(from before: ObserverComparison, to after: ObserverComparison) {
        self.before = before.data.machine
        self.after = after.data.machine
        rows = before.cells.compactMap { cell in
            guard let old = cell.slowdown, let other = after.cell(cell.setting, cell.observer.name),
                let new = other.slowdown
            else { return nil }
            var isShown = false
            if let one = old.interval, let two = new.interval {
                isShown = one.upper < two.lower || two.upper < one.lower
            }
            return Row(
                setting: cell.setting, observer: cell.observer.name, before: old, after: new,
                ratio: new.value / old.value, isShown: isShown, addedBefore: cell.costs.addedPerUnit,
                addedAfter: other.costs.addedPerUnit)
        }
    }
}
