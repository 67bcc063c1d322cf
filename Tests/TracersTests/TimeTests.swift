// SPDX-License-Identifier: Apache-2.0
import CEvents
import Linux
import Testing

@testable import Tracers

struct LayoutTests {
    @Test func `the ledger has the same layout in Swift as in the kernel`() {
        #expect(MemoryLayout<time_thread>.size == 1088)
        #expect(MemoryLayout<time_thread>.stride == 1088)
        #expect(MemoryLayout<time_thread>.offset(of: \.since_ns) == 0)
        #expect(MemoryLayout<time_thread>.offset(of: \.stolen_ns) == 8)
        #expect(MemoryLayout<time_thread>.offset(of: \.state) == 16)
        #expect(MemoryLayout<time_thread>.offset(of: \.at) == 24)
        #expect(MemoryLayout<time_thread>.offset(of: \.syscalls) == 40)
        #expect(MemoryLayout<time_thread>.offset(of: \.task) == 48)
        #expect(MemoryLayout<time_thread>.offset(of: \.ns) == 64)
        #expect(MemoryLayout<time_thread>.offset(of: \.pid) == 288)
        #expect(MemoryLayout<time_thread>.offset(of: \.command) == 304)
        #expect(MemoryLayout<time_thread>.offset(of: \.at_first) == 320)
        #expect(MemoryLayout<time_thread>.offset(of: \.registers) == 424)
        #expect(MemoryLayout<time_thread>.offset(of: \.others) == 432)
        #expect(MemoryLayout<time_thread>.offset(of: \.latency) == 560)
        #expect(MemoryLayout<time_thread>.offset(of: \.user_samples) == 1072)
        #expect(MemoryLayout<time_thread>.offset(of: \.system_samples) == 1080)
        #expect(MemoryLayout<time_cpu>.stride == 64)
        #expect(MemoryLayout<time_cpu>.offset(of: \.due_ns) == 16)
        #expect(MemoryLayout<time_cpu>.offset(of: \.samples) == 32)
    }

    @Test func `states have the kernel's numbers`() {
        let pairs: [(ThreadState, time_state)] = [
            (.user, TIME_USER), (.system, TIME_SYSTEM), (.fault, TIME_FAULT), (.irq, TIME_IRQ),
            (.softirq, TIME_SOFTIRQ),
            (.preempted, TIME_PREEMPTED), (.woken, TIME_WOKEN), (.unattributed, TIME_UNATTRIBUTED),
            (.futex, TIME_BLOCKED_FUTEX), (.pipeRead, TIME_BLOCKED_PIPE_READ), (.pipeWrite, TIME_BLOCKED_PIPE_WRITE),
            (.socket, TIME_BLOCKED_SOCKET), (.poll, TIME_BLOCKED_POLL), (.sleep, TIME_BLOCKED_SLEEP),
            (.child, TIME_BLOCKED_CHILD), (.file, TIME_BLOCKED_FILE), (.pageFault, TIME_BLOCKED_PAGE_FAULT),
            (.stopped, TIME_BLOCKED_STOPPED), (.kernelThread, TIME_BLOCKED_KERNEL_THREAD), (.other, TIME_BLOCKED_OTHER),
        ]
        for (state, kernel) in pairs { #expect(state.rawValue == Int(kernel.rawValue)) }
        #expect(pairs.count == ThreadState.allCases.count)
        #expect(ThreadState.allCases.count == Int(TIME_STATES.rawValue))
        #expect(Set(ThreadState.allCases.map(\.key)).count == pairs.count)
    }

    @Test func `every system call of the classes exists, and is in one class`() {
        var seen: Set<String> = []
        for (_, names) in SyscallClasses.classes {
            for name in names.split(whereSeparator: \.isWhitespace).map(String.init) {
                #expect(SyscallTable.number(name) != nil, "\(name)")
                #expect(seen.insert(name).inserted, "\(name)")
            }
        }
        #expect(SyscallClasses.table.count == TIME_SYSCALLS)
    }
}

struct LedgerArithmeticTests {
    @Test func `sums and differences are inverse`() {
        var one = Ledger()
        one.wall = 100
        one[.user] = 60
        one[.other] = 40
        one.otherWaits = [72: 30, 73: 10]
        one.syscalls = 7
        var two = one
        two += one
        #expect(two.wall == 200 && two[.user] == 120 && two.syscalls == 14 && two.otherWaits == [72: 60, 73: 20])
        #expect(two.residual == 0)
        let difference = two.since(one)
        #expect(difference.wall == 100 && difference[.user] == 60 && difference.otherWaits == [72: 30, 73: 10])
        #expect(two.since(two).otherWaits.isEmpty)
    }

