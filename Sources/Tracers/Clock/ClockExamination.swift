// SPDX-License-Identifier: Apache-2.0
import BPF
import CEvents
import Glibc
import Linux
public import Statistics

/// Measures how well time can be read here.
///
/// Costs are of loops of readings, whose length is doubled until one takes ``Options/loop``, repeated until
/// the fastest agree, on one CPU. Runs into which a context switch or an interrupt fell are known
/// by programs on those events, and set aside.
public struct ClockExamination: ~Copyable {
    /// How long and how often to measure.
    public struct Options: Sendable {
        /// K, E and N of each cost; without runs.
        public var repetition: KBest
        /// The least length of a loop in nanoseconds: a ten-thousandth of it is a reading of the clock, and an
        /// interrupt rarely falls into it.
        public var loop: UInt64 = 200_000
        /// How long to wait for steps of a clock, and for two CPUs to take turns, in nanoseconds.
        public var patience: UInt64 = 60_000_000
        /// How many readings two CPUs make by turns.
        public var turns: UInt64 = 20_000
        /// How many pairs of CPUs at most.
        public var pairs = 64

        /// - Parameter repetition: of each cost; without runs.
        public init(repetition: KBest) { self.repetition = repetition }
    }

    private let options: Options
    private let tracer: ClockTracer?
    private let untraced: BPFError?
    private let allowed: CPUSet?
    private let cpu: Int32
    private let firstCycles: CounterReading?

    /// Measures everything; takes half a second on two CPUs.
    ///
    /// - Throws: ``TracerError`` where a program cannot be called any more. That it cannot be loaded is no
    ///   error: what is not known without it is nil, and the report says why.
    public static func run(_ options: Options) throws(TracerError) -> ClockReport {
        do throws(BPFError) {
            return try ClockExamination(options).report()
        } catch {
            throw .bpf(error)
        }
    }

    private init(_ options: Options) {
        self.options = options
        allowed = CPUSet(ofThread: 0)
        cpu = Int32(CPUSet.currentCPU)
        CPUSet(only: Int(cpu)).apply(toThread: 0)
        do throws(BPFError) {
            tracer = try ClockTracer.start()
            untraced = nil
        } catch {
            tracer = nil
            untraced = error
        }
        firstCycles = CounterReading.now
    }

    deinit { allowed?.apply(toThread: 0) }

    private borrowing func report() throws(BPFError) -> ClockReport {
        var rows: [ClockReport.Row] = []
        for source in TimeSource.allCases { rows.append(try row(source)) }
        let counter = counter()
        // Cycles become nanoseconds.
        if let counter {
            for index in rows.indices where rows[index].source.isCounter {
                let scale = 1e9 / counter.hertz
                rows[index].resolution = rows[index].resolution.map { $0 * scale }
                rows[index].acrossCPUs?.worstNanoseconds *= scale
            }
        }
        let folder = "/sys/devices/system/clocksource/clocksource0/"
        var (completeness, cost) = (Completeness(), ObserverCost.ofThisProcess)
        if let untraced {
            completeness.reasons.append(
                "disturbed runs and system calls are not known: "
                    + (untraced.code == .notPermitted ? "BPF is not permitted" : untraced.description))
            cost.untimedReason = "no program was loaded"
        }
        try tracer?.takeCost(&cost, &completeness)
        return ClockReport(
            rows: rows, clocksource: Procfs.text(folder + "current_clocksource"),
            clocksources: Procfs.text(folder + "available_clocksource")?.split(separator: " ").map { String($0) } ?? [],
            counter: counter, cpu: Int(cpu), completeness: completeness, observer: cost)
    }

    private func row(_ source: TimeSource) throws(BPFError) -> ClockReport.Row {
        var row = ClockReport.Row(source: source)
        row.unavailable = unavailability(of: source)
        guard row.unavailable == nil else { return row }
        row.cost = try cost(of: source)
        row.resolution = try resolution(of: source).map { Double($0) }
        row.way = try way(to: source)
        if source.isShared, let clock = source.clock { row.acrossCPUs = acrossCPUs(clock) }
        return row
    }

