// SPDX-License-Identifier: Apache-2.0
import Foundation
import Glibc
import Linux
import Testing
import Tracers

/// A workload under `perf stat -p` and Apus at once, with all that it starts: from a stop before its exec
/// to its end.
struct BesidePerf {
    let report: CountersReport
    /// What perf counted, in the order of the events.
    let theirs: [UInt64]
    /// What the workload says of itself.
    let truth: [String: Any]
    /// Its switches before it was counted, which getrusage(2) has too.
    let before: Switches

    /// As the kernel counts them: those that the thread asked for by waiting, and those that were forced upon it.
    struct Switches {
        var voluntary: Int
        var involuntary: Int
        var all: Int { voluntary + involuntary }
    }

    static let perf = "/usr/bin/perf"
    static let hasPerf = access(perf, X_OK) == 0

    /// - Parameters:
    ///   - undisturbed: alone on one CPU, ahead of all ordinary threads: only its own waits switch it, and it is
    ///     at no point of its end that another takes its place.
    ///   - meanwhile: what is done to the process while it runs, or when it has ended.
    init(
        _ workload: [String], _ events: [String], undisturbed: Bool = false, meanwhile: (Int32) -> Void = { _ in }
    ) throws {
        let program = Process()
        let output = Pipe()
        program.executableURL = URL(fileURLWithPath: "/bin/sh")
        program.arguments = ["-c", "kill -STOP $$; exec \"$0\" \"$@\"", ObservedWorkload.program] + workload
        program.standardOutput = output
        try program.run()
        let pid = program.processIdentifier
        defer { kill(pid, SIGKILL) }
        try waitUntil { Procfs.field("State", of: pid)?.hasPrefix("T") == true }
        if undisturbed { try Self.putAhead(pid) }
        func switches(_ kind: String) throws -> Int {
            try #require(Procfs.field(kind + "voluntary_ctxt_switches", of: pid).flatMap { Int($0) })
        }
        before = Switches(voluntary: try switches(""), involuntary: try switches("non"))

        let counts = FileManager.default.temporaryDirectory.appendingPathComponent("perf-\(UUID().uuidString)").path
        defer { unlink(counts) }
        let perf = Process()
        perf.executableURL = URL(fileURLWithPath: Self.perf)
        perf.arguments = ["stat", "-x,", "-o", counts, "-e", events.joined(separator: ","), "-p", String(pid)]
        perf.standardOutput = FileHandle.nullDevice
        perf.standardError = FileHandle.nullDevice
        try perf.run()
        // It has opened its counters, switched them on, and sleeps.
        try waitUntil {
            let id = perf.processIdentifier
            let open = Procfs.list("/proc/\(id)/fd").count {
                (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/\(id)/fd/\($0)"))?
                    .contains("perf_event") == true
            }
            return open >= events.count && Procfs.field("State", of: id)?.hasPrefix("S") == true
        }
        var tracer = try CountersTracer.start(.init(target: .processes([pid]), events: CounterEvent.parse(events)))
        usleep(100_000)
        kill(pid, SIGCONT)
        meanwhile(pid)
        let text = output.fileHandleForReading.readDataToEndOfFile()
        program.waitUntilExit()
        perf.waitUntilExit()
        for _ in 0..<100 where try tracer.hasLivingThreads(of: pid) { usleep(1000) }
        report = try tracer.report()
        // What it could not count has a line, too, with words for the number.
        theirs = try String(contentsOfFile: counts, encoding: .utf8).split(separator: "\n")
            .filter { !$0.hasPrefix("#") }
            .map { UInt64($0.split(separator: ",", omittingEmptySubsequences: false)[0]) ?? 0 }
        try #require(theirs.count >= events.count, "perf counted \(theirs) of \(events)")
        truth = (try? JSONSerialization.jsonObject(with: text)) as? [String: Any] ?? [:]
    }

    /// A run of which Apus says that its counts are exact. Where the kernel fails to tell of a switch they are
    /// lower bounds, and said to be; then another run is made, some times.
    static func exact(_ workload: [String], _ events: [String], undisturbed: Bool = false) throws -> BesidePerf {
        var run = try BesidePerf(workload, events, undisturbed: undisturbed)
        for _ in 0..<8 where !run.report.completeness.isExact {
            #expect(zip(run.ours, run.theirs).prefix(5).allSatisfy { $0 <= $1 }, "\(run.ours), \(run.theirs)")
            run = try BesidePerf(workload, events, undisturbed: undisturbed)
        }
        return run
    }

    var ours: [UInt64] { report.total.events.map(\.sum.counted) }

    /// What getrusage(2) told the workload at its end, less what was before: of itself.
    func ownSwitches() throws -> Switches {
        Switches(
            voluntary: try told("ru_nvcsw") - before.voluntary, involuntary: try told("ru_nivcsw") - before.involuntary)
    }

    /// And of the children that it had waited for.
    func childrenSwitches() throws -> Switches {
        Switches(voluntary: try told("children_ru_nvcsw"), involuntary: try told("children_ru_nivcsw"))
    }

    private func told(_ key: String) throws -> Int {
        try #require(truth[key] as? NSNumber, "no \(key) in \(truth)").intValue
    }

    // MARK: - Undisturbed

    /// Whether this user and this machine let a thread run ahead of all ordinary ones.
    static let canPutAhead: Bool = {
        let child = Process()
        child.executableURL = URL(fileURLWithPath: "/bin/sh")
        child.arguments = ["-c", "kill -STOP $$"]
        guard (try? child.run()) != nil else { return false }
        defer {
            kill(child.processIdentifier, SIGKILL)
            child.waitUntilExit()
        }
        return (try? putAhead(child.processIdentifier)) != nil
    }()

    private static func putAhead(_ pid: Int32) throws {
        var parameters = sched_param(sched_priority: 50)
        guard sched_setscheduler(pid, SCHED_FIFO, &parameters) == 0 else {
            throw SystemError("put ahead", "process \(pid)", errno: errno)
        }
        let last = try #require(CPUSet(ofThread: pid)?.all.last)
        try #require(CPUSet(only: last).apply(toThread: pid))
    }
}

func waitUntil(_ condition: () -> Bool) throws {
    for _ in 0..<1000 where !condition() { usleep(20_000) }
    try #require(condition())
}

extension Trait where Self == ConditionTrait {
    /// What counts are compared with.
    static var needsPerf: Self {
        .enabled(if: BesidePerf.hasPerf || Needs.isKernelRequired, "needs perf, which is not here")
    }

    /// Threads that nothing ordinary preempts, so that what they do is the same each time.
    static var needsUndisturbed: Self {
        .enabled(
            if: BesidePerf.canPutAhead || Needs.isKernelRequired,
            "needs SCHED_FIFO (CAP_SYS_NICE), which is not permitted here")
    }
}
