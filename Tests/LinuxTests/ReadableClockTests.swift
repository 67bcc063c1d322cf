// SPDX-License-Identifier: Apache-2.0
import Linux
import Testing

struct ReadableClockTests {
    @Test(arguments: ReadableClock.allCases.filter { $0 != .systemCall && $0.isAvailable })
    func `every clock moves`(clock: ReadableClock) throws {
        // A tick is 10 ms at most; CPU time moves as the loop runs.
        let step = try #require(clock.smallestStep(patience: 500_000_000))
        #expect(step > 0)
        if clock == .gettimeofday || clock == .getrusage { #expect(step % 1_000 == 0) }
    }

    @Test func `a loop of readings takes as long as the clock says`() {
        for clock in ReadableClock.allCases where clock.isAvailable {
            let begin = Clock.monotonic
            let inner = clock.loop(count: 997)
            #expect(inner > 0 && inner <= Clock.monotonic - begin)
        }
    }

    private static let cpus = (CPUSet(ofThread: 0)?.all ?? []).map { Int32($0) }
    private static let hasTwoCPUs = ConditionTrait.enabled(if: cpus.count > 1, "needs two CPUs")

    @Test(hasTwoCPUs) func `two CPUs that read one clock by turns never see it go back`() throws {
        let exchange = try ReadableClock.monotonic.exchange(
            between: Self.cpus[0], and: Self.cpus[1], count: 1_009, patience: 2_000_000_000)
        #expect(exchange.count == 1_009)
        #expect(exchange.backward == 0 && exchange.worst == 0)
    }

    /// Each thread has its own CPU time, so one of the two is behind.
    @Test(hasTwoCPUs) func `a clock that is not shared is seen to go back`() throws {
        let exchange = try ReadableClock.threadCPU.exchange(
            between: Self.cpus[0], and: Self.cpus[1], count: 1_009, patience: 2_000_000_000)
        #expect(exchange.backward > 0 && exchange.worst > 0)
    }

    @Test func `a CPU that there is not is an error`() {
        #expect(throws: SystemError.self) {
            try ReadableClock.monotonic.exchange(between: 8_191, and: 0, count: 10, patience: 10_000_000)
        }
    }

    /// CLOCK_MONOTONIC is slewed by 500 ppm at most (adjtimex(2)).
    @Test(.enabled(if: ReadableClock.rdtsc.isAvailable, "no time-stamp counter"))
    func `the counter's frequency is the same by both clocks`() throws {
        let before = Clock.monotonic
        let first = try #require(CounterReading.now)
        let begin = Clock.monotonic
        _ = ReadableClock.monotonic.loop(count: 1_000_000)
        let end = Clock.monotonic
        let last = try #require(CounterReading.now)
        let after = Clock.monotonic
        // However long the thread was off its CPU between two lines: both readings lie between their neighbours.
        let raw = Double(last.raw - first.raw)
        #expect(raw > 0.999 * Double(end - begin) && raw < 1.001 * Double(after - before))
        #expect(Double(last.cycles - first.cycles) / raw > 0.1 && first.error < last.cycles - first.cycles)
    }

    @Test func `a thread is pinned, and let go`() throws {
        let before = try #require(CPUSet(ofThread: 0))
        let cpu = CPUSet.currentCPU
        CPUSet(only: cpu).apply(toThread: 0)
        #expect(CPUSet(ofThread: 0)?.all == [cpu] && before.contains(cpu))
        before.apply(toThread: 0)
        #expect(CPUSet(ofThread: 0) == before)
    }
}
