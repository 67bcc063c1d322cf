// SPDX-License-Identifier: Apache-2.0
import Foundation
import Glibc
import Testing

extension CommandTests {
    @Suite(.needsKernel) struct JSONTests {
        @Test(arguments: [
            ["split", "100", "200", "100"], ["demo", "200"], ["tree", "2", "3"], ["threads", "20", "10"],
            ["pipe-ping-pong", "500"], ["futex-ping-pong", "500"], ["exec-chain", "5"], ["stopped", "30"],
            ["other", "20"],
            ["vfork", "30"], ["fault", "500"],
        ])
        func `every thread's states add up to its time, and the total is their sum`(workload: [String]) throws {
            let folder = try TemporaryFolder()
            let run = try runCommand(
                [Programs.apus, "time", "--json", "-o", folder.file("json"), "--", Programs.workload] + workload)
            #expect(run.end == .code(0), "\(run)")
            let json = try #require(folder.contents(of: "json"))
            #expect(json.hasSuffix("}\n") && json.split(separator: "\n").count == 1)
            let document = try TimeDocument(Array(json.utf8))

            #expect(document.schema == "apus.time/1")
            #expect(document.time.wholeMatch(of: /\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z/) != nil)
            #expect(document.completeness.isExactOrDisturbed, "\(document.completeness)")
            #expect(document.completeness.exact == document.completeness.reasons.isEmpty)
            #expect(document.interval == nil)
            #expect(document.exit.value == .init(code: 0, signal: nil))
            #expect(!document.threads.isEmpty)

            for thread in document.threads { expectBalanced(thread.ledger, document.fault) }
            for process in document.processes {
                expectBalanced(process.ledger, document.fault)
                let threads = document.threads.filter { $0.pid == process.pid }
                #expect(process.threads == threads.count && process.tid == process.pid)
                expectSum(of: threads.map(\.ledger), is: process.ledger)
            }
            expectBalanced(document.total, document.fault)
            expectSum(of: document.threads.map(\.ledger), is: document.total)
        }

