// SPDX-License-Identifier: Apache-2.0
import Foundation
import Glibc
import Testing

extension CommandTests {
    @Suite struct ClockCommandTests {
        @Test(.needsKernel) func `the table fits in 80 columns, and ends with advice in one line`() throws {
            let run = try apus("clock")
            #expect(run.end == .code(0), "\(run)")
            let lines = run.text.split(separator: "\n", omittingEmptySubsequences: false)
            #expect(lines.allSatisfy { $0.count <= 80 }, "\(run)")
            for name in ["rdtsc", "CLOCK_MONOTONIC", "gettimeofday", "getrusage", "getppid", "bpf_ktime_get_ns"] {
                #expect(run.text.contains("\n \(name)"), "\(run)")
            }
            #expect(lines.dropLast().last?.contains("CLOCK_MONOTONIC") == true, "\(run)")
        }

        @Test(.needsKernel) func `JSON has every clock with its unit, and what is not known is null`() throws {
            let run = try apus("clock", "--json", "--best", "2", "--within", "5%", "--max", "9")
            #expect(run.end == .code(0), "\(run)")
            let json = try #require(try JSONSerialization.jsonObject(with: Data(run.output)) as? [String: Any])
            #expect(json["schema"] as? String == "apus.clock/1")
            let sources = try #require(json["sources"] as? [[String: Any]])
            #expect(sources.count == 16)
            for source in sources {
                for key in [
                    "cost_ns", "spread", "converged", "runs", "disturbed_runs", "step_ns", "way", "across_cpus",
                ] {
                    #expect(source[key] != nil, "\(key) of \(source)")
                }
                if let runs = source["runs"] as? Int { #expect((2...9).contains(runs)) }
            }
            let call = try #require(sources.first { $0["source"] as? String == "getppid, a system call" })
            #expect(call["step_ns"] is NSNull && call["across_cpus"] is NSNull)
            #expect(call["way"] as? String == "system-call")
        }

        @Test(.needsKernel) func `without rights it measures, and says what is not known`() throws {
            let run = try runCommand(
                ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", Programs.apus, "clock"])
            try #require(run.end == .code(0), "\(run)")
            #expect(run.text.contains("disturbed runs and system calls are not known: BPF is not permitted"))
            #expect(run.text.contains("not available: BPF is not permitted"))
        }

        @Test(arguments: [
            ["clock", "surplus"], ["clock", "--best", "0"], ["clock", "--best", "21"], ["clock", "--best", "x"],
            ["clock", "--best", "5", "--max", "4"], ["clock", "--within", "0"], ["clock", "--within=-1%"],
            ["clock", "--within", "100%"], ["clock", "--within", "nan"], ["clock", "--max", "9999999"],
        ])
        func `wrong usage is 64`(arguments: [String]) throws {
            let run = try runCommand([Programs.apus] + arguments)
            #expect(run.end == .code(64), "\(run)")
            #expect(run.output.isEmpty)
        }
    }
}
