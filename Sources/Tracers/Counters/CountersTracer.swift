// SPDX-License-Identifier: Apache-2.0
import BPF
import BPFObjects
import CEvents
import Glibc
import Linux

/// The counters of `apus counters`: one set for each CPU, charged by the programs of
/// `bpf/counters.bpf.c` to the threads of the target.
///
/// ```swift
/// var tracer = try CountersTracer.start(.init(target: .processes([812]), events: CounterEvent.parse(["cycles"])))
/// sleep(1)
/// print(try tracer.report().total.events[0].total)
/// ```
public struct CountersTracer: ~Copyable {
    /// What is counted, of whom.
    public struct Options: Sendable {
        /// Whose threads are charged.
        public var target: Target
        /// What is counted: see ``CounterEvent/parse(_:)``.
        public var events: [CounterEvent]
        /// Observe the children that the target's processes make, too.
        public var followsChildren = true
        /// Threads that can live at once, or have ended and not been read yet. Each takes 192 bytes of
        /// kernel memory, and 48 for each event.
        public var maxThreads = 12_288
        /// Threads that ended of which each is kept, at least; of older ones, their sum.
        public var keptThreads = 16_384
        /// Which runs of the programs the kernel times.
        public var costTiming = CostTiming.sampled

        /// - Parameter events: what is counted; none: CPU time alone.
        public init(target: Target, events: [CounterEvent]) {
            self.target = target
            self.events = events
        }
    }

    private var table: ThreadTable
    private let counters: CounterSet
    private let threads: MappedArray<counters_thread>
    private let sums: MappedArray<counters_event>
    private let events: [CounterEvent]
    private let mapBytes: UInt64
    private let inUserColumn: [String]
    private var timing: RunTiming
    /// CLOCK_MONOTONIC, nanoseconds: when timing is to be switched on or off; nil: never.
    public var nextTimingSwitch: UInt64? { timing.nextSwitch }

    private var finished: [ThreadCounts] = []
    /// The oldest of those that finished, once there are too many.
    private var earlier: (threads: Int, counts: Counts)
    private let keptThreads: Int
    private var span: (first: UInt64, end: UInt64) = (.max, 0)
    private var sawLaunched = false
    /// Slots whose threads are gone although the kernel did not tell of their end.
    private var vanished: Set<UInt32> = []
    /// The highest slot that has been in use, as far as is known.
    private var highestSlot: UInt32 = 0

    /// Readable when threads have ended: time for ``collect()``.
    public var descriptor: Int32 { table.descriptor }

    /// Opens the counters, loads, attaches, and finds the threads of processes that run.
    ///
    /// - Throws: ``TracerError``, `noSuchProcess` if one of the processes has no thread.
    public static func start(_ options: Options) throws(TracerError) -> CountersTracer {
        let counters = try CounterSet.open(options.events)
        var tracer: CountersTracer
        do throws(BPFError) { tracer = try attach(options, counters) } catch { throw .bpf(error) }
        do throws(BPFError) {
            // A program that is yet to start can do so with few.
            try tracer.table.freeSlots(calls: options.target == .launched ? 8 : .max)
            tracer.switchTiming()
            try tracer.table.find(options.target)
            if options.target != .launched { try tracer.flush() }
        } catch {
            throw .bpf(error)
        }
        if case .processes(let pids) = options.target {
            let seen = try Set(tracer.living().map { tracer.read($0)?.pid ?? 0 })
            for pid in pids where !seen.contains(UInt32(pid)) { throw .noSuchProcess(pid) }
        }
        return tracer
    }

    private init(
        table: consuming ThreadTable, counters: consuming CounterSet, threads: consuming MappedArray<counters_thread>,
        sums: consuming MappedArray<counters_event>, options: Options, mapBytes: UInt64, inUserColumn: [String]
    ) {
        self.table = table
        self.counters = counters
        self.threads = threads
        self.sums = sums
        self.mapBytes = mapBytes
        self.inUserColumn = inUserColumn
        events = options.events
        earlier = (0, Counts(events: options.events.count))
        timing = RunTiming(options.costTiming)
        keptThreads = max(1, options.keptThreads)
    }

