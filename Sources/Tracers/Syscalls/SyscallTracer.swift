// SPDX-License-Identifier: Apache-2.0
public import BPF
public import CEvents
import Glibc
import Linux

/// The tracer of `apus syscalls`: loads and attaches the programs of `bpf/syscalls.bpf.c`, and gives a
/// record for each call, or their sums.
///
/// ```swift
/// var tracer = try SyscallTracer.start(.init(target: .processes([812])))
/// while waitReadable([tracer.descriptor], timeout: 20)[0] || true {
///     try tracer.collect { record in print(record.header.number, record.header.result) }
/// }
/// ```
public struct SyscallTracer: ~Copyable {
    private let object: Object
    // Nil once detached.
    private var calls: Links?
    private let others: Links
    private let visitor: Link
    @usableFromInline let events: RingBuffer
    private let stops: Map
    @usableFromInline let options: Options
    private let mapBytes: UInt64
    private var stopGuard: StopGuard?

    /// Records of calls that have been given so far.
    public private(set) var arrivedCalls: UInt64 = 0
    /// What ``Options/isLossless`` did to the target so far.
    public private(set) var flowControl = FlowControl()

    /// Readable when a good part of the buffer is full. ``collect(_:)`` is to be called every 20 ms or so
    /// as well, for records are written without a wakeup.
    public var descriptor: Int32 { events.descriptor }
    /// The ring buffer of the records, for a reader in another process.
    public var ringDescriptor: Int32 { events.mapDescriptor }

    /// Loads, attaches, and finds the threads of processes that run.
    ///
    /// - Throws: ``TracerError``, `noSuchProcess` if one of the processes has no thread.
    public static func start(_ options: Options) throws(TracerError) -> SyscallTracer {
        var tracer: SyscallTracer
        do throws(BPFError) { tracer = try attach(options) } catch { throw .bpf(error) }
        if options.isLossless {
            do { tracer.stopGuard = try StopGuard(stops: tracer.stops.descriptor) } catch { throw .system(error) }
        }
        try tracer.find()
        return tracer
    }

    private init(
        object: consuming Object, calls: consuming Links, others: consuming Links, visitor: consuming Link,
        events: consuming RingBuffer, stops: consuming Map, options: Options, mapBytes: UInt64
    ) {
        self.object = object
        self.calls = consume calls
        self.others = others
        self.visitor = visitor
        self.events = events
        self.stops = stops
        self.options = options
        self.mapBytes = mapBytes
    }

    private static func attach(_ options: Options) throws(BPFError) -> SyscallTracer {
        let loaded = try load(options)
        let object = loaded.object
        let events = loaded.events
        let stops = try object.map("stops")
        var mapBytes: UInt64 = 0
        for name in ["events", "names", "sums", "sums_by_process", "errors", "commands", "thread_of_tid"] {
            mapBytes += try object.map(name).memoryBytes
        }
        let visitor = try object.attach("visit")
        var calls = Links()
        var others = Links()
        for program in object.programs where program != "visit" && !program.hasPrefix("sys_") {
            try others.attach(program, of: object)
        }
        try calls.attach("sys_exit", of: object)
        try calls.attach("sys_enter", of: object)
        return SyscallTracer(
            object: object, calls: calls, others: others, visitor: visitor, events: events, stops: stops,
            options: options, mapBytes: mapBytes)
    }

    /// Observes threads that run already.
    private borrowing func find() throws(TracerError) {
        var missing: Int32?
        do throws(BPFError) {
            if case .processes(let pids) = options.target {
                let targets = try object.map("targets")
                for pid in pids {
                    try targets.set(UInt32(pid), to: UInt8(1))
                    let before = try foundThreads()
                    try visitor.iterate()
                    if try foundThreads() == before { missing = pid }
                }
                // A thread can be born behind the iterator's back by one that it has not seen yet.
                var before: UInt64
                repeat {
                    before = try foundThreads()
                    try visitor.iterate()
                } while try foundThreads() > before
            }
            try object.set("found", to: true)
        } catch {
            throw .bpf(error)
        }
        if let missing { throw .noSuchProcess(missing) }
    }

    private borrowing func foundThreads() throws(BPFError) -> UInt64 {
        try object.value(of: "found_threads", as: UInt64.self)
    }

    /// Announces the PID of a launched program: its records begin with its exec.
    public mutating func expect(_ pid: Int32) throws(TracerError) {
        do { try object.set("launched_pid", to: UInt32(pid)) } catch { throw .bpf(error) }
    }

    // Inlinable: else each record goes through two calls more.
    /// Gives the records that are there, in order, each borrowed for the call.
    @inlinable @inline(__always)
    public mutating func collect<E: Error>(_ body: (SyscallRecord) throws(E) -> Void) throws(E) {
        let needsPath = options.filter.needsAcceptsPath
        let enough = options.wakeupBytes
        var arrived: UInt64 = 0
        defer { note(arrived: arrived) }
        repeat {
            try events.drain { bytes throws(E) in
                // The record borrows the bytes, as its reader knows: this closure outlives it.
                guard let record = bytes.withUnsafeBytes({ SyscallRecord($0) }) else { return }
                if record.type == SYSCALL_RECORD_CALL && !record.isFoundUnderWay {
                    arrived += 1
                    if needsPath && !options.filter.acceptsPath(record) { return }
                }
                try body(record)
            }
            askForWakeup()
        } while events.waitingBytes >= enough
    }

    @usableFromInline mutating func note(arrived: UInt64) {
        arrivedCalls += arrived
        if options.isLossless { resumeStopped() }
    }

