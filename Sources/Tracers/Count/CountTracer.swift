// SPDX-License-Identifier: Apache-2.0
import BPF
import BPFObjects
import CEvents
import Linux

/// How often a program, its threads and its children made each system call.
public struct CallCounts: Sendable {
    /// By number; numbers beyond the kernel's table together under -1.
    public internal(set) var calls: [Int: UInt64] = [:]
    /// Whether every thread was followed.
    public internal(set) var completeness = Completeness()
    /// What counting cost so far.
    public internal(set) var observer = ObserverCost.ofThisProcess

    /// Calls of all numbers.
    public var total: UInt64 { calls.values.reduce(0, +) }
}

/// The programs of `bpf/count.bpf.c`: a count for each system call, in the kernel. The least that an
/// observer can do, for comparing others with.
///
/// It is about the first child of this process that makes a system call after it was started.
public struct CountTracer: ~Copyable {
    private let object: Object
    private let links: Links

    /// Loads and attaches the programs.
    ///
    /// - Throws: ``TracerError/bpf(_:)``.
    public static func start() throws(TracerError) -> CountTracer {
        do throws(BPFError) {
            // The array is static, so its bytes outlive the call.
            let opened = try OpenObject(
                name: "count",
                bytes: UnsafeRawBufferPointer(start: apus_count_object.bytes, count: apus_count_object.size))
            try opened.set("preemptible", to: Feature.hasPreemptibleTracepoints)
            let object = try opened.load()
            try object.call("introduce")
            var links = Links()
            // The followers first: what the first call begins is followed from then on.
            for program in ["sched_process_exit", "sched_process_exec", "sched_process_fork", "sys_enter"] {
                try links.attach(program, of: object)
            }
            return CountTracer(object: object, links: links)
        } catch { throw .bpf(error) }
    }

    private init(object: consuming Object, links: consuming Links) {
        self.object = object
        self.links = links
    }

    /// What was counted so far; counting goes on.
    ///
    /// - Throws: ``TracerError/bpf(_:)``.
    public func counts() throws(TracerError) -> CallCounts {
        do throws(BPFError) {
            var counts = CallCounts()
            let calls = try object.map("calls")
            for number in 0...COUNT_CALLS {
                let count = try calls.sum(UInt32(number), as: UInt64.self)
                if count > 0 { counts.calls[number == COUNT_CALLS ? -1 : number] = count }
            }
            let lost = try object.value(of: "lost_threads", as: UInt64.self)
            if lost > 0 {
                counts.completeness.lostEvents = lost
                counts.completeness.reasons.append("there was no room for \(lost) threads; their calls are missing")
            }
            let statistics = try object.statistics()
            counts.completeness.takeSkippedRuns(statistics)
            counts.observer.untimedReason = "its programs are not timed: that would cost more than they do"
            counts.observer.runCount = counts.total
            counts.observer.take(statistics)
            counts.observer.mapBytes = try calls.memoryBytes + object.map("threads").memoryBytes
            return counts
        } catch { throw .bpf(error) }
    }
}