    private static func attach(
        _ options: Options, _ counters: consuming CounterSet
    ) throws(BPFError) -> CountersTracer {
        let changesMode = options.events.contains(where: \.needsModeChanges)
        let faultsReason = changesMode ? ThreadTable.faultsReason : nil
        let missing = changesMode ? ThreadTable.interrupts.filter { !Feature.hasTracepoint("\($0)_entry") } : []
        let object = try load(
            options, counters, changesMode: changesMode, measuresFaults: changesMode && faultsReason == nil)
        let threads = try MappedArray<counters_thread>(object.map("threads"))
        let sums = try MappedArray<counters_event>(object.map("sums"))
        try counters.fill(object.map("counters"))
        let table = try ThreadTable.attach(object, called: ["fill", "flush"])
        let mapBytes = try table.memoryBytes(andOf: ["sums", "counters", "bases"])
        return CountersTracer(
            table: table, counters: counters, threads: threads, sums: sums, options: options, mapBytes: mapBytes,
            inUserColumn: (faultsReason.map { ["page faults (\($0))"] } ?? [])
                + (missing.isEmpty ? [] : ["interrupts without a tracepoint here (\(missing.joined(separator: ", ")))"])
        )
    }

    private static func load(
        _ options: Options, _ counters: borrowing CounterSet, changesMode: Bool, measuresFaults: Bool
    ) throws(BPFError) -> Object {
        // The array is static, so its bytes outlive the call.
        let object = try OpenObject(
            name: "counters",
            bytes: UnsafeRawBufferPointer(start: apus_counters_object.bytes, count: apus_counters_object.size))
        let slots = try ThreadTable.prepare(
            object, target: options.target, followsChildren: options.followsChildren, maxThreads: options.maxThreads,
            measuresFaults: measuresFaults)
        try object.setCapacity(of: "sums", to: slots * max(1, options.events.count))
        try object.setCapacity(of: "counters", to: counters.capacity)
        try object.set("reads", to: counters.reads)
        try object.set("read_count", to: UInt32(counters.reads.count))
        try object.set("mode_read_count", to: UInt32(counters.byMode))
        try object.set("event_count", to: UInt32(max(1, options.events.count)))
        try object.set("cpu_count", to: UInt32(counters.stride))
        if !changesMode {
            // Nothing that is counted differs between user and kernel but in the kernel's own counters.
            for program in ["sys_enter", "sys_exit"] { try object.omit(program: program) }
            for interrupt in ThreadTable.interrupts + ["softirq"] {
                try object.omit(program: "\(interrupt)_entry")
                try object.omit(program: "\(interrupt)_exit")
            }
        }
        return try object.load()
    }

    /// Makes the rest of the room that ``Options/maxThreads`` asks for; to be called once a launched
    /// program runs.
    public mutating func makeRoom() throws(TracerError) {
        do { try table.makeRoom() } catch { throw .bpf(error) }
    }

    /// Switches the timing of programs on or off, as ``Options/costTiming`` has it; to be called when
    /// ``nextTimingSwitch`` is due.
    public mutating func switchTiming() { timing.toggle() }

