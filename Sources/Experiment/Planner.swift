// SPDX-License-Identifier: Apache-2.0

/// How many events each setting is to have, from what a few of them took under each observer.
///
/// All observers of a setting get the same number, so the slowest decides: it is the most that lets a run
/// without an observer take no more than its target, and all runs no more than the budget. A
/// setting that needs less than its share leaves the rest to the others. No section is so short that it measures
/// its own beginning: where the budget is too small for that, fewer runs are made.
struct Planner {
    /// Of one setting, in seconds.
    struct Cost: Equatable {
        /// One event of each thread without an observer.
        var bareEvent: Double
        /// One event of each thread under every observer in turn.
        var allEvents: Double
        /// Starting and ending every observer in turn.
        var starts: Double

        func time(for count: Double) -> Double { starts + count * allEvents }
    }

    /// - Parameters:
    ///   - costs: one for each setting; runs: of each.
    ///   - least: seconds that a run without an observer takes at least, whatever the budget.
    ///   - target, budget: seconds.
    /// - Returns: a count for each setting, 1 at least.
    static func counts(for costs: [Cost], runs: Int, least: Double, target: Double, budget: Double) -> [UInt64] {
        var counts = [UInt64](repeating: 1, count: costs.count)
        func events(in seconds: Double, of cost: Cost) -> Double {
            cost.bareEvent > 0 ? max(1, seconds / cost.bareEvent) : 1
        }
        let wanted = costs.map { events(in: target, of: $0) }
        let needs = costs.indices.map { costs[$0].time(for: wanted[$0]) }
        var left = budget / Double(max(1, runs))
        var remaining = costs.count
        for index in costs.indices.sorted(by: { needs[$0] < needs[$1] }) {
            let share = left / Double(remaining)
            var count = wanted[index]
            if needs[index] > share && costs[index].allEvents > 0 {
                count = (share - costs[index].starts) / costs[index].allEvents
            }
            count = min(wanted[index], max(events(in: least, of: costs[index]), count)).rounded(.down)
            counts[index] = UInt64(count)
            left = max(0, left - costs[index].time(for: count))
            remaining -= 1
        }
        return counts
    }
}
