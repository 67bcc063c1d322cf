// SPDX-License-Identifier: Apache-2.0
import Statistics
import Testing

@testable import Tracers

struct DisturbanceTests {
    private func run(_ number: Int, _ elapsed: UInt64, _ change: (inout Ledger) -> Void = { _ in }) -> TimedRun {
        var ledger = Ledger()
        ledger[.user] = 5_000_000
        ledger[.system] = 200_000
        ledger.migrations = 1
        change(&ledger)
        ledger.wall = ledger.sum(ThreadState.allCases)
        return TimedRun(number: number, elapsed: elapsed, net: elapsed, ledger: ledger)
    }

    @Test func `each cause is named with what it took, the most time first`() {
        let fastest = run(1, 5_200_000)
        let slow = run(2, 12_000_000) {
            $0[.preempted] = 4_000_000
            $0[.woken] = 900_000
            $0[.irq] = 60_000
            $0[.softirq] = 50_000
            $0[.user] = 5_800_000
            $0[.pageFault] = 1_000_000
            $0.majorFaults = 3
            $0.migrations = 3
        }
        let found = slow.disturbances(against: fastest, above: 52_000)
        #expect(found.map(\.cause) == [.preempted, .otherLoad, .state(.user), .interrupts, .pageIns, .migrated])
        #expect(found.map(\.nanoseconds) == [4_000_000, 900_000, 800_000, 110_000, 1_000_000, nil])
        #expect(found.map(\.count) == [nil, nil, nil, nil, 3, 2])
        #expect(found.map(\.isFromOutside) == [true, true, false, true, true, true])
    }

    @Test func `net of what its first thread waited, a run is as long as an undisturbed one`() throws {
        func report(_ preempted: UInt64, _ others: UInt64) -> TimeReport {
            func thread(_ tid: UInt32, _ preempted: UInt64) -> ThreadLedger {
                var ledger = Ledger()
                ledger[.user] = 5_000
                (ledger[.preempted], ledger[.woken], ledger[.irq], ledger[.softirq]) = (preempted, 10, 7, 3)
                ledger.wall = ledger.sum(ThreadState.allCases)
                return ThreadLedger(
                    pid: 7, tid: tid, parentPID: 1, command: "w", processStart: 1, first: 100,
                    end: 100 + ledger.wall, isAlive: false, ledger: ledger)
            }
            return TimeReport(
                threads: [thread(7, preempted)] + (others > 0 ? [thread(8, others)] : []), measuresFaults: false,
                faultsReason: "", boundary: 0, completeness: Completeness(), observer: ObserverCost())
        }
        let quiet = try #require(TimedRun(number: 1, pid: 7, exit: .code(0), report: report(0, 0)))
        let busy = try #require(TimedRun(number: 2, pid: 7, exit: .code(0), report: report(8_000, 0)))
        #expect((quiet.elapsed, quiet.net, busy.elapsed, busy.net) == (5_020, 5_000, 13_020, 5_000))
        // Another thread's waits are not the first one's.
        let two = try #require(TimedRun(number: 3, pid: 7, exit: .code(0), report: report(0, 8_000)))
        #expect((two.elapsed, two.net) == (13_020, 13_000))
        #expect(TimedRun(number: 4, pid: 9, exit: .code(0), report: report(0, 0)) == nil)
    }

    @Test func `what is less than the threshold, or less than in the fastest, is none`() {
        let fastest = run(1, 5_200_000) { $0[.preempted] = 10_000 }
        #expect(run(2, 5_210_000) { $0[.preempted] = 40_000 }.disturbances(against: fastest, above: 52_000).isEmpty)
        #expect(run(3, 5_210_000) { $0.migrations = 0 }.disturbances(against: fastest, above: 52_000).isEmpty)
    }
}

struct ComparisonTests {
    private func comparison(_ programs: [[UInt64]]) -> Comparison {
        var comparison = Comparison(commands: programs.indices.map { "program \($0)" }, seed: 3, warmups: 0)
        for (index, times) in programs.enumerated() {
            comparison.programs[index].runs = times.enumerated().map { number, time in
                var ledger = Ledger()
                ledger[.user] = 1_000_000 + UInt64(number * 7 % 5)
                ledger[.sleep] = time - 1_000_000
                ledger.wall = ledger.sum(ThreadState.allCases)
                return TimedRun(number: number + 1, elapsed: time, net: time, ledger: ledger)
            }
        }
        return comparison
    }

    private let quick: [UInt64] = (0..<20).map { 5_000_000 + UInt64($0 * 7 % 11) * 10_000 }

    @Test func `the state that differs accounts for all of the difference`() throws {
        let comparison = comparison([quick, quick.map { $0 + 2_000_000 }])
        let ratio = try #require(comparison.ratio(of: 1))
        #expect(ratio.showsDifference && abs(ratio.value - 1.4) < 0.01)
        let states = comparison.differences(of: 1)
        #expect(states.count == ThreadState.allCases.count)
        #expect(states.filter(\.difference.isShown).map(\.state) == [.sleep])
        #expect(abs(states[0].difference.value - 2_000_000) < 10)
        let total = try #require(comparison.threadTimeDifference(of: 1))
        #expect(abs(total.value - states[0].difference.value) < 10)
    }

    @Test func `what the machine does in a round is in both of its runs`() throws {
        // Twice as slow in every other round, and one round without a run of the first.
        let slow = quick.enumerated().map { $0 % 2 == 0 ? 2 * $1 : $1 }
        var comparison = comparison([slow, slow.map { $0 / 10 * 11 }])
        comparison.programs[0].runs.remove(at: 4)
        let ratio = try #require(comparison.ratio(of: 1))
        let interval = try #require(ratio.interval)
        #expect(ratio.showsDifference && abs(ratio.value - 1.1) < 1e-6 && interval.upper - interval.lower < 1e-6)
    }

    @Test func `between a program and itself no difference is shown`() throws {
        let comparison = comparison([quick, quick.reversed()])
        #expect(!(try #require(comparison.ratio(of: 1))).showsDifference)
        #expect(comparison.differences(of: 1).filter(\.difference.isShown).isEmpty)
    }

    @Test func `every round has every program, and the seed gives the order again`() {
        let three = comparison([quick, quick, quick])
        let order = three.order(rounds: 30)
        #expect(order.count == 30 && order.allSatisfy { $0.sorted() == [0, 1, 2] })
        #expect(Set(order).count > 3)
        #expect(order == three.order(rounds: 30))
        #expect(Comparison(commands: ["a", "b", "c"], seed: 4, warmups: 0).order(rounds: 30) != order)
    }

    @Test func `a program without a run has no ratio`() {
        #expect(comparison([quick, []]).ratio(of: 1) == nil)
        #expect(comparison([quick, []]).differences(of: 1).isEmpty)
    }
}
