// SPDX-License-Identifier: Apache-2.0

/// Counts of a thread, or of several summed: one for each event of the report, in its order.
public struct Counts: Sendable, Equatable {
    /// In the order of ``CountersReport/events``.
    public var events: [EventCount]
    /// In user mode on a CPU, nanoseconds, with and without `task-clock` among the events. Modes are told apart
    /// where an event needs it, a time or a counter of the hardware; else ``time`` alone is right.
    public var userTime: UInt64 = 0
    /// In the kernel on a CPU, nanoseconds, likewise.
    public var kernelTime: UInt64 = 0

    /// On a CPU, nanoseconds.
    public var time: UInt64 { userTime + kernelTime }

    init(events: Int) { self.events = Array(repeating: EventCount(), count: events) }

    static func + (one: Counts, other: Counts) -> Counts { one.combined(other, +, &+) }
    static func - (one: Counts, other: Counts) -> Counts { one.combined(other, -, &-) }

    private func combined(
        _ other: Counts, _ event: (EventCount, EventCount) -> EventCount, _ with: (UInt64, UInt64) -> UInt64
    ) -> Counts {
        var result = self
        for index in events.indices { result.events[index] = event(events[index], other.events[index]) }
        result.userTime = with(userTime, other.userTime)
        result.kernelTime = with(kernelTime, other.kernelTime)
        return result
    }
}

/// A thread of the target, and what was counted for it.
public struct ThreadCounts: Sendable {
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
    /// When it was seen first: CLOCK_MONOTONIC, nanoseconds.
    public let first: UInt64
    /// Its end, or the moment of the report for one that lives: CLOCK_MONOTONIC, nanoseconds.
    public let end: UInt64
    /// It had not ended when it was read.
    public let isAlive: Bool
    /// From ``first`` to ``end``, or since the report before.
    public internal(set) var counts: Counts

    var process: ProcessID { ProcessID(pid: pid, start: processStart) }
}

/// A process of the target: its threads summed.
public struct ProcessCounts: Sendable {
    /// In the observer's PID namespace; 0: it is not in that.
    public let pid: UInt32
    /// In the observer's PID namespace; 0: it is not in that.
    public let parentPID: UInt32
    /// The command of its first thread.
    public let command: String
    /// How many are summed.
    public let threads: Int
    /// One of its threads is.
    public let isAlive: Bool
    /// The sum of its threads.
    public let counts: Counts
}

/// What `apus counters` found: a snapshot, or what happened between two.
public struct CountersReport: Sendable {
    /// As they were asked for.
    public let events: [CounterEvent]
    /// For each event: why this machine does not have it; nil: it has.
    public let unsupported: [String?]
    /// Whether time is told apart by mode: where only software events are counted nothing needs it, no program
    /// runs where the mode changes, and all time is in ``Counts/kernelTime``.
    public var splitsTime: Bool { events.contains(where: \.needsModeChanges) }
    /// How long was observed, in nanoseconds.
    public var elapsed: UInt64
    /// Those that live, and those that ended and are kept one by one.
    public var threads: [ThreadCounts]
    /// The threads of ``threads`` by process, in the order of the first of each.
    public var processes: [ProcessCounts]
    /// Threads that ended so long ago that just their sum is kept.
    public var earlierThreads: Int
    /// All threads, the earlier ones included.
    public var total: Counts
    /// What was left out of the kernel's column, in plain words; empty: nothing.
    public var inUserColumn: [String]
    /// Whether the counts are exact, or lower bounds.
    public var completeness: Completeness
    /// What counting cost since the start.
    public var observer: ObserverCost

    init(
        events: [CounterEvent], unsupported: [String?], elapsed: UInt64, threads: [ThreadCounts],
        earlier: (threads: Int, counts: Counts), inUserColumn: [String], completeness: Completeness,
        observer: ObserverCost
    ) {
        self.events = events
        self.unsupported = unsupported
        self.elapsed = elapsed
        self.threads = threads
        self.inUserColumn = inUserColumn
        self.completeness = completeness
        self.observer = observer
        earlierThreads = earlier.threads
        total = threads.reduce(earlier.counts) { $0 + $1.counts }
        processes = threads.grouped(by: \.process).map { group in
            let leader = group.first { $0.tid == $0.pid } ?? group[0]
            return ProcessCounts(
                pid: leader.pid, parentPID: leader.parentPID, command: leader.command, threads: group.count,
                isAlive: group.contains(where: \.isAlive),
                counts: group.dropFirst().reduce(group[0].counts) { $0 + $1.counts })
        }
    }

    /// The total of the first event of a name; nil where it was not asked for, or not counted.
    public func count(of canonicalName: String) -> EventCount? {
        events.firstIndex { $0.canonicalName == canonicalName }.map { total.events[$0] }
    }

    /// What happened since an earlier report of the same tracer; threads that did not run are left out.
    public func since(_ earlier: CountersReport?) -> CountersReport {
        guard let earlier else { return self }
        struct Key: Hashable {
            let tid: UInt32
            let first: UInt64
        }
        var before: [Key: ThreadCounts] = [:]
        for thread in earlier.threads { before[Key(tid: thread.tid, first: thread.first)] = thread }
        let changed = threads.compactMap { thread -> ThreadCounts? in
            guard let old = before[Key(tid: thread.tid, first: thread.first)] else { return thread }
            guard old.isAlive, thread.counts != old.counts else { return nil }
            var difference = thread
            difference.counts = thread.counts - old.counts
            return difference
        }
        var difference = CountersReport(
            events: events, unsupported: unsupported,
            // One that lived until then can have ended, by its own clock, a moment before.
            elapsed: elapsed > earlier.elapsed ? elapsed - earlier.elapsed : 0, threads: changed,
            earlier: (0, Counts(events: events.count)), inUserColumn: inUserColumn, completeness: completeness,
            observer: observer)
        // Of threads that are kept in the sums alone by now, too.
        difference.total = total - earlier.total
        return difference
    }
}
