// SPDX-License-Identifier: Apache-2.0
import Foundation
import Glibc
import Linux
import Testing
import Tracers

/// A run of the program `workload` under the ledger: what it says of itself, and what Apus says.
struct ObservedWorkload {
    let truth: [String: Any]
    let report: TimeReport
    let exit: LaunchedProcess.Exit
    let pid: UInt32

    /// A figure that the workload measured itself.
    func truth(_ key: String) throws -> Double {
        try #require(truth[key] as? NSNumber, "no \(key) in \(truth)").doubleValue
    }

    /// The ledger of the process that was launched.
    func process() throws -> ProcessLedger { try #require(report.processes.first { $0.pid == pid }) }

    /// Runs `workload ARGUMENTS` under a tracer of its own.
    init(_ arguments: String..., configure: (inout TimeTracer.Options) -> Void = { _ in }) throws {
        var options = TimeTracer.Options(target: .launched)
        configure(&options)
        let output = FileManager.default.temporaryDirectory.appendingPathComponent(
            "apus-\(UUID().uuidString)"
        ).path
        defer { unlink(output) }
        let signals = try Signals([SIGUSR2])
        // A shell only to redirect: exec keeps the PID, and the ledger begins anew in no way.
        let process = try LaunchedProcess(
            ["/bin/sh", "-c", "exec \"$0\" \"$@\" > \(output)", Self.program] + arguments,
            unblocking: signals)
        var tracer = try TimeTracer.start(options)
        try tracer.expect(process.pid)
        try process.start()
        try tracer.makeRoom()
        while !process.hasEnded() {
            _ = waitReadable([process.descriptor, tracer.descriptor], timeout: 1000)
            try tracer.collect()
        }
        for _ in 0..<100 where try tracer.hasLivingThreads(of: process.pid) { usleep(1000) }
        pid = UInt32(process.pid)
        exit = process.reap()
        report = try tracer.report()
        let text = try Data(contentsOf: URL(fileURLWithPath: output))
        truth = (try? JSONSerialization.jsonObject(with: text)) as? [String: Any] ?? [:]
    }

    /// `workload` lies beside the test bundle.
    static let program: String = {
        let bundle = try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")
        return ((bundle ?? "") as NSString).deletingLastPathComponent + "/workload"
    }()
}

/// Every ledger of a report balances: states sum to wall time, within 1 µs.
///
/// - Parameter mostUntracked: so many threads may be told to have found no ledger.
func expectBalanced(
    _ report: TimeReport, mostUntracked: UInt64 = 0, sourceLocation: SourceLocation = #_sourceLocation
) {
    for thread in report.threads {
        #expect(abs(thread.ledger.residual) <= 1_000, "\(thread)", sourceLocation: sourceLocation)
        #expect(thread.ledger.wall == thread.end - thread.first, sourceLocation: sourceLocation)
        // A state that went below zero would wrap around.
        for state in ThreadState.allCases {
            #expect(
                thread.ledger[state] <= thread.ledger.wall, "\(state) of \(thread)",
                sourceLocation: sourceLocation)
        }
    }
    var completeness = report.completeness
    if completeness.lostEvents <= mostUntracked {
        completeness.reasons.removeAll { $0.contains("no free ledger") || $0.contains("be noted") }
    }
    expectSoundness(completeness, sourceLocation: sourceLocation)
    #expect(
        report.total.wall == report.threads.reduce(0) { $0 + $1.ledger.wall },
        sourceLocation: sourceLocation)
}

/// Nothing is wrong but what a kernel does. It can fail to tell of a switch, here above all of those from threads
/// that it hides. And 7.2 lets a program be preempted, and skips the runs of others meanwhile: rarely on a CPU,
/// often on an emulated one. It must be said.
func expectSoundness(_ completeness: Completeness, sourceLocation: SourceLocation = #_sourceLocation) {
    let reasons = completeness.reasons.filter {
        !$0.hasPrefix("the kernel did not tell of") && !(KernelTests.isGuest && $0.hasPrefix("the kernel skipped"))
    }
    #expect(reasons.isEmpty, "\(reasons)", sourceLocation: sourceLocation)
}

/// One value is another within a fraction of it, or within an absolute margin.
func expectClose(
    _ value: some BinaryInteger, _ truth: Double, within fraction: Double, or margin: Double = 0,
    _ comment: Comment? = nil, sourceLocation: SourceLocation = #_sourceLocation
) {
    let error = abs(Double(value) - truth)
    #expect(
        error <= max(truth * fraction, margin), "\(value) against \(truth): \(comment?.rawValue ?? "")",
        sourceLocation: sourceLocation)
}
