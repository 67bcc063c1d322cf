// SPDX-License-Identifier: Apache-2.0
import BPF
import BPFObjects
import CEvents
import Glibc
import Linux

/// The ledger of `apus time`: loads and attaches the programs of `bpf/time.bpf.c`, and reads what
/// they add up.
///
/// ```swift
/// var tracer = try TimeTracer.start(.init(target: .processes([812])))
/// sleep(1)
/// print(try tracer.report().total[.user])
/// ```
public struct TimeTracer: ~Copyable {
    /// Of whom ledgers are kept, and what goes with them.
    public struct Options: Sendable {
        /// Whose threads have ledgers.
        public var target: Target
        /// Observe the children that the target's processes make, too.
        public var followsChildren = true
        /// Threads that can live at once, or have ended and not been read yet. Each takes 1.1 KB of
        /// kernel memory.
        public var maxThreads = 12_288
        /// Threads that ended of which each is kept, at least; of older ones, their sum. Each takes
        /// 0.7 KB of memory.
        public var keptThreads = 65_536
        /// Which runs of the programs the kernel times.
        public var costTiming = CostTiming.sampled
        /// Count samples beside the ledger; nil: do not.
        public var sampling: Sampling.Options?

        /// - Parameter target: whose threads have ledgers.
        public init(target: Target) { self.target = target }
    }

    var table: ThreadTable
    private var clocks = Links()
    private var sampler: Sampler?
    let threads: MappedArray<time_thread>
    private var timing: RunTiming
    /// CLOCK_MONOTONIC, nanoseconds: when timing is to be switched on or off; nil: never.
    public var nextTimingSwitch: UInt64? { timing.nextSwitch }
    private let mapBytes: UInt64
    /// Why page faults are not measured; nil: they are.
    private let faultsReason: String?

    private var finished: [ThreadLedger] = []
    /// The oldest of those that finished, once there are too many.
    private var earlier = EarlierThreads()
    private let keptThreads: Int
    private var sawLaunched = false
    /// How many of those that finished were in an interval's report; nil: there was none yet.
    private var reported: Int?
    private var unreadable: UInt64 = 0
    private var unsound = 0
    /// Slots whose threads are gone although the kernel did not tell of their end.
    private var vanished: Set<UInt32> = []
    /// The highest slot that has been in use, as far as is known.
    private var highestSlot: UInt32 = 0
    /// What a system call costs before its first program reads the clock and after its last one has.
    private var boundary: UInt64 = 0

    /// Readable when threads have ended: time for ``collect()``.
    public var descriptor: Int32 { table.descriptor }

    /// Loads, attaches, and finds the threads of processes that run.
    ///
    /// - Throws: ``TracerError``, `noSuchProcess` if one of the processes has no thread.
    public static func start(_ options: Options) throws(TracerError) -> TimeTracer {
        var tracer: TimeTracer
        do throws(BPFError) { tracer = try attach(options) } catch { throw .bpf(error) }
        // A program that is yet to start can do so with few.
        do throws(BPFError) {
            try tracer.table.freeSlots(calls: options.target == .launched ? 8 : .max)
            // With what will be on all the time.
            if options.costTiming == .exact { tracer.switchTiming() }
            tracer.boundary = try tracer.measureBoundary()
            try tracer.timing.begin(tracer.table.object, runs: tracer.runs())
            if options.costTiming != .exact { tracer.switchTiming() }
        } catch {
            throw .bpf(error)
        }
        if let sampling = options.sampling { try tracer.sample(sampling) }
        do throws(BPFError) { try tracer.table.find(options.target) } catch { throw .bpf(error) }
        if case .processes(let pids) = options.target {
            let seen = try Set(tracer.living().map { tracer.read($0)?.pid ?? 0 })
            for pid in pids where !seen.contains(UInt32(pid)) { throw .noSuchProcess(pid) }
        }
        return tracer
    }

    private mutating func sample(_ options: Sampling.Options) throws(TracerError) {
        var clocks = Links()
        sampler = try Sampler(options, table.object, &clocks)
        self.clocks = clocks
    }

    private init(
        table: consuming ThreadTable, threads: consuming MappedArray<time_thread>, costTiming: CostTiming,
        keptThreads: Int, mapBytes: UInt64, faultsReason: String?
    ) {
        self.table = table
        self.threads = threads
        timing = RunTiming(costTiming)
        self.keptThreads = max(1, keptThreads)
        self.mapBytes = mapBytes
        self.faultsReason = faultsReason
    }

    private static func attach(_ options: Options) throws(BPFError) -> TimeTracer {
        let faultsReason = ThreadTable.faultsReason
        let object = try load(options, measuresFaults: faultsReason == nil)
        let threads = try MappedArray<time_thread>(object.map("threads"))
        let table = try ThreadTable.attach(object, called: ["fill", "sample"])
        let mapBytes = try table.memoryBytes()
        return TimeTracer(
            table: table, threads: threads, costTiming: options.costTiming, keptThreads: options.keptThreads,
            mapBytes: mapBytes, faultsReason: faultsReason)
    }