    /// Once all has been read: a wakeup that came before would be forgotten with what it was for, and no other
    /// follow. It is a variable of the object: that cannot fail.
    @usableFromInline func askForWakeup() { try? object.set("is_woken", to: false) }

    /// Lets processes run on that the programs stopped. What others stopped meanwhile stays stopped; a
    /// stop from the keyboard is asked for again, for the kernel to decide.
    private mutating func resumeStopped() {
        guard let pids = try? stops.keys(as: UInt32.self) else { return }
        for pid in pids {
            guard let stop = (try? stops.value(pid, as: syscall_stop.self)) ?? nil, stop.ts_ns != 0 else { continue }
            _ = try? stops.remove(pid)
            flowControl.stops += 1
            flowControl.stoppedNanoseconds += Clock.monotonic &- stop.ts_ns
            guard stop.foreign != UInt32(SIGSTOP) else { continue }
            kill(pid_t(pid), SIGCONT)
            if stop.foreign != 0 { kill(pid_t(pid), Int32(stop.foreign)) }
        }
    }

    /// Ends observing. Calls that are under way are told, or summed, as far as they have come; collect
    /// once more.
    public mutating func stop() throws(TracerError) {
        calls = nil
        do throws(BPFError) { try visitor.iterate() } catch { throw .bpf(error) }
    }

    /// What the programs summed.
    public borrowing func summary() throws(TracerError) -> SyscallSummary {
        do throws(BPFError) {
            guard case .summary(let byProcess) = options.result else { return SyscallSummary(isByProcess: false) }
            var summary = SyscallSummary(isByProcess: byProcess)
            if byProcess {
                let sums = try object.map("sums_by_process")
                for key in try sums.keys(as: syscall_sum_key.self) {
                    guard let sum = try sums.value(key, as: syscall_sum.self) else { continue }
                    summary.entries[.init(pid: key.pid, call: Int(key.number)), default: .init()].add(sum)
                }
                let commands = try object.map("commands")
                for pid in try commands.keys(as: UInt32.self) {
                    guard let name = try commands.value(pid, as: (UInt64, UInt64).self) else { continue }
                    summary.commands[pid] = withUnsafeBytes(of: name) {
                        String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self)
                    }
                }
            } else {
                let sums = try object.map("sums")
                for call in 0..<2 * SYSCALL_NUMBERS {
                    for sum in try sums.values(UInt32(call), as: syscall_sum.self) where sum.count > 0 {
                        summary.entries[.init(pid: 0, call: call), default: .init()].add(sum)
                    }
                }
            }
            summary.cutCalls = try object.value(of: "cut_calls", as: UInt64.self)
            let errors = try object.map("errors")
            for key in try errors.keys(as: syscall_sum_key.self) {
                guard let count = try errors.value(key, as: UInt64.self) else { continue }
                summary.entries[.init(pid: key.pid, call: Int(key.number)), default: .init()]
                    .errors[Int32(key.error)] = count
            }
            return summary
        } catch {
            throw .bpf(error)
        }
    }

    /// Calls that happened, as far as the filter let them through: they arrived, are in the buffer yet,
    /// or were lost.
    public borrowing func counts() throws(TracerError) -> (calls: UInt64, lost: UInt64, lostEvents: UInt64) {
        do throws(BPFError) {
            let cpus = try object.values(of: "cpus", as: syscall_cpu.self)
            return cpus.reduce((0, 0, 0)) { ($0.0 + $1.calls, $0.1 + $1.lost_calls, $0.2 + $1.lost_events) }
        } catch {
            throw .bpf(error)
        }
    }

    /// Whether anything was missed so far; to be asked when all has been collected.
    public borrowing func completeness() throws(TracerError) -> Completeness {
        var completeness = Completeness()
        let counts = try counts()
        completeness.lostEvents = counts.lost
        if counts.lost > 0 {
            completeness.reasons.append("\(counts.lost) calls found no room in the kernel's buffer")
        }
        if counts.lostEvents > 0 {
            completeness.reasons.append(
                "\(counts.lostEvents) records of paths, signals and ends found no room in the kernel's buffer")
        }
        if options.result == .records && arrivedCalls + counts.lost != counts.calls {
            completeness.reasons.append(
                "\(counts.calls) calls happened, but \(arrivedCalls) arrived and \(counts.lost) were lost")
        }
        do throws(BPFError) {
            let untracked = try object.value(of: "untracked_threads", as: UInt64.self)
            if untracked > 0 { completeness.reasons.append("\(untracked) threads found no memory in the kernel") }
            let unsummed = try object.value(of: "unsummed_calls", as: UInt64.self)
            if unsummed > 0 {
                completeness.lostEvents += unsummed
                completeness.reasons.append("\(unsummed) calls found no room in the sums")
            }
            if try object.value(of: "launched_pid", as: UInt32.self) != 0 {
                completeness.reasons.append("the kernel did not tell that the program was executed")
            }
            completeness.takeSkippedRuns(try object.statistics())
        } catch {
            throw .bpf(error)
        }
        return completeness
    }

    /// What observing cost. The programs are not timed, which would take about as long as they do, but where
    /// somebody else has the kernel do so.
    public borrowing func cost() throws(TracerError) -> ObserverCost {
        var cost = ObserverCost.ofThisProcess
        cost.mapBytes = mapBytes
        cost.untimedReason = "timing them would take as long as they do"
        do throws(BPFError) {
            cost.runCount = try object.values(of: "cpus", as: syscall_cpu.self).reduce(0) { $0 + $1.runs }
            cost.take(try object.statistics())
        } catch {
            throw .bpf(error)
        }
        return cost
    }
}
