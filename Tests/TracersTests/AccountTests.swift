// SPDX-License-Identifier: Apache-2.0
import Linux
import Testing

@testable import Tracers

struct AccountTests {
    static let ms: UInt64 = 1_000_000

    /// A second of one thread's life, in which it was on a CPU for 600 ms, 100 of them in the kernel.
    static func ledger() -> Ledger {
        var ledger = Ledger()
        ledger.wall = 1_000 * ms
        ledger[.user] = 500 * ms
        ledger[.system] = 100 * ms
        ledger[.sleep] = 400 * ms
        return ledger
    }

    static func report(rate: Int? = 1_000) -> TimeReport {
        TimeReport(
            threads: [], measuresFaults: true, faultsReason: nil, boundary: 0,
            sampling: rate.map { Sampling(options: .init(rate: $0), cpus: 1, taken: 1_000, missed: 0) },
            completeness: Completeness(), observer: ObserverCost())
    }

    @Test func `a sample stands for an interval, and what chance explains is not marked`() throws {
        var ledger = Self.ledger()
        (ledger.samples.user, ledger.samples.system) = (510, 95)
        let accounts = Self.report().accounts(of: ledger, .tick)
        #expect(accounts.map(\.mode) == [.onCPU, .user, .system])
        #expect(accounts.map(\.exact) == [600 * Self.ms, 500 * Self.ms, 100 * Self.ms])
        #expect(accounts.map { $0.sampled?.time } == [605 * Self.ms, 510 * Self.ms, 95 * Self.ms])
        #expect(accounts.allSatisfy { $0.sampledAgrees == true })
        let interval = try #require(accounts[0].sampled?.interval)
        // The exact binomial interval of 605 in 1,000.
        #expect(
            abs(Double(interval.lowerBound) - 573.9e6) < 0.2e6 && abs(Double(interval.upperBound) - 635.4e6) < 0.2e6)
    }

    @Test func `what chance does not explain is marked, too many as well as too few`() {
        for (user, system) in [(0, 0), (1_000, 0), (540, 100), (500, 140)] as [(UInt64, UInt64)] {
            var ledger = Self.ledger()
            (ledger.samples.user, ledger.samples.system) = (user, system)
            #expect(Self.report().accounts(of: ledger, .tick).contains { $0.sampledAgrees == false }, "\(user)")
        }
    }

    @Test func `time that a sample cannot tell apart excuses it`() {
        var ledger = Self.ledger()
        (ledger.samples.user, ledger.samples.system) = (500, 150)
        #expect(Self.report().accounts(of: ledger, .tick)[2].sampledAgrees == false)
        ledger[.softirq] = 60 * Self.ms
        #expect(Self.report().accounts(of: ledger, .tick)[2].sampledAgrees == true)
        ledger[.softirq] = 0
        // The way into so many calls.
        ledger.syscalls = 200_000
        #expect(Self.report().accounts(of: ledger, .tick)[2].sampledAgrees == true)
    }

    @Test func `ticks have intervals as well, and a split without ticks says nothing`() throws {
        let tick = Clock.tick
        var ledger = Self.ledger()
        ledger.kernelTimes.runtime = 600 * Self.ms
        var accounts = Self.report(rate: nil).accounts(of: ledger, .tick)
        // No tick in 1 s of which it ran 0.6.
        #expect(accounts[0].rawAgrees == false && accounts[0].sampled == nil)
        #expect(accounts[1].reportedEstimate?.interval == 0...600 * Self.ms)
        #expect(accounts[1].reportedAgrees == true && accounts[2].reportedAgrees == true)

        ledger.kernelTimes.user = 500 * Self.ms / tick * tick
        ledger.kernelTimes.system = 100 * Self.ms / tick * tick
        accounts = Self.report(rate: nil).accounts(of: ledger, .tick)
        #expect(accounts.allSatisfy { $0.rawAgrees == true && $0.reportedAgrees != false })
        #expect(accounts[2].rawEstimate?.count == 100 * Self.ms / tick)
        #expect(accounts[0].reportedAgrees == nil && accounts[0].reported == 600 * Self.ms)

        // Not from ticks: nothing to excuse, and nothing to mark.
        accounts = Self.report(rate: nil).accounts(of: ledger, .preciseOn(cpus: "1"))
        #expect(accounts.allSatisfy { $0.rawEstimate == nil && $0.rawAgrees == nil && $0.reportedAgrees == nil })
    }

    @Test func `a thread that lived for less than an interval is not accused by one sample`() {
        var ledger = Ledger()
        ledger.wall = Self.ms / 4
        ledger[.user] = Self.ms / 8
        ledger.samples.user = 1
        #expect(Self.report().accounts(of: ledger, .tick)[1].sampledAgrees == true)
        ledger.samples.user = 0
        #expect(Self.report().accounts(of: ledger, .tick)[1].sampledAgrees == true)
    }

    @Test func `an interval's samples are those since the last`() {
        var before = Self.report()
        var after = Self.report()
        before.sampling?.taken = 400
        after.sampling?.missed = 3
        #expect(after.since(before).sampling?.taken == 600 && after.since(before).sampling?.missed == 3)
        var ledger = Self.ledger()
        ledger.samples.user = 7
        #expect(ledger.since(Self.ledger()).samples.user == 7)
    }
}
