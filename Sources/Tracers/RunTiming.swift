// SPDX-License-Identifier: Apache-2.0
import BPF
import Linux

/// The kernel's timing of BPF programs costs each run two readings of the clock, about as much as a
/// small program itself.
public enum CostTiming: String, Sendable, CaseIterable {
    /// The first 5 ms, and 5 ms of each second.
    case sampled
    /// Every run.
    case exact
    /// None.
    case none
}

/// Has the kernel time every run of every BPF program while it lives, whoever loaded it.
public struct ProgramTiming: ~Copyable {
    private let statistics: StatisticsSwitch

    /// nil where that is not permitted, or the kernel cannot.
    public init?() {
        do throws(BPFError) { statistics = try StatisticsSwitch() } catch { return nil }
    }
}

extension ObserverCost {
    /// Takes in how long programs ran, where the kernel timed any: a tracer that does not have it time
    /// them tells what others had it time.
    mutating func take(_ statistics: [ProgramStatistics]) {
        let timed = statistics.reduce(into: (runs: UInt64(0), ns: UInt64(0))) {
            $0 = ($0.runs + $1.runCount, $0.ns + $1.runNanoseconds)
        }
        guard timed.runs > 0 else { return }
        timedRuns = timed.runs
        // Programs run for all processes of the machine, and are counted for the target's.
        runCount = max(runCount, timed.runs)
        runNanoseconds = UInt64((Double(timed.ns) / Double(timed.runs) * Double(runCount)).rounded())
        untimedReason = nil
    }
}

/// Times a tracer's programs, by turns or always, and says what they cost.
struct RunTiming: ~Copyable {
    private let timing: CostTiming
    private var statistics: StatisticsSwitch?
    private var untimedReason: String?
    /// CLOCK_MONOTONIC, nanoseconds: when it is to be switched on or off; nil: never.
    private(set) var nextSwitch: UInt64?

    /// The programs' runs, and the kernel's statistics of them, from before anything was observed.
    private var runsBefore: UInt64 = 0
    private var statisticsBefore: [ProgramStatistics]?

    init(_ timing: CostTiming) { self.timing = timing }

    /// Leaves out what the object's programs did so far, to find out what they cost.
    mutating func begin(_ object: borrowing Object, runs: UInt64) throws(BPFError) {
        runsBefore = runs
        statisticsBefore = try object.statistics()
    }

    /// To be called first, and whenever ``nextSwitch`` is due.
    mutating func toggle() {
        nextSwitch = nil
        guard timing != .none else { return untimedReason = "not asked for" }
        let wasOn = statistics != nil
        statistics = nil
        if !wasOn {
            do throws(BPFError) {
                statistics = try StatisticsSwitch()
            } catch {
                return untimedReason = "timing BPF programs needs CAP_SYS_ADMIN"
            }
        }
        if timing == .sampled { nextSwitch = Clock.monotonic + (wasOn ? 995_000_000 : 5_000_000) }
    }

    /// What observing cost so far.
    ///
    /// - Parameter runs: of the object's programs, all of them.
    borrowing func cost(of object: borrowing Object, runs: UInt64, mapBytes: UInt64) throws(BPFError) -> ObserverCost {
        var cost = ObserverCost.ofThisProcess
        cost.mapBytes = mapBytes
        cost.untimedReason = untimedReason
        var all = try object.statistics()
        if let statisticsBefore { all = zip(all, statisticsBefore).map { $0.since($1) } }
        let timed = all.reduce(into: (runs: UInt64(0), ns: UInt64(0))) {
            $0 = ($0.runs + $1.runCount, $0.ns + $1.runNanoseconds)
        }
        // Not every program counts its runs, and so there can be more that were timed.
        cost.runCount = max(runs - runsBefore, timed.runs)
        cost.timedRuns = timing == .exact ? cost.runCount : timed.runs
        if timed.runs > 0 {
            cost.runNanoseconds =
                timing == .exact
                ? timed.ns : UInt64((Double(timed.ns) / Double(timed.runs) * Double(cost.runCount)).rounded())
        }
        func mean(_ programs: String...) -> Double? {
            let chosen = all.filter { programs.contains($0.program) && $0.runCount > 0 }
            return chosen.isEmpty ? nil : chosen.reduce(0) { $0 + Double($1.runNanoseconds) / Double($1.runCount) }
        }
        cost.nanosecondsPerSyscall = mean("sys_enter", "sys_exit")
        cost.nanosecondsPerSwitch = mean("sched_switch", "sched_wakeup")
        return cost
    }
}
