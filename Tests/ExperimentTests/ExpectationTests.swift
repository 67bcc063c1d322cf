// SPDX-License-Identifier: Apache-2.0
import Statistics
import Testing

@testable import Experiment

struct ExpectationTests {
    @Test func `it is read with or without a second observer, and with or without a workload`() throws {
        let full = try Expectation("ptrace/ebpf-stream > 20 on getppid")
        #expect(full.numerator == "ptrace" && full.denominator == "ebpf-stream" && full.workload == "getppid")
        #expect(full.isGreater && full.bound == 20)
        let short = try Expectation("ebpf-time<1.5")
        #expect(
            short.numerator == "ebpf-time" && short.denominator == "none" && short.workload == nil && !short.isGreater)
        let script = try Expectation("bpftrace:/tmp/a.bt / ebpf-count > 2")
        #expect(script.numerator == "bpftrace:/tmp/a.bt" && script.denominator == "ebpf-count")
        #expect(try Expectation("bpftrace:/tmp/a.bt > 2").numerator == "bpftrace:/tmp/a.bt")
    }

    @Test(arguments: [
        "", "ptrace", "ptrace >", "ptrace > x", "ptrace > -1", "> 3", "a/b/c > 1", "a > 1 at b", "a > 1 on", "a b > 1",
    ])
    func `what is none is refused, with how it is written`(text: String) {
        let error = #expect(throws: DesignError.self) { try Expectation(text) }
        #expect(error?.description.contains("OBSERVER[/OBSERVER] > NUMBER [on WORKLOAD]") == true)
    }

    @Test func `the interval decides`() throws {
        let greater = try Expectation("a > 2")
        let less = try Expectation("a < 2")
        func ratio(_ lower: Double, _ upper: Double) -> Ratio {
            Ratio(value: (lower + upper) / 2, interval: Interval(lower: lower, upper: upper, confidence: 0.95))
        }
        #expect(greater.verdict(for: ratio(2.1, 2.4)) == .supported)
        #expect(greater.verdict(for: ratio(1.1, 1.9)) == .refuted)
        #expect(greater.verdict(for: ratio(1.9, 2.1)) == .undecided)
        #expect(less.verdict(for: ratio(2.1, 2.4)) == .refuted)
        #expect(less.verdict(for: ratio(1.1, 1.9)) == .supported)
        #expect(less.verdict(for: Ratio(value: 1, interval: nil)) == .undecided)
    }
}
