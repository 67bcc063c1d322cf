// SPDX-License-Identifier: Apache-2.0

/// A thread of the target and where its time went.
public struct ThreadLedger: Sendable {
    public let pid: UInt32
    public let tid: UInt32
    public let parentPID: UInt32
    /// As the kernel has it: at most 15 bytes, any but NUL; repaired to UTF-8.
    public let command: String
    /// CLOCK_MONOTONIC, nanoseconds: when its process was created, when the thread was seen first,
    /// and its end, or the moment of the report for one that lives.
    public let processStart: UInt64
    public let first: UInt64
    public let end: UInt64
    public let isAlive: Bool
    public let ledger: Ledger

    /// Numbers are given again; with the time of its creation one is unique.
    var process: ProcessID { ProcessID(pid: pid, start: processStart) }
}

struct ProcessID: Hashable {
    let pid: UInt32
    let start: UInt64
}

/// A process of the target: its threads summed.
public struct ProcessLedger: Sendable {
    public let pid: UInt32
    public let parentPID: UInt32
    /// The command of its first thread.
    public let command: String
    public let processStart: UInt64
    public let threads: Int
    /// From the first sight of its first thread to the end of its last, in nanoseconds.
    public let elapsed: UInt64
    public let isAlive: Bool
    public let ledger: Ledger
}

/// What `apus time` found: a snapshot, or what happened between two.
public struct TimeReport: Sendable {
    /// From the first sight of the first thread to the last end, in nanoseconds.
    public var elapsed: UInt64
    public var threads: [ThreadLedger]
    public var processes: [ProcessLedger]
    public var total: Ledger
    /// False: time in page faults is inside user and system time.
    public var measuresFaults: Bool
    /// Why it does not, in plain words.
    public var faultsReason: String?
    public var completeness: Completeness
    public var observer: ObserverCost

    init(
        threads: [ThreadLedger], elapsed: UInt64? = nil, measuresFaults: Bool, faultsReason: String?,
        completeness: Completeness, observer: ObserverCost
    ) {
        self.threads = threads
        self.measuresFaults = measuresFaults
        self.faultsReason = faultsReason
        self.completeness = completeness
        self.observer = observer
        let first = threads.lazy.map(\.first).min() ?? 0
        self.elapsed = elapsed ?? ((threads.lazy.map(\.end).max() ?? first) - first)
        total = threads.reduce(into: Ledger()) { $0 += $1.ledger }
        var indices: [ProcessID: Int] = [:]
        var groups: [[ThreadLedger]] = []
        for thread in threads {
            if let index = indices[thread.process] {
                groups[index].append(thread)
            } else {
                indices[thread.process] = groups.count
                groups.append([thread])
            }
        }
        processes = groups.map { group in
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
    /// left out.
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
            return ThreadLedger(
                pid: thread.pid, tid: thread.tid, parentPID: thread.parentPID, command: thread.command,
                processStart: thread.processStart, first: thread.end - (thread.ledger.wall - ledger.wall),
                end: thread.end, isAlive: thread.isAlive, ledger: thread.ledger.since(ledger))
        }
        return TimeReport(
            threads: changed, measuresFaults: measuresFaults, faultsReason: faultsReason,
            completeness: completeness, observer: observer)
    }
}
