// SPDX-License-Identifier: Apache-2.0
import Foundation
import Glibc
import Linux
import Testing
import Tracers

/// A run of the program `workload` under counters: what it says of itself, and what Apus counted.
struct CountedWorkload {
    let truth: [String: Any]
    let report: CountersReport
    let pid: UInt32

    func truth(_ key: String) throws -> UInt64 {
        try #require(truth[key] as? NSNumber, "no \(key) in \(truth)").uint64Value
    }

    init(
        _ arguments: [String], counting events: String..., configure: (inout CountersTracer.Options) -> Void = { _ in }
    ) throws {
        var options = CountersTracer.Options(target: .launched, events: try CounterEvent.parse(events))
        configure(&options)
        let output = FileManager.default.temporaryDirectory.appendingPathComponent("apus-\(UUID().uuidString)").path
        defer { unlink(output) }
        let signals = try Signals([SIGUSR2])
        let process = try LaunchedProcess(
            ["/bin/sh", "-c", "exec \"$0\" \"$@\" > \(output)", ObservedWorkload.program] + arguments,
            unblocking: signals)
        var tracer = try CountersTracer.start(options)
        try tracer.expect(process.pid)
        try process.start()
        try tracer.makeRoom()
        while !process.hasEnded() {
            _ = waitReadable([process.descriptor, tracer.descriptor], timeout: 1000)
            try tracer.collect()
        }
        for _ in 0..<100 where try tracer.hasLivingThreads(of: process.pid) { usleep(1000) }
        pid = UInt32(process.pid)
        _ = process.reap()
        report = try tracer.report()
        let text = try Data(contentsOf: URL(fileURLWithPath: output))
        truth = (try? JSONSerialization.jsonObject(with: text)) as? [String: Any] ?? [:]
    }

    /// What was counted of an event, of all processes.
    func count(_ event: String) throws -> EventCount {
        let index = try #require(report.events.firstIndex { $0.name == event })
        #expect(report.unsupported[index] == nil, "\(event)")
        return report.total.events[index]
    }

    /// Every event of all threads adds up to the total, and nothing went wrong that was not told.
    func expectSound(sourceLocation: SourceLocation = #_sourceLocation) {
        for index in report.events.indices where report.earlierThreads == 0 {
            let sum = report.processes.reduce(0) { $0 + $1.counts.events[index].sum.counted }
            #expect(sum == report.total.events[index].sum.counted, sourceLocation: sourceLocation)
        }
        expectSoundness(report.completeness, sourceLocation: sourceLocation)
    }
}
