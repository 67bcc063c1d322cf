// SPDX-License-Identifier: Apache-2.0
public import Statistics

/// What differs between two experiments, as of two machines or two versions: for each observer and
/// setting that both have, how its slowdown changed.
public struct Change: Sendable {
    /// One observer in one setting that both have.
    public struct Row: Sendable {
        /// The same in both: the workload's name and the number of threads.
        public let setting: Design.Setting
        /// Its name.
        public let observer: String
        /// The slowdown in the first.
        public let before: Ratio
        /// The slowdown in the second.
        public let after: Ratio
        /// After over before.
        public let ratio: Double
        /// The intervals of the two slowdowns have nothing in common.
        public let isShown: Bool
        /// Both slowdowns have one.
        public var hasIntervals: Bool { before.interval != nil && after.interval != nil }
        /// Nanoseconds added for a unit in the first; nil: not known.
        public let addedBefore: Double?
        /// Nanoseconds added for a unit in the second; nil: not known.
        public let addedAfter: Double?
    }

    /// Where the first was made.
    public let before: ExperimentData.Machine
    /// Where the second was made.
    public let after: ExperimentData.Machine
    /// In the order of the first.
    public let rows: [Row]

    /// Compares two experiments; the program by itself has no row.
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