    @Test func `what the states leave out is the residual, of either sign`() {
        var ledger = Ledger()
        ledger.wall = 100
        ledger[.user] = 60
        #expect(ledger.residual == 40)
        ledger[.system] = 45
        #expect(ledger.residual == -5)
    }

    /// cputime_adjust(), kernel/sched/cputime.c: stime = stime * rtime / (stime + utime), utime = rtime - stime.
    @Test(
        arguments: [
            (3, 1, 400, 300, 100), (0, 0, 500, 500, 0), (5, 0, 500, 500, 0), (0, 5, 500, 0, 500), (1, 2, 10, 4, 6),
        ] as [(UInt64, UInt64, UInt64, UInt64, UInt64)])
    func `the kernel's reported split follows from its ticks`(
        u: UInt64, s: UInt64, r: UInt64, user: UInt64, system: UInt64
    ) {
        var times = KernelTimes()
        (times.user, times.system, times.runtime) = (u, s, r)
        #expect(times.adjusted.user == user)
        #expect(times.adjusted.system == system)
    }

    @Test func `large times do not overflow the split`() {
        var times = KernelTimes()
        (times.user, times.system, times.runtime) = (1 << 61, 1 << 61, 1 << 62)
        #expect(times.adjusted.user == 1 << 61)
    }
}

struct LatencyHistogramTests {
    /// The bucket that count_latency() of bpf/time.bpf.c takes, written anew from its definition: units
    /// of 64 ns, four buckets an octave.
    static func bucket(_ ns: UInt64) -> Int {
        let units = ns >> 6
        guard units >= 4 else { return Int(units) }
        let octave = 63 - units.leadingZeroBitCount
        return (octave - 1) * 4 + Int(units >> UInt64(octave - 2) & 3)
    }

    static func histogram(_ values: [UInt64]) -> LatencyHistogram {
        var counts = [UInt32](repeating: 0, count: Int(TIME_LATENCY_BUCKETS))
        for value in values { counts[bucket(value)] += 1 }
        return LatencyHistogram(counts: counts, max: values.max() ?? 0)
    }

    @Test(arguments: [64, 100, 255, 256, 300, 1_000, 12_345, 1_000_000, 777_777_777, 100_000_000_000] as [UInt64])
    func `a single value is told to 12.5 %`(value: UInt64) throws {
        var histogram = Self.histogram([value])
        histogram.add(Self.histogram([value * 4]))
        let told = try #require(histogram.quantile(0.5))
        #expect(abs(Double(told) - Double(value)) <= max(0.125 * Double(value), 64))
    }

    @Test func `quantiles of a known distribution`() throws {
        let histogram = Self.histogram((1...1000).map { UInt64($0) * 1000 })
        #expect(histogram.count == 1000)
        #expect(abs(Double(try #require(histogram.quantile(0.5))) - 500_000) <= 62_500)
        #expect(abs(Double(try #require(histogram.quantile(0.99))) - 990_000) <= 123_750)
        #expect(histogram.quantile(1).map { $0 <= 1_000_000 } == true)
        #expect(histogram.max == 1_000_000)
        #expect(LatencyHistogram().quantile(0.5) == nil)
    }

    @Test func `adding and taking away again gives back the counts`() {
        let one = Self.histogram([100, 100, 5_000])
        let two = Self.histogram([100, 70_000])
        var sum = one
        sum.add(two)
        #expect(sum.count == 5)
        #expect(sum.since(two).count == 3)
        #expect(sum.since(sum).count == 0)
        #expect(sum.since(sum).quantile(0.5) == nil)
    }
}

struct LedgerCopyTests {
    /// 70 ns of user and 30 of system time, none open.
    static var books: time_thread {
        var thread = time_thread()
        thread.life = THREAD_ALIVE.rawValue
        (thread.first_ns, thread.since_ns) = (1_000, 1_100)
        thread.ns.0 = 70
        thread.ns.1 = 30
        thread.syscalls = 3
        return thread
    }

