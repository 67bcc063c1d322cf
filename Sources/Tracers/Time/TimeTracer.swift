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
    /// What is observed.
    public enum Target: Sendable, Equatable {
        /// A program that is yet to execute: see ``TimeTracer/expect(_:)``.
        case launched
        /// Processes that run, all their threads.
        case processes([Int32])
        /// Every thread of the machine.
        case everything
    }

    public struct Options: Sendable {
        public var target: Target
        /// Observe the children that the target's processes make, too.
        public var followsChildren = true
        /// Threads that can live at once, or have ended and not been read yet. Each takes 1.2 KB of
        /// kernel memory.
        public var maxThreads = 16_384
        /// Which runs of the programs the kernel times.
        public var costTiming = CostTiming.sampled

        public init(target: Target) { self.target = target }
    }

    /// The kernel's timing of a program costs each run two readings of the clock, about as much as a
    /// small program itself.
    public enum CostTiming: String, Sendable, CaseIterable {
        /// The first 10 ms, and 10 ms of each second.
        case sampled
        /// Every run.
        case exact
        /// None.
        case none
    }

    private let object: Object
    // Before the object in nothing but order of release: links keep their programs by themselves.
    private let links: Links
    private let visitor: Link
    private let threads: MappedArray<time_thread>
    private let freeSlots: Map
    private let ended: RingBuffer
    private let costTiming: CostTiming
    private var statistics: StatisticsSwitch?
    private var untimedReason: String?
    /// CLOCK_MONOTONIC, nanoseconds: when timing is to be switched on or off; nil: never.
    public private(set) var nextTimingSwitch: UInt64?
    private let mapBytes: UInt64
    /// Why page faults are not measured; nil: they are.
    private let faultsReason: String?

    private var finished: [ThreadLedger] = []
    private var unreadable: UInt64 = 0
    private var vanished = 0
    private var freedSlots: UInt32 = 0
    private var launchedPID: UInt32?

    /// Readable when threads have ended: time for ``collect()``.
    public var descriptor: Int32 { ended.descriptor }

    /// How many threads have been seen so far that have ended.
    public var endedThreads: Int { finished.count }

    /// Loads, attaches, and finds the threads of processes that run.
    ///
    /// - Throws: ``TracerError``, `noSuchProcess` if one of the processes has no thread.
    public static func start(_ options: Options) throws(TracerError) -> TimeTracer {
        var tracer: TimeTracer
        do throws(BPFError) { tracer = try attach(options) } catch { throw .bpf(error) }
        tracer.switchTiming()
        // A program that is yet to start can do so with few: filling the stack takes 10 ms.
        try tracer.free(upTo: options.target == .launched ? 1024 : UInt32.max)
        try tracer.find(options.target)
        return tracer
    }

    private init(
        object: consuming Object, links: consuming Links, visitor: consuming Link,
        threads: consuming MappedArray<time_thread>, freeSlots: consuming Map, ended: consuming RingBuffer,
        costTiming: CostTiming, mapBytes: UInt64, faultsReason: String?
    ) {
        self.object = object
        self.links = links
        self.visitor = visitor
        self.threads = threads
        self.freeSlots = freeSlots
        self.ended = ended
        self.costTiming = costTiming
        self.mapBytes = mapBytes
        self.faultsReason = faultsReason
    }

    private static func attach(_ options: Options) throws(BPFError) -> TimeTracer {
        let faultsReason = Feature.fentry.trial().map { error in
            error.code == .notPermitted ? "fentry is not permitted on this kernel" : "this kernel has no fentry"
        }
        let object = try load(options, measuresFaults: faultsReason == nil)
        let threads = try MappedArray<time_thread>(object.map("threads"))
        let freeSlots = try object.map("free_slots")
        let ended = try RingBuffer(object.map("ended"))
        var mapBytes: UInt64 = 0
        for name in ["threads", "free_slots", "ended"] { mapBytes += try object.map(name).memoryBytes }

        let visitor = try object.attach("visit")
        var links = Links()
        for program in object.programs where program != "visit" { try links.attach(program, of: object) }
        return TimeTracer(
            object: object, links: links, visitor: visitor, threads: threads, freeSlots: freeSlots, ended: ended,
            costTiming: options.costTiming, mapBytes: mapBytes, faultsReason: faultsReason)
    }

    private static func load(_ options: Options, measuresFaults: Bool) throws(BPFError) -> Object {
        // The array is static, so its bytes outlive the call.
        let object = try OpenObject(
            name: "time",
            bytes: UnsafeRawBufferPointer(start: apus_time_object.bytes, count: apus_time_object.size))
        let tasks = options.target == .everything ? 2 * (Procfs.taskCount ?? 0) : 0
        let slots = max(options.maxThreads, tasks) + 1
        try object.set("everything", to: options.target == .everything)
        try object.set("follow", to: options.followsChildren)
        try object.set("syscall_classes", to: SyscallClasses.table)
        if let namespace = Procfs.pidNamespace { try object.set("observer_pid_namespace", to: namespace) }
        try object.setCapacity(of: "threads", to: slots)
        try object.setCapacity(of: "free_slots", to: slots)
        // 8 bytes of header and 8 of record for each slot; a power of two.
        var ring = Int(getpagesize())
        while ring < 16 * slots { ring *= 2 }
        try object.setCapacity(of: "ended", to: ring)
        try object.set("wakeup_bytes", to: UInt64(4 * slots))

        let hasTaskStorage = Feature.taskStorage.isAvailable
        try object.set("task_storage", to: hasTaskStorage)
        if hasTaskStorage {
            try object.setCapacity(of: "slot_of_tid", to: 1)
        } else {
            try object.omit(map: "slot_of_task")
            try object.setCapacity(of: "slot_of_tid", to: slots)
        }
        try object.set("registers_helper", to: Feature.taskRegisters.isAvailable)
        if !measuresFaults {
            try object.omit(program: "fault_enter")
            try object.omit(program: "fault_exit")
        }
        for interrupt in interrupts where !Feature.hasTracepoint("\(interrupt)_entry") {
            try object.omit(program: "\(interrupt)_entry")
            try object.omit(program: "\(interrupt)_exit")
        }
        Feature.releaseKernelTypes()
        return try object.load()
    }

    /// Tracepoints that a kernel can be built without.
    private static let interrupts = [
        "irq_handler", "local_timer", "reschedule", "call_function", "call_function_single", "irq_work",
    ]

    /// Gives ledgers to threads that run already.
    private borrowing func find(_ target: Target) throws(TracerError) {
        do throws(BPFError) {
            if case .processes(let pids) = target {
                let targets = try object.map("targets")
                for pid in pids { try targets.set(UInt32(pid), to: UInt8(1)) }
            }
            if target != .launched {
                // A thread can be born behind the iterator's back by one that it has not seen yet.
                var before: UInt64
                repeat {
                    before = try object.value(of: "found_threads", as: UInt64.self)
                    try visitor.iterate()
                } while try object.value(of: "found_threads", as: UInt64.self) > before
            }
            try object.set("found", to: true)
        } catch {
            throw .bpf(error)
        }
        if case .processes(let pids) = target {
            let seen = try Set(living().map { read($0)?.pid ?? 0 })
            for pid in pids where !seen.contains(UInt32(pid)) { throw .noSuchProcess(pid) }
        }
    }

    /// Puts further slots on the stack of free ones, up to a number. Slot 0 means "none".
    private mutating func free(upTo limit: UInt32) throws(TracerError) {
        while freedSlots < min(limit, UInt32(threads.count - 1)) {
            freedSlots += 1
            do { try freeSlots.push(freedSlots) } catch { throw .bpf(error) }
        }
    }

    /// Makes the rest of the room that ``Options/maxThreads`` asks for; to be called once a launched
    /// program runs.
    public mutating func makeRoom() throws(TracerError) { try free(upTo: UInt32.max) }

    /// Switches the timing of programs on or off, as ``Options/costTiming`` has it; to be called when
    /// ``nextTimingSwitch`` is due.
    public mutating func switchTiming() {
        nextTimingSwitch = nil
        guard costTiming != .none else { return untimedReason = "not asked for" }
        let wasOn = statistics != nil
        statistics = nil
        if !wasOn {
            do throws(BPFError) {
                statistics = try StatisticsSwitch()
            } catch {
                return untimedReason = "timing BPF programs needs CAP_SYS_ADMIN"
            }
        }
        if costTiming == .sampled { nextTimingSwitch = Clock.monotonic + (wasOn ? 990_000_000 : 10_000_000) }
    }

    /// Announces the PID of a launched program: its ledger begins when it executes.
    public mutating func expect(_ pid: Int32) throws(TracerError) {
        launchedPID = UInt32(pid)
        do { try object.set("launched_pid", to: UInt32(pid)) } catch { throw .bpf(error) }
    }

    /// Takes in the threads that have ended, and makes room for new ones.
    public mutating func collect() throws(TracerError) {
        var slots: [UInt32] = []
        ended.drain { slots.append($0.unsafeLoad(as: UInt32.self)) }
        for slot in slots {
            if let thread = read(slot) { finished.append(thread) } else { unreadable += 1 }
            threads.withValue(Int(slot)) { _ = memset($0, 0, MemoryLayout<time_thread>.size) }
            do { try freeSlots.push(slot) } catch { throw .bpf(error) }
        }
    }

    /// True if any thread of the target lives.
    public borrowing func hasLivingThreads() throws(TracerError) -> Bool { try !living().isEmpty }

    /// True if any thread of this process lives, as far as its ledger goes.
    public borrowing func hasLivingThreads(of pid: Int32) throws(TracerError) -> Bool {
        try living().contains { read($0)?.pid == UInt32(pid) }
    }

    /// Everything so far: threads that ended, and those that live up to this moment, with the
    /// interval that is open charged to the state that they are in.
    public mutating func report() throws(TracerError) -> TimeReport {
        let begin = Clock.monotonic
        let alive = try living()
        try collect()
        let lost = takeVanished(alive: Set(alive), before: begin)
        var all = finished
        let over = Set(finished.lazy.map { SeenThread(tid: $0.tid, first: $0.first) })
        for slot in alive {
            guard let thread = read(slot) else {
                unreadable += 1
                continue
            }
            // It ended, and was collected, since the kernel listed it.
            if !over.contains(SeenThread(tid: thread.tid, first: thread.first)) { all.append(thread) }
        }
        return TimeReport(
            threads: all, measuresFaults: faultsReason == nil, faultsReason: faultsReason,
            completeness: try completeness(vanished: lost, threads: all), observer: try cost())
    }

    /// Ledgers that are open although their threads are gone: the kernel did not tell of their end.
    /// They are closed at their last event, and counted.
    private mutating func takeVanished(alive: Set<UInt32>, before begin: UInt64) -> Int {
        for slot in 1..<freedSlots + 1 where !alive.contains(slot) {
            let isOpen = threads.withValue(Int(slot)) {
                $0.pointee.life == TIME_ALIVE.rawValue && $0.pointee.first_ns < begin
            }
            guard isOpen else { continue }
            threads.withValue(Int(slot)) { $0.pointee.life = TIME_ENDED.rawValue }
            if let thread = read(slot) { finished.append(thread) }
            vanished += 1
        }
        return vanished
    }

    private struct SeenThread: Hashable {
        let tid: UInt32
        let first: UInt64
    }

    /// The slots of threads that live, after the kernel has brought their counts up to date.
    private borrowing func living() throws(TracerError) -> [UInt32] {
        do {
            return try visitor.iterate().withUnsafeBytes { bytes in
                stride(from: 0, to: bytes.count - 3, by: 4).map {
                    bytes.loadUnaligned(fromByteOffset: $0, as: UInt32.self)
                }
            }
        } catch {
            throw .bpf(error)
        }
    }

    /// A ledger as it is now; nil for a slot that is free, or that changed at each of many tries.
    private borrowing func read(_ slot: UInt32) -> ThreadLedger? {
        guard slot > 0, Int(slot) < threads.count else { return nil }
        return withUnsafeTemporaryAllocation(of: time_thread.self, capacity: 1) { scratch in
            guard let copy = scratch.baseAddress else { return nil }
            for _ in 0..<1000 where threads.withValue(Int(slot), { ThreadLedger.copy($0, to: copy) }) {
                return ThreadLedger(copy, now: Clock.monotonic)
            }
            return nil
        }
    }

    private borrowing func completeness(vanished: Int, threads all: [ThreadLedger]) throws(TracerError) -> Completeness
    {
        var completeness = Completeness()
        do throws(BPFError) {
            let untracked = try object.value(of: "untracked_threads", as: UInt64.self)
            if untracked > 0 {
                completeness.reasons.append(
                    "\(untracked) threads found no free ledger (room for \(threads.count - 1): see --max-threads)")
            }
            if unreadable > 0 { completeness.reasons.append("\(unreadable) ledgers could not be read") }
            if vanished > 0 { completeness.reasons.append("the kernel did not tell of the end of \(vanished) threads") }
            if let launchedPID, !all.contains(where: { $0.pid == launchedPID }) {
                completeness.reasons.append(
                    "the kernel did not tell that the program was executed: it was not observed")
            }
            let missed = try object.value(of: "missed_switches", as: UInt64.self)
            if missed > 0 {
                completeness.reasons.append(
                    "the kernel did not tell of \(missed) \(missed == 1 ? "switch" : "switches"): their time is unattributed"
                )
            }
            completeness.lostEvents = untracked + unreadable + missed + UInt64(vanished)
            let skipped = try object.statistics().filter { $0.missedRuns > 0 }
            completeness.missedRuns = skipped.reduce(0) { $0 + $1.missedRuns }
            if !skipped.isEmpty {
                completeness.reasons.append(
                    "the kernel skipped runs of "
                        + skipped.map { "\($0.program) (\($0.missedRuns))" }.joined(separator: ", "))
            }
        } catch {
            throw .bpf(error)
        }
        return completeness
    }

    private borrowing func cost() throws(TracerError) -> ObserverCost {
        var cost = ObserverCost()
        var usage = rusage()
        getrusage(__rusage_who_t(RUSAGE_SELF.rawValue), &usage)
        cost.maxResidentBytes = UInt64(usage.ru_maxrss) * 1024
        cost.cpuNanoseconds = Clock.processCPU
        cost.mapBytes = mapBytes
        cost.untimedReason = untimedReason
        let all: [ProgramStatistics]
        do throws(BPFError) {
            all = try object.statistics()
            cost.runCount = try object.values(of: "runs", as: UInt64.self).reduce(0, +)
        } catch {
            throw .bpf(error)
        }
        let timed = all.reduce(into: (runs: UInt64(0), ns: UInt64(0))) {
            $0 = ($0.runs + $1.runCount, $0.ns + $1.runNanoseconds)
        }
        cost.timedRuns = costTiming == .exact ? max(timed.runs, cost.runCount) : min(timed.runs, cost.runCount)
        if timed.runs > 0 {
            cost.runNanoseconds =
                costTiming == .exact
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