    /// Announces the PID of a launched program: counting begins when it executes.
    public mutating func expect(_ pid: Int32) throws(TracerError) {
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
            if vanished.remove(slot) == nil, let thread = read(slot) { finish(thread) }
            clear(slot)
            do { try table.free(slot) } catch { throw .bpf(error) }
        }
        return slots
    }

    private borrowing func clear(_ slot: UInt32) {
        for event in events.indices {
            sums.withValue(Int(slot) * events.count + event) { _ = memset($0, 0, MemoryLayout<counters_event>.size) }
        }
        threads.withValue(Int(slot)) { _ = memset($0, 0, MemoryLayout<counters_thread>.size) }
    }

    private mutating func finish(_ thread: ThreadCounts) {
        if thread.pid == table.launchedPID { sawLaunched = true }
        finished.append(thread)
        span = (min(span.first, thread.first), max(span.end, thread.end))
        guard finished.count >= 2 * keptThreads else { return }
        earlier.counts = finished.prefix(keptThreads).reduce(earlier.counts) { $0 + $1.counts }
        earlier.threads += keptThreads
        finished.removeFirst(keptThreads)
    }

    /// True if any thread of this process lives, as far as is known.
    public borrowing func hasLivingThreads(of pid: Int32) throws(TracerError) -> Bool {
        try living().contains { read($0)?.pid == UInt32(pid) }
    }

    /// Everything so far: threads that ended, and those that live up to this moment.
    public mutating func report() throws(TracerError) -> CountersReport {
        let begin = Clock.monotonic
        do { try flush() } catch { throw .bpf(error) }
        // Up to here those are charged that run on.
        let flushed = Clock.monotonic
        let alive = try living()
        // Before what has ended is collected: those that end meanwhile are among it.
        let open = unlistedSlots(alive: Set(alive), before: begin)
        let collected = Set(try collect())
        takeVanished(open, at: begin)
        var all = finished
        var (first, end) = span
        for slot in alive where !collected.contains(slot) {
            // One that has ended meanwhile, too: it is told as ended now, and collected once.
            guard let thread = read(slot, at: flushed) else { continue }
            all.append(thread)
            (first, end) = (min(first, thread.first), max(end, thread.end))
        }
        return CountersReport(
            events: events, unsupported: counters.unsupported, elapsed: end > first ? end - first : 0, threads: all,
            earlier: earlier, inUserColumn: inUserColumn, completeness: try completeness(threads: all),
            observer: try cost())
    }

    /// Has each CPU charge the thread that it runs; to one that computes nothing else may happen for long.
    private borrowing func flush() throws(BPFError) {
        for cpu in CPUs.online {
            // 1: the call struck a program that charges; it is over in a microsecond.
            for _ in 0..<1000 {
                do throws(BPFError) {
                    guard try table.object.call("flush", onCPU: cpu) == 1 else { break }
                } catch {
                    // The CPU was taken off meanwhile.
                    guard error.errno == ENXIO else { throw error }
                    break
                }
            }
        }
    }

    /// Accounts that are open although their threads are gone: the kernel did not tell of their end.
    private mutating func takeVanished(_ open: [Int], at end: UInt64) {
        for slot in open {
            threads.withValue(slot) {
                $0.pointee.end_ns = end
                $0.pointee.life = THREAD_ENDED.rawValue
            }
            if let thread = read(UInt32(slot)) { finish(thread) }
            vanished.insert(UInt32(slot))
        }
    }

    /// The slots of accounts that are open, and stay so, although the kernel does not list their threads.
    private mutating func unlistedSlots(alive: Set<UInt32>, before begin: UInt64) -> [Int] {
        highestSlot = max(highestSlot, alive.max() ?? 0)
        guard highestSlot > 0 else { return [] }
        return ThreadTable.stillOpen((1...Int(highestSlot)).lazy.filter { !alive.contains(UInt32($0)) }) { slot in
            threads.withValue(slot) { $0.pointee.life == THREAD_ALIVE.rawValue && $0.pointee.first_ns < begin }
        }
    }

    private borrowing func living() throws(TracerError) -> [UInt32] {
        do { return try table.living() } catch { throw .bpf(error) }
    }

    /// An account as it is now; nil for a slot that is free.
    ///
    /// Each word of it is whole. That some are a charge ahead of others while the thread runs moves
    /// what was counted in that moment into the next report.
    ///
    /// - Parameter now: the end of one that lives.
    private borrowing func read(_ slot: UInt32, at now: UInt64 = Clock.monotonic) -> ThreadCounts? {
        guard slot > 0, Int(slot) < threads.count else { return nil }
        let thread = threads.withValue(Int(slot)) { $0.pointee }
        guard thread.life != THREAD_FREE.rawValue else { return nil }
        let isAlive = thread.life == THREAD_ALIVE.rawValue
        var counts = Counts(events: events.count)
        (counts.userTime, counts.kernelTime) = thread.ns
        for (index, event) in events.enumerated() {
            let sum = sums.withValue(Int(slot) * events.count + index) { $0.pointee }
            counts.events[index] = EventCount(event, sum: sum, thread: thread)
        }
        return ThreadCounts(
            pid: thread.pid, tid: thread.tid, parentPID: thread.parent_pid,
            command: withUnsafeBytes(of: thread.command) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) },
            processStart: thread.process_start_ns, first: thread.first_ns,
            end: isAlive ? max(now, thread.first_ns) : thread.end_ns, isAlive: isAlive, counts: counts)
    }

    private borrowing func completeness(threads all: [ThreadCounts]) throws(TracerError) -> Completeness {
        var completeness = Completeness()
        do throws(BPFError) {
            let untracked = try table.object.value(of: "untracked_threads", as: UInt64.self)
            if untracked > 0 {
                completeness.reasons.append(
                    "\(untracked) threads found no room (there is for \(threads.count - 1): see --max-threads)")
            }
            if !vanished.isEmpty {
                completeness.reasons.append("the kernel did not tell of the end of \(vanished.count) threads")
            }
            if table.foundLaunchedLate {
                completeness.reasons.append(
                    "the kernel did not tell of the program's execution: its first moments were not counted")
            } else if let pid = table.launchedPID, !sawLaunched, !all.contains(where: { $0.pid == pid }) {
                completeness.reasons.append(
                    "the kernel did not tell that the program was executed: it was not counted")
            }
            let missed = try table.object.value(of: "missed_switches", as: UInt64.self)
            if missed > 0 {
                completeness.reasons.append(
                    "the kernel did not tell of \(missed) \(missed == 1 ? "switch" : "switches"): "
                        + "what was counted until the next is lost")
            }
            completeness.lostEvents =
                untracked + missed + UInt64(vanished.count) + (table.foundLaunchedLate ? 1 : 0)
            completeness.takeSkippedRuns(try table.object.statistics())
        } catch {
            throw .bpf(error)
        }
        return completeness
    }

    private borrowing func cost() throws(TracerError) -> ObserverCost {
        do throws(BPFError) {
            let runs = try table.object.values(of: "cpus", as: counters_cpu.self).reduce(0) { $0 + $1.runs }
            return try timing.cost(of: table.object, runs: runs, mapBytes: mapBytes)
        } catch {
            throw .bpf(error)
        }
    }
}

