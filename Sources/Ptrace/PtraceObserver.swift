// SPDX-License-Identifier: Apache-2.0
import CEvents
import CLinux
import Glibc
public import Linux
public import Tracers

/// Observes system calls by ptrace(2), as strace does: each thread stops at the entry and at the return of
/// each call until it has been looked at. It gives the same records as ``SyscallTracer``.
///
/// Tracing is a thread's own affair: all of it is to be done by the thread that began it. A target that
/// is let go, or whose observer has gone, runs on.
///
/// ```swift
/// var observer = try PtraceObserver.start(.init(.init(target: .processes([812]))))
/// try observer.run(until: { false }) { record in print(record.header.number, record.header.result) }
/// ```
public struct PtraceObserver: ~Copyable {
    let options: Options
    let queue = RecordQueue()
    let reader: CaptureReader
    let placement: Placement
    var tracees: [Int32: Tracee] = [:]
    /// How many of them wait for a child.
    var waiting = 0
    /// Threads that stopped for the first time before their makers told of them.
    var unborn = 0
    var isEnding = false
    /// Nothing is recorded any more.
    var isSilent = false
    /// Every call stops, and not just the ones that are asked for.
    let seesAll: Bool
    var launched: Int32?
    /// Records of calls that have been given.
    public private(set) var calls: UInt64 = 0
    /// How often a thread stopped.
    public internal(set) var stops: UInt64 = 0
    /// How the launched program ended; nil: it has not.
    public internal(set) var exit: LaunchedProcess.Exit?

    /// The names of processes that ended while they were observed, as they were last; where they are asked
    /// for, by a summary by process.
    public internal(set) var commands: [UInt32: String] = [:]

    /// The CPU that the target and this process shared at times; nil: they never did.
    public var sharedCPU: Int? { placement.sharedCPU }

    /// Attaches to processes that run.
    ///
    /// - Throws: ``TracerError``: `noSuchProcess`; `unavailable` where one is traced already, naming the
    ///   tracer, or where the right to trace is missing.
    public static func start(_ options: Options) throws(TracerError) -> PtraceObserver {
        var observer = PtraceObserver(options)
        if options.common.target == .everything { throw .unavailable("ptrace observes processes, not the machine") }
        guard case .processes(let pids) = options.common.target else { return observer }
        guard options.seesAll else {
            throw .unavailable("a filter can be put into a program that is launched alone, not into one that runs")
        }
        do {
            for pid in pids { try observer.attach(pid) }
        } catch {
            observer.letGo()
            throw error
        }
        return observer
    }

    private init(_ options: Options) {
        self.options = options
        seesAll = options.seesAll
        let policy: Placement.Policy =
            switch options.sharing {
            // Where stops are rare, there is nothing to gain.
            case .whileAlone: seesAll ? .whileAlone : .never
            case .always: .always
            case .never: .never
            }
        placement = Placement(policy)
        reader = CaptureReader(
            rules: options.rules,
            stringLimit: min(max(options.common.stringLimit, 0), SyscallTracer.Options.mostStringLimit),
            files: FileNames(queue: queue, remembers: seesAll))
    }

    /// Takes over a launched program, which is then to be let go by ``LaunchedProcess/release()``. Its
    /// records begin with its exec.
    public mutating func expect(_ process: borrowing LaunchedProcess) throws(TracerError) {
        launched = process.pid
        try seize(process.pid, of: process.pid, isYetToExecute: true)
        placement.update(tracees, active: tracees.count)
    }

    /// Watches a launched program that is not observed: observing ends with it.
    public mutating func accompany(_ process: borrowing LaunchedProcess) { launched = process.pid }

    /// Observes until the target has ended, the program that only sets how long has, or `isOver` says so,
    /// which is asked every 50 ms; then lets the target go.
    ///
    /// - Parameter body: is given each record, in order, borrowed for the call.
    /// - Throws: what `isOver` or `body` throws; the target has been let go, then, too, unless it needs a
    ///   tracer.
    public mutating func run<E: Error>(
        until isOver: () throws(E) -> Bool, _ body: (SyscallRecord) throws(E) -> Void
    ) throws(E) {
        let hasTicks = apus_begin_ticks(50) == 0
        defer { if hasTicks { apus_end_ticks() } }
        do throws(E) {
            try attend(until: isOver, body)
        } catch {
            letGo()
            throw error
        }
        if needsRelay {
            for tracee in tracees.values { closeCall(of: tracee, isUnfinished: true) }
        }
        letGo()
        try handOn(body)
    }

    private mutating func handOn<E: Error>(_ body: (SyscallRecord) throws(E) -> Void) throws(E) {
        guard !queue.isEmpty else { return }
        var count: UInt64 = 0
        defer { calls += count }
        let filter = options.common.filter
        try queue.drain { record throws(E) in
            if record.type == SYSCALL_RECORD_CALL {
                if !record.isFoundUnderWay {
                    guard filter.accepts(record) else { return }
                    count += 1
                }
            }
            try body(record)
        }
    }

    private mutating func attend<E: Error>(
        until isOver: () throws(E) -> Bool, _ body: (SyscallRecord) throws(E) -> Void
    ) throws(E) {
        var stop = apus_stop()
        try handOn(body)
        while true {
            let error = apus_wait_stop(&stop)
            if error == EINTR {
                if try isOver() { return }
                continue
            }
            // ECHILD: nobody is left.
            guard error == 0 else { return }
            handle(&stop)
            try handOn(body)
            if tracees.isEmpty || (exit != nil && !isSilent) { return }
        }
    }

    // ---- The end ----

    /// Whether the target runs on under a filter that needs a tracer: see ``relay(until:)``.
    public var needsRelay: Bool { !seesAll && !tracees.isEmpty }

    /// Lets the target's calls pass, without records, until it has ended or `isOver` says so.
    public mutating func relay<E: Error>(until isOver: () throws(E) -> Bool) throws(E) {
        guard needsRelay else { return }
        let hasTicks = apus_begin_ticks(50) == 0
        defer { if hasTicks { apus_end_ticks() } }
        try attend(until: isOver) { _ throws(E) in }
    }

    /// Detaches from every thread, at a stop of its own or one that is asked for, as ``run(until:_:)`` does
    /// at its end. One that cannot stop (the maker of a vfork) is let go by the kernel, at the latest when
    /// the thread that traces ends.
    public mutating func letGo() {
        placement.part()
        if needsRelay { isSilent = true }
        guard !tracees.isEmpty, !needsRelay else { return }
        isEnding = true
        let hasTicks = apus_begin_ticks(50) == 0
        defer { if hasTicks { apus_end_ticks() } }
        for tracee in tracees.values {
            noteCommand(of: tracee)
            if tracee.isUnborn {
                detach(tracee)
            } else {
                interrupt(tracee)
            }
        }
        var stop = apus_stop()
        var idleTicks = 0
        while !tracees.isEmpty && idleTicks < 6 {
            switch apus_wait_stop(&stop) {
            case 0: handle(&stop)
            case EINTR: idleTicks += 1
            default: idleTicks = 6
            }
        }
        for tracee in tracees.values { closeCall(of: tracee, isUnfinished: true) }
        tracees.removeAll()
    }

    /// Whether records are all that there was: by ptrace nothing is lost.
    public var completeness: Completeness { Completeness() }

    /// What observing cost this process. What it cost the target is about the time of two stops a call.
    public var cost: ObserverCost {
        var cost = ObserverCost.ofThisProcess
        cost.stopCount = stops
        cost.untimedReason = "no programs run in the kernel"
        return cost
    }

    deinit { placement.part() }
}
