// SPDX-License-Identifier: Apache-2.0
import Foundation
import Glibc
import Linux
import Testing
import Tracers

/// A run of a program under the profiler, and beside it under the ledger.
struct ProfiledWorkload {
    let profile: Profile
    let report: TimeReport?
    let truth: [String: Any]

    /// - Parameters:
    ///   - program: nil: `workload`.
    ///   - beforeReport: called when the program has ended and its code has not been named yet.
    init(
        _ arguments: [String], program: String? = nil, besideLedger: Bool = false,
        configure: (inout ProfileTracer.Options) -> Void = { _ in }, beforeReport: () throws -> Void = {}
    ) throws {
        var options = ProfileTracer.Options(target: .launched)
        configure(&options)
        let output = FileManager.default.temporaryDirectory.appendingPathComponent("apus-\(UUID().uuidString)").path
        defer { unlink(output) }
        let signals = try Signals([SIGUSR2])
        let process = try LaunchedProcess(
            ["/bin/sh", "-c", "exec \"$0\" \"$@\" > \(output)", program ?? ObservedWorkload.program] + arguments,
            unblocking: signals)
        // Noncopyable values in an optional cannot be borrowed: a ledger is started in any case.
        var ledgerOptions = TimeTracer.Options(target: .launched)
        ledgerOptions.maxThreads = 64
        var ledger = try TimeTracer.start(ledgerOptions)
        var tracer = try ProfileTracer.start(options)
        try tracer.expect(process.pid)
        if besideLedger { try ledger.expect(process.pid) }
        try process.start()
        try ledger.makeRoom()
        while !process.hasEnded() {
            _ = waitReadable([process.descriptor, ledger.descriptor] + tracer.descriptors, timeout: 100)
            try ledger.collect()
            tracer.collect()
        }
        for _ in 0..<100 where try besideLedger && ledger.hasLivingThreads(of: process.pid) { usleep(1000) }
        _ = process.reap()
        try beforeReport()
        profile = try tracer.finish()
        report = besideLedger ? try ledger.report() : nil
        let text = (try? Data(contentsOf: URL(fileURLWithPath: output))) ?? Data()
        truth = (try? JSONSerialization.jsonObject(with: text)) as? [String: Any] ?? [:]
    }
}

extension ProfiledWorkload {
    /// Whether others left it the CPU for nine tenths of the time that it wanted it.
    func isQuiet() throws -> Bool {
        let total = try #require(report).total
        return total.runnable * 9 < total.wall
    }
}

extension Profile {
    /// The names of a stack's functions, the root first.
    func names(of stack: Stack) -> [String] { frames[stack.frames].map { symbols.function(of: $0).name } }

    /// What share of the whole is in a function, or in what it calls.
    func share(of function: String) -> Double {
        let weight = stacks.filter { names(of: $0).contains(function) }.reduce(0) { $0 + self.weight(of: $1) }
        return Double(weight) / Double(max(1, totalWeight))
    }
}
