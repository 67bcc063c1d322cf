// SPDX-License-Identifier: Apache-2.0
import Glibc
import Linux
import Testing
import Tracers

extension KernelTests {
    /// The count of system calls against workloads that make a known number of them.
    @Suite(.needs(.tracing)) struct CountTests {
        private func counts(_ arguments: String..., skipped: inout Int) throws -> [String: Int] {
            let signals = try Signals([SIGUSR2])
            let process = try LaunchedProcess(
                ["/bin/sh", "-c", "exec \"$0\" \"$@\" > /dev/null", ObservedWorkload.program] + arguments,
                unblocking: signals)
            let tracer = try CountTracer.start()
            try process.start()
            #expect(process.reap() == .code(0))
            let counts = try tracer.counts()
            // A kernel that preempts programs skips runs of those who come meanwhile, and says how many.
            #expect(counts.completeness.lostEvents == 0 && (KernelTests.isGuest || counts.completeness.isExact))
            #expect(counts.total == counts.calls.values.reduce(0, +))
            skipped += Int(counts.completeness.missedRuns)
            return Dictionary(
                uniqueKeysWithValues: counts.calls.map { (SyscallTable.name($0.key) ?? "\($0.key)", Int($0.value)) })
        }

        @Test func `every call is counted, by name`() throws {
            // The shell makes one or another of its own.
            var skipped = 0
            let few = try counts("getppid", "10", skipped: &skipped)
            let many = try counts("getppid", "7929", skipped: &skipped)
            #expect(abs((many["getppid"] ?? 0) - (few["getppid"] ?? 0) - 7919) <= skipped)
        }

        @Test func `the programs' time is told where somebody has the kernel time them`() throws {
            guard let timing = ProgramTiming() else {
                Issue.record("the kernel's timing of BPF programs cannot be switched on")
                return
            }
            let signals = try Signals([SIGUSR2])
            let process = try LaunchedProcess([ObservedWorkload.program, "getppid", "7919"], unblocking: signals)
            let tracer = try CountTracer.start()
            try process.start()
            #expect(process.reap() == .code(0))
            let cost = try tracer.counts().observer
            _ = consume timing
            #expect(cost.timedRuns >= 7919 && cost.untimedReason == nil)
            // A run takes longer than a few instructions.
            #expect(try #require(cost.runNanoseconds) > 7919 * 5)
        }

        @Test func `threads and children are followed`() throws {
            var skipped = 0
            let few = try counts("forks", "10", skipped: &skipped)
            let many = try counts("forks", "113", skipped: &skipped)
            #expect(abs((many["wait4"] ?? 0) - (few["wait4"] ?? 0) - 103) <= skipped)
            // Each child makes this one.
            #expect(abs((many["exit_group"] ?? 0) - (few["exit_group"] ?? 0) - 103) <= skipped)
            // The thread goes on under the leader's number: the program that it executes reads its files.
            let executed = try counts("thread-exec", "0", skipped: &skipped)
            #expect((executed["execve"] ?? 0) + skipped >= 2 && (executed["mmap"] ?? 0) > 10)
            #expect((executed["exit_group"] ?? 0) + skipped >= 1, "\(executed)")
            let threads = try counts("threads", "53", "1", skipped: &skipped)
            #expect(abs((threads["exit"] ?? 0) - 53) <= skipped)
        }
    }
}
