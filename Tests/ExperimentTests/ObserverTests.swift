// SPDX-License-Identifier: Apache-2.0
import Foundation
import Testing

@testable import Experiment

struct ObserverTests {
    @Test func `names, groups and commands are understood`() throws {
        #expect(try Observer.parse("ptrace").map(\.name) == ["ptrace"])
        #expect(try Observer.parse("ebpf-sample").map(\.name) == ["ebpf-sample-99", "ebpf-sample-999"])
        let own = try #require(try Observer.parse("cmd:mine=strace -e 'trace=openat,close' -o /dev/null {}").first)
        #expect(own.name == "mine" && own.tool == .program("strace"))
        #expect(
            own.words(around: ["a", "b c"], apus: "/apus", report: "/r") == [
                "strace", "-e", "trace=openat,close", "-o", "/dev/null", "a", "b c",
            ])
        let script = try #require(try Observer.parse("bpftrace:/dev/null").first)
        #expect(
            script.words(around: ["a", "b"], apus: "", report: "/r") == [
                "bpftrace", "-q", "-o", "/r", "-c", "a b", "/dev/null",
            ])
    }

    @Test(arguments: [
        "strase", "cmd:mine", "cmd:mine=strace", "cmd:=x {}", "cmd:none={}", "cmd:a='x {}", "bpftrace:", "",
    ])
    func `what is none is refused with what there is`(text: String) {
        let error = #expect(throws: DesignError.self) { try Observer.parse(text) }
        #expect(
            error?.description.contains("cmd:") == true || error?.description.contains("bpftrace:") == true
                || error?.description.contains("name of another") == true)
    }

    @Test func `the table's names differ, and every command has its place for the program`() {
        #expect(Set(Observer.table.map(\.name)).count == Observer.table.count)
        for observer in Observer.table {
            #expect(observer.command.contains("{}") || observer.command.contains("{command}"), "\(observer.name)")
        }
        for name in Observer.standard + Observer.quick { #expect(Observer.table.contains { $0.name == name }) }
    }

    @Test func `calls are counted as lines, once each`() {
        let strace = """
            812 getppid()                         = 1
            812 read(3,  <unfinished ...>
            813 write(4, "(", 1)                  = 1
            812 <... read resumed>"(", 1)         = 1
            813 --- SIGCHLD {si_signo=SIGCHLD} ---
            813 exit_group(0)                     = ?
            813 +++ exited with 0 +++
            """
        #expect(ReportReader.countCalls(Array(strace.utf8)) == 4)
        let perf = """
                 0.000 ( 0.001 ms): apus/812 getppid()                                = 1
                 0.012 ( 0.003 ms): apus/812 clock_nanosleep(rqtp: 0x7ffe)            = 0
            """
        #expect(ReportReader.countCalls(Array(perf.utf8)) == 2)
        let interrupted = """
                 0.000 (         ): apus/812 futex(uaddr: 0x7ffe)                      ...
                 0.012 ( 0.003 ms): apus/813 write(fd: 4)                              = 1
                 0.000 ( 0.020 ms): apus/812  ... [continued]: futex())                = 0
            """
        #expect(ReportReader.countCalls(Array(interrupted.utf8)) == 2)
        #expect(ReportReader.countCalls([]) == 0)
    }

    @Test func `what programs cost is found in Apus's last words`() {
        let words =
            " 12 calls\n exact: nothing was lost\n observing cost 1,234 program runs, 56,789 ns in all; Apus itself: CPU"
        #expect(ReportReader.programTime(in: words) == 56_789)
        #expect(ReportReader.lostCalls(in: words) == 0)
        let lossy =
            " 12 calls\n lower bound: 42 calls found no room in\n   the kernel's buffer\n observing cost 1 program"
        #expect(ReportReader.lostCalls(in: lossy) == 42)
        #expect(ReportReader.lostCalls(in: "812 getppid() = 1") == nil)
        #expect(ReportReader.programTime(in: " observing cost 24 program runs; Apus itself: CPU 3 ms") == nil)
        #expect(ReportReader.programTime(in: "812 write(1, \"program runs, 5 ns\", 18) = 18") == nil)
        #expect(ReportReader.programTime(in: "") == nil)
    }

    @Test func `figures are found in tables`() {
        let total = "100.00    0.000123           2        54         4 total"
        #expect(ReportReader.field(3, "total", " ", in: "a 1\n" + total) == 54)
        #expect(ReportReader.field(0, "sys_enter", ",", in: "# x\n\n77,,raw_syscalls:sys_enter,1") == 77)
        #expect(ReportReader.field(0, "sys_enter", ",", in: "<not counted>,,raw_syscalls:sys_enter") == nil)
        #expect(ReportReader.field(0, "sys_enter", ",", in: "") == nil)
    }

    @Test func `a document of Apus is read from its last line`() throws {
        let path = FileManager.default.temporaryDirectory.path + "/apus-\(UUID().uuidString)"
        defer { unlink(path) }
        try #"{"type":"first"}"#.appending("\n").appending(
            #"{"total":{"syscalls":12},"completeness":{"lost_events":3},"observer":{"bpf_run_ns":null}}"# + "\n"
        ).write(toFile: path, atomically: true, encoding: .utf8)
        let findings = ReportReader.json(calls: "total.syscalls", faults: "total.minor_faults").read(path)
        #expect(findings == .init(calls: 12, faults: nil, lost: 3, programNanoseconds: nil))
        #expect(ReportReader.json(calls: "a").read("/nonexistent") == .init())
    }
}