    @Test func `books that do not balance were read in the middle of an update`() {
        var (shared, copy) = (Self.books, time_thread())
        #expect(ThreadLedger.copy(&shared, to: &copy))
        // The state that ends has been charged, the time has not been moved on.
        shared.ns.0 += 5
        #expect(!ThreadLedger.copy(&shared, to: &copy))
        shared.since_ns += 5
        #expect(ThreadLedger.copy(&shared, to: &copy))
    }

    @Test func `the way into the kernel and out of it is moved from user to system time`() throws {
        var books = Self.books
        let ledger = try #require(ThreadLedger(&books, now: 1_110, boundary: 20)).ledger
        // 10 ns are open, in user mode; three calls have 20 ns each outside.
        #expect(ledger[.user] == 70 + 10 - 60 && ledger[.system] == 30 + 60)
        #expect(ledger.wall == 110 && ledger.residual == 0)
        // No more than there is.
        let all = try #require(ThreadLedger(&books, now: 1_110, boundary: 1_000)).ledger
        #expect(all[.user] == 0 && all[.system] == 110 && all.residual == 0)
    }

}

struct TimeReportTests {
    static func thread(_ pid: UInt32, _ tid: UInt32, first: UInt64, end: UInt64, alive: Bool = true, start: UInt64 = 1)
        -> ThreadLedger
    {
        var ledger = Ledger()
        ledger.wall = end - first
        ledger[.user] = end - first
        return ThreadLedger(
            pid: pid, tid: tid, parentPID: 1, command: "t\(tid)", processStart: start, first: first, end: end,
            isAlive: alive, ledger: ledger)
    }

    static func report(_ threads: [ThreadLedger]) -> TimeReport {
        TimeReport(
            threads: threads, measuresFaults: false, faultsReason: "", boundary: 0, completeness: Completeness(),
            observer: ObserverCost())
    }

    @Test func `threads are summed to processes, a number that came again kept apart`() {
        let report = Self.report([
            Self.thread(5, 6, first: 10, end: 40), Self.thread(5, 5, first: 0, end: 30),
            Self.thread(5, 5, first: 50, end: 60, start: 2),
        ])
        #expect(report.processes.map(\.threads) == [2, 1])
        #expect(report.processes[0].command == "t5")
        #expect(report.processes[0].ledger.wall == 60)
        #expect(report.processes[0].elapsed == 40)
        #expect(report.elapsed == 60)
        #expect(report.total.wall == 70)
    }

    @Test func `an interval holds what is new, and each thread's end once`() {
        let before = Self.report([
            Self.thread(1, 1, first: 0, end: 10), Self.thread(2, 2, first: 0, end: 5, alive: false),
        ])
        let after = Self.report([
            Self.thread(1, 1, first: 0, end: 25), Self.thread(2, 2, first: 0, end: 5, alive: false),
            Self.thread(3, 3, first: 12, end: 20, alive: false),
        ])
        let interval = after.since(before)
        #expect(interval.threads.map(\.tid) == [1, 3])
        #expect(interval.threads.map(\.ledger.wall) == [15, 8])
        #expect(interval.threads[0].first == 10)
        #expect(after.since(nil).threads.count == 3)
    }

    /// A reader takes its present after it has copied the ledger of a thread that is just ending.
    @Test func `a thread that ended before it was taken to live has had nothing since`() {
        let before = Self.report([Self.thread(1, 1, first: 0, end: 1_010), Self.thread(2, 2, first: 0, end: 900)])
        let after = Self.report([
            Self.thread(1, 1, first: 0, end: 1_000, alive: false), Self.thread(2, 2, first: 0, end: 1_200),
        ])
        #expect(after.since(before).threads.map(\.tid) == [2])
    }

    @Test func `nothing seen is an empty report`() {
        let report = Self.report([])
        #expect(report.elapsed == 0 && report.processes.isEmpty && report.total.residual == 0)
    }
}
