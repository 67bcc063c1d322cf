// SPDX-License-Identifier: Apache-2.0

/// A thread of the target and where its time went.
public struct ThreadLedger: Sendable {
    /// Its process, in the observer's PID namespace; 0: it is not in that.
    public let pid: UInt32
    /// In the observer's PID namespace; 0: it is not in that.
    public let tid: UInt32
    /// Its process's parent, in the observer's PID namespace; 0: it is not in that.
    public let parentPID: UInt32
    /// As the kernel has it: at most 15 bytes, any but NUL; repaired to UTF-8.
    public let command: String
    /// When its process was created: CLOCK_MONOTONIC, nanoseconds.
    public let processStart: UInt64
    /// When it was seen first, or the report before was made: CLOCK_MONOTONIC, nanoseconds.
    public let first: UInt64
    /// Its end, or the moment of the report for one that lives: CLOCK_MONOTONIC, nanoseconds.
    public let end: UInt64
    /// It had not ended when it was read.
    public let isAlive: Bool
    /// From ``first`` to ``end``.
    public let ledger: Ledger

    /// No state is longer than its life, as when time is taken from one twice.
    var isSound: Bool { ThreadState.allCases.allSatisfy { ledger[$0] <= ledger.wall } }

    /// Numbers are given again; with the time of its creation one is unique.
    var process: ProcessID { ProcessID(pid: pid, start: processStart) }
}

/// A process of the target: its threads summed.
public struct ProcessLedger: Sendable {
    /// In the observer's PID namespace; 0: it is not in that.
    public let pid: UInt32
    /// In the observer's PID namespace; 0: it is not in that.
    public let parentPID: UInt32
    /// The command of its first thread.
    public let command: String
    /// When it was created: CLOCK_MONOTONIC, nanoseconds.
    public let processStart: UInt64
    /// How many are summed.
    public let threads: Int
    /// From the first sight of its first thread to the end of its last, in nanoseconds.
    public let elapsed: UInt64
    /// One of its threads is.
    public let isAlive: Bool
    /// The sum of its threads.
    public let ledger: Ledger
}

/// Threads that ended so long ago that just their sum is kept.
public struct EarlierThreads: Sendable {
    /// How many there were.
    public var threads = 0
    /// How many of them were the first thread of a process.
    public var processes = 0
    /// Their sum.
    public var ledger = Ledger()
    /// When the first of them was seen, CLOCK_MONOTONIC.
    var first = UInt64.max

    mutating func add(_ thread: ThreadLedger) {
        threads += 1
        if thread.tid == thread.pid { processes += 1 }
        ledger += thread.ledger
        first = min(first, thread.first)
    }
}

/// What `apus time` found: a snapshot, or what happened between two.
public struct TimeReport: Sendable {
    /// From the first sight of the first thread to the last end, in nanoseconds.
    public var elapsed: UInt64
    /// Those that live, and those that ended and are kept one by one.
    public var threads: [ThreadLedger]
    /// The threads of ``threads`` by process, in the order of the first of each.
    public var processes: [ProcessLedger]
    /// Those that are in neither, and in ``total``.
    public var earlier: EarlierThreads
    /// All threads, the earlier ones included.
    public var total: Ledger
    /// False: time in page faults is inside user and system time.
    public var measuresFaults: Bool
    /// Why it does not, in plain words.
    public var faultsReason: String?
    /// What each system call has in ``ThreadState/system`` for its way into the kernel and out of it,
    /// in nanoseconds: that lies outside its tracepoints, and was measured at the start.
    public var boundary: UInt64
    /// How it was sampled; nil: it was not.
    public var sampling: Sampling?
    /// Whether the ledgers are exact, or lower bounds.
    public var completeness: Completeness
    /// What keeping the ledgers cost.
    public var observer: ObserverCost

    init(
        threads: [ThreadLedger], earlier: EarlierThreads = EarlierThreads(), measuresFaults: Bool,
        faultsReason: String?, boundary: UInt64, sampling: Sampling? = nil,
        completeness: Completeness, observer: ObserverCost
    ) {
        self.boundary = boundary
        self.threads = threads
        self.measuresFaults = measuresFaults
        self.faultsReason = faultsReason
        self.sampling = sampling
        self.completeness = completeness
        self.observer = observer
        self.earlier = earlier
        let first = min(earlier.first, threads.lazy.map(\.first).min() ?? UInt64.max)
        elapsed = (threads.lazy.map(\.end).max() ?? first) - first
        total = threads.reduce(into: earlier.ledger) { $0 += $1.ledger }
        processes = threads.grouped(by: \.process).map { group in
            let leader = group.first { $0.tid == $0.pid } ?? group[0]
            let first = group.lazy.map(\.first).min() ?? 0
            return ProcessLedger(
                pid: leader.pid, parentPID: leader.parentPID, command: leader.command,
                processStart: leader.processStart, threads: group.count,
                elapsed: (group.lazy.map(\.end).max() ?? first) - first,
                isAlive: group.contains(where: \.isAlive),
                ledger: group.reduce(into: Ledger()) { $0 += $1.ledger })
        }
    }

    /// What happened since an earlier report of the same tracer; threads to which nothing did are
    /// left out. ``completeness`` is that of all so far: what was lost early may be missing now.
    public func since(_ earlier: TimeReport?) -> TimeReport {
        guard let earlier else { return self }
        struct Key: Hashable {
            let tid: UInt32
            let first: UInt64
        }
        var before: [Key: Ledger] = [:]
        for thread in earlier.threads where thread.isAlive {
            before[Key(tid: thread.tid, first: thread.first)] = thread.ledger
        }
        let over = Set(earlier.threads.lazy.filter { !$0.isAlive }.map { Key(tid: $0.tid, first: $0.first) })
        let changed = threads.compactMap { thread -> ThreadLedger? in
            let key = Key(tid: thread.tid, first: thread.first)
            guard !over.contains(key) else { return nil }
            guard let ledger = before[key] else { return thread }
            // It ended while it was read, before the moment that was taken for its present: some
            // nanoseconds too many then, and nothing since.
            guard thread.ledger.wall >= ledger.wall else { return nil }
            return ThreadLedger(
                pid: thread.pid, tid: thread.tid, parentPID: thread.parentPID, command: thread.command,
                processStart: thread.processStart, first: thread.end - (thread.ledger.wall - ledger.wall),
                end: thread.end, isAlive: thread.isAlive, ledger: thread.ledger.since(ledger))
        }
        return TimeReport(
            threads: changed, measuresFaults: measuresFaults, faultsReason: faultsReason, boundary: boundary,
            sampling: sampling?.since(earlier.sampling), completeness: completeness,
            observer: observer.since(earlier.observer))
    }
}
