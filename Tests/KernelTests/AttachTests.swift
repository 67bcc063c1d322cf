// SPDX-License-Identifier: Apache-2.0
import Foundation
import Glibc
import Linux
import Testing
import Tracers

/// Processes that ran before they were observed, and the machine as a whole.
extension KernelTests {
    @Suite(.needs(.tracing, .btf, .ringBuffer, .taskIterator)) struct AttachTests {
        /// A workload that runs by itself until the end of `body`.
        static func whileRunning(_ arguments: [String], _ body: (Int32) throws -> Void) throws {
            let process = Process()
            process.executableURL = URL(fileURLWithPath: ObservedWorkload.program)
            process.arguments = arguments
            process.standardOutput = FileHandle.nullDevice
            try process.run()
            defer {
                kill(process.processIdentifier, SIGKILL)
                process.waitUntilExit()
            }
            usleep(100_000)
            try body(process.processIdentifier)
        }

        static func observe(_ pid: Int32, milliseconds: UInt32) throws -> TimeReport {
            var tracer = try TimeTracer.start(.init(target: .processes([pid])))
            usleep(milliseconds * 1000)
            return try tracer.report()
        }

        @Test func `a wait that began before and ends after is charged to its cause, whole`() throws {
            try Self.whileRunning(["sleep", "60000"]) { pid in
                let report = try Self.observe(pid, milliseconds: 100)
                expectBalanced(report)
                #expect(report.total.wall >= 100_000_000)
                #expect(report.total[.sleep] == report.total.wall)
            }
        }

        @Test func `a thread that computes without any system call is user time`() throws {
            try Self.whileRunning(["spin", "60000"]) { pid in
                let report = try Self.observe(pid, milliseconds: 200)
                expectBalanced(report)
                let total = report.total
                // Up to its first interrupt it is not known what it does: a tick, or some on a busy machine.
                #expect(total[.unattributed] < (KernelTests.isGuest ? 150_000_000 : 100_000_000))
                #expect(
                    total[.user] + total.runnable + total[.unattributed] + total[.irq] + total[.softirq]
                        + total[.system]
                        + total[.fault] == total.wall)
                #expect(total[.user] > total[.system])
            }
        }

        @Test func `a child that was waited for before is waited for still`() throws {
            try Self.whileRunning(["child-wait", "60000"]) { pid in
                let report = try Self.observe(pid, milliseconds: 100)
                expectBalanced(report)
                #expect(report.total[.child] == report.total.wall)
            }
        }

        @Test func `an end that comes while it is observed is an end`() throws {
            try Self.whileRunning(["sleep", "60000"]) { pid in
                var tracer = try TimeTracer.start(.init(target: .processes([pid])))
                usleep(100_000)
                kill(pid, SIGKILL)
                usleep(KernelTests.isGuest ? 1_000_000 : 300_000)
                let asked = Clock.monotonic
                let report = try tracer.report()
                expectBalanced(report)
                let thread = try #require(report.threads.first)
                #expect(!thread.isAlive)
                #expect(thread.ledger.wall >= 100_000_000 && thread.end < asked)
            }
        }

        @Test func `a process that is not there is named`() {
            #expect {
                _ = try TimeTracer.start(.init(target: .processes([4_194_303])))
            } throws: { "\($0)".contains("4194303") }
        }

        @Test func `the whole machine balances, kernel threads included`() throws {
            var tracer = try TimeTracer.start(.init(target: .everything))
            let before = try tracer.report()
            usleep(100_000)
            let report = try tracer.report()
            // One that others start while its CPU is in the kernel's task storage for us is noted nowhere, and told.
            expectBalanced(report, mostUntracked: 3)
            #expect(report.threads.count > 10)
            #expect(report.threads.contains { $0.pid == UInt32(getpid()) })
            let kthread = try #require(report.threads.first { $0.pid == 2 })
            #expect(kthread.ledger[.user] == 0)
            #expect(kthread.ledger[.kernelThread] + kthread.ledger[.unattributed] > 0)
            // This thread slept, in the kernel's books.
            #expect(
                report.threads.contains {
                    $0.pid == UInt32(getpid()) && $0.ledger[ThreadState.sleep] >= 95_000_000
                })
            expectBalanced(report.since(before), mostUntracked: 3)
        }

        @Test func `readings in the middle of things balance, and only grow`() throws {
            try Self.whileRunning(["pipe-ping-pong", "10000000"]) { pid in
                var tracer = try TimeTracer.start(.init(target: .processes([pid])))
                var last: Ledger?
                var unread = 0
                for _ in 0..<(KernelTests.isGuest ? 50 : 200) {
                    let report = try tracer.report()
                    // A CPU that is taken from the guest, or the machine, in the middle of an update: it is told.
                    if report.completeness.reasons.contains(where: { $0.contains("could not be read") }) {
                        unread += 1
                        continue
                    }
                    expectBalanced(report)
                    if let last {
                        let step = report.total.since(last)
                        #expect(step.residual == 0)
                        #expect(step.wall < 10_000_000_000)
                        #expect(step.syscalls < 1 << 40)
                    }
                    last = report.total
                }
                #expect(unread <= 2)
            }
        }

        @Test(.enabled(if: !KernelTests.isGuest, "the guests have no unshare(1) with --kill-child"))
        func `a target in another PID namespace goes by its number here`() throws {
            let process = Process()
            process.executableURL = URL(fileURLWithPath: "/usr/bin/unshare")
            process.arguments = [
                "--pid", "--fork", "--kill-child", ObservedWorkload.program, "sleep", "60000",
            ]
            process.standardOutput = FileHandle.nullDevice
            try process.run()
            defer {
                process.terminate()
                process.waitUntilExit()
            }
            usleep(200_000)
            let parent = process.processIdentifier
            let all = try FileManager.default.contentsOfDirectory(atPath: "/proc").compactMap { Int32($0) }
            let inner = try #require(all.first { Procfs.field("PPid", of: $0) == "\(parent)" })
            let report = try Self.observe(inner, milliseconds: 50)
            #expect(report.threads.map(\.pid) == [UInt32(inner)])
            #expect(report.total[.sleep] == report.total.wall)
            kill(inner, SIGKILL)
        }
    }
}
