// SPDX-License-Identifier: Apache-2.0
import Testing

extension CommandTests {
    @Suite(.needsKernel) struct ScaleTests {
        /// Exact, or with switches that the kernel did not deliver, and nothing else missing.
        private func expectAll(_ workload: String..., says facts: String) throws {
            let run = try runCommand(
                [Programs.apus, "time", "-q", "--strict", "--", Programs.workload] + workload, limit: 60)
            #expect(run.errorText.contains(facts), "\(run)")
            // Lines are wrapped where they are full.
            let words = run.errorText.split { $0 == " " || $0 == "\n" }.joined(separator: " ")
            if words.contains(TimeDocument.Completeness.disturbance) {
                #expect(run.end == .code(123), "\(run)")
                #expect(
                    !run.errorText.contains("no free ledger") && !run.errorText.contains("could not be read"), "\(run)")
            } else {
                #expect(run.end == .code(0), "\(run)")
                #expect(run.errorText.contains("exact: every thread was seen"), "\(run)")
            }
        }

        @Test func `20,000 forks are all seen`() throws {
            try expectAll("forks", "20000", says: "20001 processes, 20001 threads, exit 0")
        }

        @Test func `10,000 threads alive at once are all seen`() throws {
            try expectAll("threads", "10000", says: "1 process, 10001 threads, exit 0")
        }

        @Test func `all of 2,000 forks are in the document`() throws {
            let folder = try TemporaryFolder()
            let run = try apus("time", "--json", "-o", folder.file("json"), "--", Programs.workload, "forks", "2000")
            #expect(run.end == .code(0), "\(run)")
            let document = try TimeDocument(Array(try #require(folder.contents(of: "json")).utf8))
            #expect(document.completeness.isExactOrDisturbed, "\(document.completeness)")
            #expect(document.processes.count == 2001 || !document.completeness.exact)
            #expect(document.threads.count == document.processes.count)
            #expect(Set(document.threads.map(\.parentPid)).count == 2)
        }

        @Test func `what another tracer's coming and going costs is never silent`() throws {
            let churn = try Child(["sh", "-c", "while :; do \"$apus\" time -q -o /dev/null -- true; done"])
            defer { churn.dispose() }
            for _ in 0..<3 {
                let folder = try TemporaryFolder()
                _ = try apus("time", "--json", "-o", folder.file("json"), "--", Programs.workload, "forks", "1200")
                let document = try TimeDocument(Array(try #require(folder.contents(of: "json")).utf8))
                #expect(document.threads.count <= 1201)
                #expect(document.threads.count == 1201 || !document.completeness.exact, "\(document.threads.count)")
                let hasLost = document.completeness.lostEvents > 0 || document.completeness.missedRuns > 0
                #expect(document.completeness.exact != hasLost, "\(document.completeness)")
                #expect(document.threads.allSatisfy { abs($0.ledger.residualNs) <= 1_000 })
            }
        }
    }
}