    private func unavailability(of source: TimeSource) -> String? {
        if let clock = source.clock {
            return clock.isAvailable ? nil : "this CPU has none, or it is forbidden (PR_SET_TSC)"
        }
        guard let helper = source.helper, let isThere = tracer?.has(helper: helper) else {
            return untraced?.code == .notPermitted ? "BPF is not permitted" : "no BPF program could be loaded"
        }
        return isThere ? nil : "this kernel has no such helper"
    }

    // MARK: - What a reading costs

    private func cost(of source: TimeSource) throws(BPFError) -> ClockReport.Cost? {
        var calls = 1
        // A disturbance can make a loop long: so long as there are those, try again, some times.
        var tries = 0
        while true {
            let run = try loop(source, calls: calls)
            if run.nanoseconds >= options.loop {
                guard run.isDisturbed == true, tries < 10 else { break }
                tries += 1
            } else {
                guard calls < 1 << 40 else { break }
                calls *= 2
            }
        }
        var best = options.repetition
        while !best.isFinished {
            let run = try loop(source, calls: calls)
            best.add(Double(run.nanoseconds), setAside: run.isDisturbed ?? false)
        }
        guard let fastest = best.fastest.first else { return nil }
        let reads = source.helper == nil ? calls : calls * CLOCK_READS
        return ClockReport.Cost(
            nanoseconds: fastest / Double(reads), spread: best.spread, isConverged: best.isConverged,
            runs: best.runs, disturbed: tracer == nil ? nil : best.setAside, reads: reads)
    }

    private func loop(
        _ source: TimeSource, calls: Int
    ) throws(BPFError) -> (nanoseconds: UInt64, isDisturbed: Bool?) {
        let before = try tracer?.disturbances()
        let nanoseconds: UInt64
        if let clock = source.clock {
            nanoseconds = clock.loop(count: UInt64(calls))
        } else {
            nanoseconds = try tracer?.readLoop(helper: source.helper ?? "", calls: calls) ?? 0
        }
        return (nanoseconds, try tracer?.disturbances() != before ? true : tracer == nil ? nil : false)
    }

    // MARK: - What a reading is

    private func resolution(of source: TimeSource) throws(BPFError) -> UInt64? {
        guard source.tellsTime else { return nil }
        if let clock = source.clock { return clock.smallestStep(patience: options.patience) }
        let end = Clock.monotonic + options.patience
        var calls = 0
        return try tracer?.step(helper: source.helper ?? "") { step in
            calls += 1
            return calls < 10 || (step == 0 && Clock.monotonic < end)
        } ?? nil
    }

    private func way(to source: TimeSource) throws(BPFError) -> ClockReport.Way? {
        if source.isCounter { return .instruction }
        guard let clock = source.clock else { return .helper }
        let reads: UInt64 = 100
        let made = try tracer?.syscalls { for _ in 0..<reads { _ = clock.read() } }
        return made.map { $0 < reads ? .vdso : .systemCall }
    }

    private func acrossCPUs(_ clock: ReadableClock) -> ClockReport.AcrossCPUs? {
        let cpus = (allowed?.all ?? []).map { Int32($0) }
        var sum = ClockReport.AcrossCPUs()
        for (one, other) in zip(cpus, cpus.dropFirst()).prefix(options.pairs) {
            let exchange = try? clock.exchange(
                between: one, and: other, count: options.turns, patience: options.patience)
            guard let exchange, exchange.count > 0 else { continue }
            sum.pairs += 1
            sum.readings += exchange.count
            sum.backward += exchange.backward
            sum.worstNanoseconds = max(sum.worstNanoseconds, Double(exchange.worst))
        }
        return sum.pairs > 0 ? sum : nil
    }

    // MARK: - The time-stamp counter

    /// From the first reading to now, but over 200 ms at least.
    private func counter() -> ClockReport.TimeStampCounter? {
        guard let first = firstCycles, var last = CounterReading.now else { return nil }
        while last.raw - first.raw < 200_000_000 {
            usleep(10_000)
            last = CounterReading.now ?? last
        }
        let over = last.raw - first.raw
        let hertz = Double(last.cycles - first.cycles) * 1e9 / Double(over)
        let error = Double(first.error + last.error) * 1e9 / Double(over)
        return ClockReport.TimeStampCounter(
            hertz: hertz, errorHertz: error, over: over, isInvariant: CounterReading.isInvariant)
    }
}
