// SPDX-License-Identifier: Apache-2.0
import Foundation
import Glibc
import Testing

extension CommandTests {
    @Suite struct SamplingTests {
        @Test(arguments: ["0", "-5", "10000000", "99999999999999999999", "many", ""])
        func `a rate that cannot be is wrong usage, and what can be is said`(rate: String) throws {
            let run = try apus("time", "--sample=\(rate)", "--", "echo", "started")
            #expect(run.end == .code(64), "\(run)")
            #expect(run.output.isEmpty)
            if Int(rate) != nil {
                #expect(run.errorText.contains("1 to "), "\(run)")
                let limit = try String(contentsOfFile: "/proc/sys/kernel/perf_event_max_sample_rate", encoding: .utf8)
                #expect(run.errorText.contains("perf_event_max_sample_rate is \(limit.dropLast())"), "\(run)")
            }
        }

        @Test func `a jittered clock has a limit of its own, and needs a rate`() throws {
            let beyond = try apus("time", "--sample", "50000", "--jitter", "--", "echo", "started")
            #expect(beyond.end == .code(64) && beyond.output.isEmpty)
            #expect(beyond.errorText.contains("four times"), "\(beyond)")
            let alone = try apus("time", "--jitter", "--", "echo", "started")
            #expect(alone.end == .code(64) && alone.output.isEmpty && alone.errorText.contains("--sample"))
        }

        @Test(.needsKernel, .needs(program: "setpriv"))
        func `without the right it is refused before the program runs`() throws {
            let folder = try TemporaryFolder()
            #expect(try shell(#"cp "$apus" "$1"; chmod 755 "$1/apus""#, folder.path).end == .code(0))
            let run = try runCommand([
                "setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", folder.file("apus"), "time", "--sample",
                "99", "--", "echo", "started",
            ])
            #expect(run.end == .code(125) && run.output.isEmpty, "\(run)")
            #expect(run.errorText.contains("CAP_PERFMON") && run.errorText.split(separator: "\n").count == 1)
        }

        @Test(.needsKernel) func `there is one table, with three lines a row and from what they come`() throws {
            let run = try apus("time", "--sample", "499", "--kernel-times", "--", Programs.workload, "spin", "300")
            #expect(run.end == .code(0), "\(run)")
            let text = run.errorText
            #expect(text.matches(of: /EXACT +SAMPLED +95 % INTERVAL +KERNEL +RAW\n/).count == 1, "\(text)")
            #expect(text.contains(/\ workload +\d+ ms +\d+ ms.? +\d+ ms–\d+ ms +\d+ ms/), "\(text)")
            #expect(text.contains(/SAMPLED: \d+ of \d+ samples while \d+ CPUs? worked, at 499/), "\(text)")
            #expect(text.contains(/RAW: \d+ ticks of [\d.]+ ms/), "\(text)")
            let plain = try apus("time", "--kernel-times", "--", Programs.workload, "spin", "50").errorText
            #expect(plain.contains(/EXACT +KERNEL +RAW\n/) && !plain.contains("SAMPLED"), "\(plain)")
        }

        @Test(.needsKernel) func `the document has the counts, the intervals and what they explain`() throws {
            let run = try apus(
                "time", "--json", "--sample", "997", "--jitter", "--", Programs.workload, "split", "300", "200", "100")
            let document = try #require(try JSONSerialization.jsonObject(with: Data(run.errors)) as? [String: Any])
            let sampling = try #require(document["sampling"] as? [String: Any])
            #expect(sampling["rate_hz"] as? Int == 997 && sampling["jitter"] as? Bool == true)
            #expect(sampling["confidence_percent"] as? Int == 95 && sampling["samples_missed"] is NSNumber)
            let total = try #require(document["total"] as? [String: Any])
            let sampled = try #require(total["sampled"] as? [String: [String: Any]])
            var counts: [String: Int] = [:]
            for mode in ["on_cpu", "user", "system"] {
                let figures = try #require(sampled[mode])
                let values = ["samples", "low_ns", "ns", "high_ns"].compactMap { figures[$0] as? Int }
                try #require(values.count == 4 && figures["explains_exact"] is Bool, "\(figures)")
                #expect(values[1] <= values[2] && values[2] <= values[3], "\(figures)")
                #expect(abs(Double(values[2]) - Double(values[0]) * 1e9 / 997) <= 1)
                counts[mode] = values[0]
                #expect((total["kernel_ticks"] as? [String: [String: Any]])?[mode]?["raw"] != nil)
            }
            #expect(counts["on_cpu"] == (counts["user"] ?? 0) + (counts["system"] ?? 0))
            #expect((counts["system"] ?? 0) > 20)
        }

        @Test(.needsKernel) func `intervals' samples add up to the run's`() throws {
            let folder = try TemporaryFolder()
            let run = try apus(
                "time", "--json", "-I", "100", "--sample", "997", "-o", folder.file("json"), "--", Programs.workload,
                "spin", "450")
            #expect(run.end == .code(0), "\(run)")
            let counts = try #require(folder.contents(of: "json")).split(separator: "\n").map { line in
                let document = try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any]
                let sampled = (document?["total"] as? [String: Any])?["sampled"] as? [String: [String: Any]]
                return try #require(sampled?["on_cpu"]?["samples"] as? Int)
            }
            #expect(counts.count >= 5)
            #expect(counts.dropLast().reduce(0, +) == counts.last, "\(counts)")
        }
    }
}