extension EventCount {
    /// From a thread's account, and its row of the event.
    fileprivate init(_ event: CounterEvent, sum: counters_event, thread: counters_thread) {
        let (userTime, kernelTime) = thread.ns
        switch event.source {
        case .clock:
            user = Count(counted: userTime, enabled: userTime, running: userTime)
            kernel = Count(counted: kernelTime, enabled: kernelTime, running: kernelTime)
        case .switches:
            // A switch is made in the kernel.
            let switches = thread.switches_at_last &- thread.switches_at_first
            user = Count(counted: 0, enabled: userTime, running: userTime)
            kernel = Count(counted: switches, enabled: kernelTime, running: kernelTime)
        case .software, .counter:
            user = Count(sum.in.0)
            kernel = Count(sum.in.1)
            // The two counters of a software event are open at the same time, which is not to be told twice.
            if case .software = event.source, event.modes.count == 2 {
                (kernel.enabled, kernel.running) = (0, 0)
            }
        }
        if !event.modes.contains(.user) { user = Count() }
        if !event.modes.contains(.kernel) { kernel = Count() }
    }
}

extension Count {
    fileprivate init(_ sum: counters_sum) {
        self.init(counted: sum.count, enabled: sum.enabled_ns, running: sum.running_ns)
    }
}
