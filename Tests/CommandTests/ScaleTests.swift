// SPDX-License-Identifier: Apache-2.0
import Testing

extension CommandTests {
    @Suite(.needsKernel) struct ScaleTests {
        @Test func `20,000 forks are all seen`() throws {
            let run = try apus("time", "-q", "--strict", "--", Programs.workload, "forks", "20000", limit: 60)
            #expect(run.end == .code(0), "\(run)")
            #expect(run.errorText.contains("20001 processes, 20001 threads, exit 0"), "\(run.errorText)")
            #expect(run.errorText.contains("exact: every thread was seen"))
        }

        @Test func `2,000 forks are all in the document, again and again`() throws {
            for _ in 0..<3 {
                let folder = try TemporaryFolder()
                let run = try apus("time", "--json", "-o", folder.file("json"), "--", Programs.workload, "forks", "2000")
                #expect(run.end == .code(0), "\(run)")
                let document = try TimeDocument(Array(try #require(folder.contents(of: "json")).utf8))
                #expect(document.completeness.exact)
                #expect(document.processes.count == 2001)
                #expect(document.threads.count == 2001)
            }
        }

        @Test func `10,000 threads alive at once are all seen`() throws {
            let run = try apus("time", "-q", "--strict", "--", Programs.workload, "threads", "10000", limit: 60)
            #expect(run.end == .code(0), "\(run)")
            #expect(run.errorText.contains("1 process, 10001 threads, exit 0"), "\(run.errorText)")
            #expect(run.errorText.contains("exact: every thread was seen"))
        }
    }
}