        @Test func `every key of the schema is there, with its type`() throws {
            // Decoding TimeDocument proves those of the ledger; these can be null, so presence is looked at.
            let run = try apus("time", "--json", "--", Programs.workload, "spin", "20")
            let whole = try #require(try JSONSerialization.jsonObject(with: Data(run.errors)) as? [String: Any])
            let top = [
                "schema", "host", "kernel", "time", "wall_ns", "threads", "processes", "total", "exit", "completeness",
                "observer",
            ]
            for key in top { #expect(whole.keys.contains(key), "\(key)") }
            let observer = try #require(whole["observer"] as? [String: Any])
            for key in ["bpf_run_ns", "bpf_run_count", "cpu_ns", "max_rss_bytes"] {
                #expect(observer[key] is NSNumber, "\(key)")
            }
            let threads = try #require(whole["threads"] as? [[String: Any]])
            let processes = try #require(whole["processes"] as? [[String: Any]])
            for ledger in threads + processes + [try #require(whole["total"] as? [String: Any])] {
                for key in ["fault_ns", "blocked_ns", "residual_ns", "run_queue_latency_ns", "major_faults"] {
                    #expect(ledger.keys.contains(key), "\(key)")
                }
                let blocked = try #require(ledger["blocked_ns"] as? [String: Any])
                let causes = [
                    "futex", "pipe_read", "pipe_write", "socket", "poll", "sleep", "child_wait", "file", "page_fault",
                    "stopped",
                ]
                for cause in causes { #expect(blocked[cause] is NSNumber, "\(cause)") }
            }
            #expect(threads.count == 1 && processes.count == 1)
            #expect(threads[0]["command"] as? String == "workload")
        }

        @Test func `the document says how the program ended`() throws {
            let code = try TimeDocument(try apus("time", "--json", "--", Programs.workload, "exit", "3").errors)
            #expect(code.exit.value == .init(code: 3, signal: nil))
            let signal = try TimeDocument(try apus("time", "--json", "--", Programs.workload, "signal", "TERM").errors)
            #expect(signal.exit.value == .init(code: nil, signal: SIGTERM))
        }

        @Test func `the parent of the launched process is Apus`() throws {
            let run = try Child([Programs.apus, "time", "--json", "--", Programs.workload, "tree", "1", "2"])
            defer { run.dispose() }
            let document = try TimeDocument(try run.wait().errors)
            #expect(document.processes.count == 3)
            let root = try #require(document.processes.first { $0.parentPid == run.pid })
            #expect(document.processes.filter { $0.parentPid == root.pid }.count == 2)
        }

        @Test func `the time that the program measured is in it`() throws {
            let folder = try TemporaryFolder()
            let run = try apus(
                "time", "--json", "-o", folder.file("json"), "--", Programs.workload, "syscalls", "10007")
            let truth = try #require(try JSONSerialization.jsonObject(with: Data(run.output)) as? [String: Any])
            let document = try TimeDocument(Array(try #require(folder.contents(of: "json")).utf8))
            #expect(document.total.wallNs >= (truth["wall_ns"] as? NSNumber)?.uint64Value ?? .max)
            #expect((10_007...10_507).contains(document.total.syscalls), "\(document.total.syscalls)")
            #expect(document.threads.map(\.pid) == [(truth["pid"] as? NSNumber)?.int32Value])
        }

        @Test(arguments: [["spin", "430", "2"], ["demo", "430"], ["sleep", "7", "50"]])
        func `intervals are numbered lines, and add up to the last document`(workload: [String]) throws {
            let folder = try TemporaryFolder()
            let options = ["--interval", "50", "--json", "-o", folder.file("json")]
            let run = try runCommand([Programs.apus, "time"] + options + ["--", Programs.workload] + workload)
            #expect(run.end == .code(0), "\(run)")
            let lines = try TimeDocument.lines(Array(try #require(folder.contents(of: "json")).utf8))
            let last = try #require(lines.last)
            let intervals = lines.dropLast()
            #expect(intervals.count >= 5)
            #expect(intervals.map(\.interval) == (1...UInt64(max(1, intervals.count))).map { $0 })
            #expect(last.interval == nil && last.exit.value != nil)
            for line in lines { for thread in line.threads { expectBalanced(thread.ledger, line.fault) } }

            func close(_ name: String, _ field: (TimeDocument.Ledger) -> UInt64) {
                let sum = intervals.reduce(0) { $0 + field($1.total) }
                let whole = field(last.total)
                // Within 1 %, or 100 µs of what is too little to tell.
                #expect(
                    abs(Double(sum) - Double(whole)) <= max(0.01 * Double(whole), 100_000),
                    "\(name): \(sum) of \(whole)")
            }
            close("wall") { $0.wallNs }
            close("user and system") { $0.userNs + $0.systemNs + ($0.faultNs.value ?? 0) }
            close("runnable") { $0.runnablePreemptedNs + $0.runnableWokenNs }
            close("blocked") { $0.blockedNs.values.reduce(0, +) }
            #expect(intervals.reduce(0) { $0 + $1.total.syscalls } == last.total.syscalls)
            // What observing cost is of the interval, too; some runs come between the last two reports.
            let runs = intervals.reduce(0) { $0 + $1.observer.bpfRunCount }
            #expect(runs <= last.observer.bpfRunCount && runs >= last.total.syscalls)
            #expect(intervals.reduce(0) { $0 + $1.observer.cpuNs } <= last.observer.cpuNs)
            #expect(intervals.reduce(0) { $0 + $1.total.voluntarySwitches } == last.total.voluntarySwitches)
        }

        @Test func `intervals come when they are due`() throws {
            let target = try Child([Programs.workload, "spin", "60000"])
            defer { target.dispose() }
            let observer = try Child([Programs.apus, "time", "--json", "--interval", "100", "-p", "\(target.pid)"])
            defer { observer.dispose() }
            try observer.wait(for: "\"interval\":4")
            observer.signal(SIGINT)
            let lines = try TimeDocument.lines(try observer.wait().output)
            // Each is on time or late, never early, and a late one does not make the next one late.
            var elapsed: UInt64 = 0
            for (count, line) in zip(1..., lines.prefix(4)) {
                elapsed += line.wallNs
                let due = UInt64(count) * 100_000_000
                #expect((due - 5_000_000...due + 300_000_000).contains(elapsed), "\(count): \(elapsed)")
            }
        }
    }
}

private func expectBalanced(
    _ ledger: TimeDocument.Ledger, _ fault: TimeDocument.Fault, sourceLocation: SourceLocation = #_sourceLocation
) {
    #expect(abs(ledger.residualNs) <= 1_000, sourceLocation: sourceLocation)
    let difference = Int64(bitPattern: ledger.wallNs &- ledger.states)
    #expect(abs(difference) <= 1_000, "\(ledger)", sourceLocation: sourceLocation)
    #expect(difference == ledger.residualNs, sourceLocation: sourceLocation)
    // A state below zero would wrap around, and the sum with it.
    let states = [ledger.userNs, ledger.systemNs, ledger.irqNs, ledger.softirqNs, ledger.unattributedNs]
    #expect(states.allSatisfy { $0 <= ledger.wallNs }, "\(ledger)", sourceLocation: sourceLocation)
    #expect(ledger.blockedNs.values.allSatisfy { $0 <= ledger.wallNs }, "\(ledger)", sourceLocation: sourceLocation)
    #expect((ledger.faultNs.value != nil) == fault.measured, sourceLocation: sourceLocation)
    #expect(fault.measured || fault.reason.value != nil && fault.includedIn != nil, sourceLocation: sourceLocation)
    let other = ledger.blockedNs["other"] ?? 0
    let byCall = ledger.blockedOtherBySyscallNs.values.reduce(0, +)
    #expect(abs(Int64(other) - Int64(byCall)) <= 1_000, "\(ledger.blockedNs)", sourceLocation: sourceLocation)
    let latency = ledger.runQueueLatencyNs
    #expect((latency.p50.value ?? 0) <= (latency.p99.value ?? 0), sourceLocation: sourceLocation)
    #expect((latency.p99.value ?? 0) <= (latency.max.value ?? 0), sourceLocation: sourceLocation)
}

private func expectSum(
    of parts: [TimeDocument.Ledger], is whole: TimeDocument.Ledger, sourceLocation: SourceLocation = #_sourceLocation
) {
    for field: KeyPath<TimeDocument.Ledger, UInt64> in [
        \.wallNs, \.userNs, \.systemNs, \.irqNs, \.softirqNs, \.runnablePreemptedNs, \.runnableWokenNs, \.syscalls,
        \.voluntarySwitches, \.involuntarySwitches, \.migrations, \.minorFaults, \.majorFaults,
    ] {
        #expect(
            parts.reduce(0) { $0 + $1[keyPath: field] } == whole[keyPath: field], "\(field)",
            sourceLocation: sourceLocation)
    }
}