    private static func load(_ options: Options, measuresFaults: Bool) throws(BPFError) -> Object {
        // The array is static, so its bytes outlive the call.
        let object = try OpenObject(
            name: "time",
            bytes: UnsafeRawBufferPointer(start: apus_time_object.bytes, count: apus_time_object.size))
        _ = try ThreadTable.prepare(
            object, target: options.target, followsChildren: options.followsChildren, maxThreads: options.maxThreads,
            measuresFaults: measuresFaults)
        try object.set("syscall_classes", to: SyscallClasses.table)
        if let sampling = options.sampling {
            try object.set("sampling", to: true)
            try object.set(
                "jittered_interval_ns", to: sampling.isJittered ? UInt64(1e9 / Double(sampling.rate)) : 0)
        } else {
            try object.omit(program: "sample")
        }
        return try object.load()
    }

    /// Makes the rest of the room that ``Options/maxThreads`` asks for; to be called once a launched
    /// program runs.
    ///
    /// A kernel can fail to tell that the program was executed; by now it was, and it is looked for.
    public mutating func makeRoom() throws(TracerError) {
        do { try table.makeRoom() } catch { throw .bpf(error) }
    }

    /// Switches the timing of programs on or off, as ``Options/costTiming`` has it; to be called when
    /// ``nextTimingSwitch`` is due.
    public mutating func switchTiming() { timing.toggle() }

    /// Announces the PID of a launched program: its ledger begins when it executes. When that is over,
    /// another one can be launched.
    public mutating func expect(_ pid: Int32) throws(TracerError) {
        sawLaunched = false
        do { try table.expect(pid) } catch { throw .bpf(error) }
    }

    /// Takes in the threads that have ended, and makes room for new ones.
    ///
    /// - Returns: the slots that they had.
    @discardableResult
    public mutating func collect() throws(TracerError) -> [UInt32] {
        let slots = table.drain()
        for slot in slots {
            highestSlot = max(highestSlot, slot)
            // One that was taken for lost came after all; it is among those that finished.
            if vanished.remove(slot) == nil {
                if let thread = read(slot) { finish(thread) } else { unreadable += 1 }
            }
            threads.withValue(Int(slot)) { _ = memset($0, 0, MemoryLayout<time_thread>.size) }
            do { try table.free(slot) } catch { throw .bpf(error) }
        }
        return slots
    }

    private mutating func finish(_ thread: ThreadLedger) {
        if !thread.isSound { unsound += 1 }
        if thread.pid == table.launchedPID { sawLaunched = true }
        finished.append(thread)
        guard finished.count >= 2 * keptThreads else { return }
        // Not one that an interval's report is still to tell.
        let old = min(reported ?? keptThreads, keptThreads)
        finished.prefix(old).forEach { earlier.add($0) }
        finished.removeFirst(old)
        reported = reported.map { $0 - old }
    }

    /// True if any thread of the target lives.
    public borrowing func hasLivingThreads() throws(TracerError) -> Bool { try !living().isEmpty }

    /// True if any thread of this process lives, as far as its ledger goes.
    public borrowing func hasLivingThreads(of pid: Int32) throws(TracerError) -> Bool {
        try living().contains { read($0)?.pid == UInt32(pid) }
    }

    /// Everything so far: threads that ended, and those that live up to this moment, with the
    /// interval that is open charged to the state that they are in.
    ///
    /// - Parameter recent: leave out threads that were over at the last call that was recent.
    public mutating func report(recent: Bool = false) throws(TracerError) -> TimeReport {
        let begin = Clock.monotonic
        let alive = try living()
        // Before what has ended is collected: those that end meanwhile are among it.
        let open = unlistedSlots(alive: Set(alive), before: begin)
        let collected = Set(try collect())
        takeVanished(open)
        var all = recent ? Array(finished[(reported ?? 0)...]) : finished
        let sums = recent && reported != nil ? EarlierThreads() : earlier
        if recent { reported = finished.count }
        let over = Set(all.lazy.map { SeenThread(tid: $0.tid, first: $0.first) })
        for slot in alive {
            guard let thread = read(slot) else {
                if !collected.contains(slot) { unreadable += 1 }
                continue
            }
            // It ended, and was collected, since the kernel listed it.
            if !over.contains(SeenThread(tid: thread.tid, first: thread.first)) { all.append(thread) }
        }
        return TimeReport(
            threads: all, earlier: sums, measuresFaults: faultsReason == nil, faultsReason: faultsReason,
            // After the ledgers, so that it has all of theirs.
            boundary: boundary, sampling: try samplesTaken(), completeness: try completeness(threads: all),
            observer: try cost())
    }

