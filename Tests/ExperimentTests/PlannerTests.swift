// SPDX-License-Identifier: Apache-2.0
import Testing

@testable import Experiment

struct PlannerTests {
    private func cost(bare: Double, all: Double, starts: Double = 0.1) -> Planner.Cost {
        Planner.Cost(bareEvent: bare, allEvents: all, starts: starts)
    }

    @Test func `with time enough, a bare run takes its target`() {
        let counts = Planner.counts(
            for: [cost(bare: 1e-7, all: 1e-6), cost(bare: 1e-3, all: 2e-3)], runs: 10, least: 0, target: 0.06,
            budget: 1e6)
        #expect(counts == [600_000, 60])
    }

    @Test func `the slowest observer decides, and all of it fits the budget`() {
        // 100 µs a call, as by stopping the program twice.
        let costs = [cost(bare: 1e-7, all: 1e-4), cost(bare: 1e-6, all: 3e-6), cost(bare: 1e-5, all: 2e-3)]
        for budget in [20.0, 60, 600] {
            let counts = Planner.counts(for: costs, runs: 10, least: 0, target: 0.06, budget: budget)
            let time = zip(costs, counts).reduce(0) { $0 + 10 * $1.0.time(for: Double($1.1)) }
            #expect(time <= budget + 0.1)
            #expect(time > 0.9 * min(budget, 10 * costs.reduce(0) { $0 + $1.time(for: 0.06 / $1.bareEvent) }))
            // What is cheap has what it wants.
            #expect(counts[1] == 60_000)
        }
    }

    @Test func `no run is too short to be measured, whatever the budget`() {
        let costs = [cost(bare: 1e-7, all: 1e-4), cost(bare: 1e-3, all: 3e-3), cost(bare: 1e-2, all: 3e-2)]
        #expect(
            Planner.counts(for: costs, runs: 10, least: 0.002, target: 0.06, budget: 0.1) == [20_000, 2, 1])
        // Nor longer than wanted.
        #expect(Planner.counts(for: costs, runs: 10, least: 0.002, target: 0.001, budget: 0.1) == [10_000, 1, 1])
    }

    @Test func `there is always an event`() {
        #expect(Planner.counts(for: [cost(bare: 1e-7, all: 10)], runs: 10, least: 0, target: 0.06, budget: 1) == [1])
        #expect(Planner.counts(for: [cost(bare: 0, all: 0)], runs: 10, least: 0, target: 0.06, budget: 1) == [1])
        #expect(Planner.counts(for: [], runs: 10, least: 0, target: 0.06, budget: 1) == [])
    }
}