    private borrowing func samplesTaken() throws(TracerError) -> Sampling? {
        do throws(BPFError) { return try sampler?.read(table.object) } catch { throw .bpf(error) }
    }

    /// The slots of ledgers that are open, and stay so, although the kernel does not list their threads.
    private mutating func unlistedSlots(alive: Set<UInt32>, before begin: UInt64) -> [Int] {
        highestSlot = max(highestSlot, alive.max() ?? 0)
        guard highestSlot > 0 else { return [] }
        return ThreadTable.stillOpen((1...Int(highestSlot)).lazy.filter { !alive.contains(UInt32($0)) }) { slot in
            threads.withValue(slot) { $0.pointee.life == THREAD_ALIVE.rawValue && $0.pointee.first_ns < begin }
        }
    }

    /// Ledgers that are open although their threads are gone: the kernel did not tell of their end.
    /// They are closed at their last event, and counted.
    private mutating func takeVanished(_ open: [Int]) {
        for slot in open {
            threads.withValue(slot) { $0.pointee.life = THREAD_ENDED.rawValue }
            if let thread = read(UInt32(slot)) { finish(thread) }
            vanished.insert(UInt32(slot))
        }
    }

    private struct SeenThread: Hashable {
        let tid: UInt32
        let first: UInt64
    }

    /// The slots of threads that live, after the kernel has brought their counts up to date.
    private borrowing func living() throws(TracerError) -> [UInt32] {
        do { return try table.living() } catch { throw .bpf(error) }
    }

    /// A ledger as it is now; nil for a slot that is free, or that changed at each of many tries.
    private borrowing func read(_ slot: UInt32) -> ThreadLedger? {
        guard slot > 0, Int(slot) < threads.count else { return nil }
        return withUnsafeTemporaryAllocation(of: time_thread.self, capacity: 1) { scratch in
            guard let copy = scratch.baseAddress else { return nil }
            for _ in 0..<1000 where threads.withValue(Int(slot), { ThreadLedger.copy($0, to: copy) }) {
                return ThreadLedger(copy, now: Clock.monotonic, boundary: boundary)
            }
            return nil
        }
    }

    private borrowing func completeness(threads all: [ThreadLedger]) throws(TracerError) -> Completeness {
        var completeness = Completeness()
        do throws(BPFError) {
            let untracked = try table.object.value(of: "untracked_threads", as: UInt64.self)
            if untracked > 0 {
                let what = counted(untracked, "thread")
                completeness.reasons.append(
                    UInt64(all.count) + untracked < UInt64(threads.count - 1)
                        ? "the kernel did not let \(what) be noted (its storage was in use)"
                        : "\(what) found no free ledger (room for \(threads.count - 1): see --max-threads)")
            }
            if unreadable > 0 { completeness.reasons.append("\(unreadable) ledgers could not be read") }
            if !vanished.isEmpty {
                completeness.reasons.append(
                    "the kernel did not tell of the end of \(counted(vanished.count, "thread"))")
            }
            let wrong = unsound + all.count { $0.isAlive && !$0.isSound }
            if wrong > 0 {
                completeness.reasons.append(
                    "a state of \(counted(wrong, "thread")) is longer than \(wrong == 1 ? "its" : "their") life")
            }
            if let launchedPID = table.launchedPID, !sawLaunched,
                !all.contains(where: { $0.pid == launchedPID })
            {
                completeness.reasons.append(
                    "the kernel did not tell that the program was executed: it was not observed")
            }
            if table.foundLaunchedLate {
                completeness.reasons.append(
                    "the kernel did not tell of the program's execution: its first moments were not observed")
            }
            let missed = try table.object.value(of: "missed_switches", as: UInt64.self)
            if missed > 0 {
                completeness.reasons.append(
                    "the kernel did not tell of \(counted(missed, "switch", "switches")): "
                        + "\(missed == 1 ? "its" : "their") time is unattributed"
                )
            }
            let unwoken = try table.object.value(of: "missed_wakeups", as: UInt64.self)
            if unwoken > 0 {
                completeness.reasons.append(
                    "the kernel did not tell of \(unwoken) \(unwoken == 1 ? "wakeup" : "wakeups"): "
                        + "the wait for a CPU is in the one before it")
            }
            completeness.lostEvents =
                untracked + unreadable + missed + unwoken + UInt64(vanished.count) + (table.foundLaunchedLate ? 1 : 0)
            completeness.takeSkippedRuns(try table.object.statistics())
        } catch {
            throw .bpf(error)
        }
        return completeness
    }

    private borrowing func runs() throws(BPFError) -> UInt64 {
        try table.object.values(of: "cpus", as: time_cpu.self).reduce(0) { $0 + $1.runs }
    }

    private borrowing func cost() throws(TracerError) -> ObserverCost {
        do throws(BPFError) {
            return try timing.cost(of: table.object, runs: runs(), mapBytes: mapBytes)
        } catch {
            throw .bpf(error)
        }
    }
}
