// SPDX-License-Identifier: Apache-2.0
import CEvents
import Foundation
import Glibc
import Linux
import Ptrace
import Testing
import Tracers

/// Processes that ran before they were traced: taken over and let go, they are none the worse.
extension KernelTests {
    @Suite(.oldestAndNewest) struct PtraceAttachTests {
        /// Observes one for a while.
        static func observe(
            _ pid: Int32, milliseconds: UInt64, sharing: PtraceObserver.Sharing = .whileAlone
        ) throws -> [PtracedProgram.Record] {
            var options = PtraceObserver.Options(.init(target: .processes([pid])))
            options.sharing = sharing
            var observer = try PtraceObserver.start(options)
            let limit = Clock.monotonic + 1_000_000 * milliseconds
            var records: [PtracedProgram.Record] = []
            observer.run(until: { Clock.monotonic > limit }) { records.append(.init($0)) }
            return records
        }

        @Test func `a target that is let go runs on, where and as it did`() throws {
            try AttachTests.whileRunning(["pipe-ping-pong", "100000000"]) { pid in
                let before = try #require(CPUSet(ofThread: pid)).all
                let records = try Self.observe(pid, milliseconds: KernelTests.isGuest ? 2_000 : 200)
                #expect(records.count > 20)
                #expect(Procfs.field("TracerPid", of: pid) == "0")
                #expect(CPUSet(ofThread: pid)?.all == before)
                let switches = Procfs.field("voluntary_ctxt_switches", of: pid)
                for _ in 0..<100 where Procfs.field("voluntary_ctxt_switches", of: pid) == switches { usleep(100_000) }
                #expect(Procfs.field("voluntary_ctxt_switches", of: pid) != switches)
                #expect(Procfs.field("State", of: pid)?.hasPrefix("t") == false)
            }
        }

        @Test func `a call that was under way is told as such, and again when it returns`() throws {
            try AttachTests.whileRunning(["sleep", KernelTests.isGuest ? "4000" : "600"]) { pid in
                // It is to be asleep.
                if KernelTests.isGuest { usleep(1_000_000) }
                let records = try Self.observe(pid, milliseconds: 8000)
                let calls = records.filter { Int($0.header.number) == PtraceTests.key("clock_nanosleep") }
                try #require(calls.count == 2)
                #expect(calls[0].has(SYSCALL_UNFINISHED) && calls[0].has(SYSCALL_RESUMED))
                #expect(!calls[1].has(SYSCALL_UNFINISHED) && calls[1].has(SYSCALL_RESUMED))
                #expect(calls[1].header.result == 0)
                #expect(calls[1].header.ts_ns == calls[0].header.ts_ns)
                #expect(records.filter { $0.type == SYSCALL_RECORD_EXIT }.count == 1)
            }
        }

        @Test func `a wait that stops may not interrupt is none the worse`() throws {
            let process = Process()
            process.executableURL = URL(fileURLWithPath: ObservedWorkload.program)
            process.arguments = ["patient", KernelTests.isGuest ? "5000" : "800"]
            process.standardOutput = FileHandle.nullDevice
            try process.run()
            usleep(KernelTests.isGuest ? 1_000_000 : 100_000)
            for _ in 0..<3 {
                let records = try Self.observe(process.processIdentifier, milliseconds: 60)
                let waits = records.filter { Int($0.header.number) == PtraceTests.key("epoll_wait") }
                #expect(waits.map { $0.has(SYSCALL_UNFINISHED) } == [true, true])
            }
            process.waitUntilExit()
            #expect(process.terminationStatus == 0)
        }

        private static func comes(_ pid: Int32, into state: String) -> Bool {
            for _ in 0..<200 {
                if Procfs.field("State", of: pid)?.hasPrefix(state) == true { return true }
                usleep(10_000)
            }
            return false
        }

        @Test func `a stopped process stays stopped`() throws {
            try AttachTests.whileRunning(["sleep", "60000"]) { pid in
                kill(pid, SIGSTOP)
                usleep(50_000)
                let records = try Self.observe(pid, milliseconds: 100)
                #expect(records.contains { $0.type == SYSCALL_RECORD_STOP && $0.header.number == SIGSTOP })
                // The kernel has it stop anew (__ptrace_unlink() of kernel/ptrace.c).
                #expect(Self.comes(pid, into: "T"))
                kill(pid, SIGCONT)
                #expect(Self.comes(pid, into: "S"))
            }
        }

        @Test func `all threads of a process that runs are found`() throws {
            try AttachTests.whileRunning(["threads", "101", "60000"]) { pid in
                for _ in 0..<200 where Procfs.field("Threads", of: pid) != "102" { usleep(50_000) }
                var observer = try PtraceObserver.start(.init(.init(target: .processes([pid]))))
                var tids: Set<UInt32> = []
                let limit = Clock.monotonic + 10_000_000_000
                observer.run(until: { tids.count == 102 || Clock.monotonic > limit }) { tids.insert($0.header.tid) }
                #expect(tids.count == 102)
            }
        }

        @Test func `who traces a process already is named`() throws {
            try AttachTests.whileRunning(["sleep", "60000"]) { pid in
                var observer = try PtraceObserver.start(.init(.init(target: .processes([pid]))))
                #expect {
                    _ = try PtraceObserver.start(.init(.init(target: .processes([pid]))))
                } throws: {
                    "\($0)".contains("traced already, by \(Procfs.text("/proc/self/comm") ?? "?") (PID \(getpid()))")
                }
                observer.letGo()
                #expect(Procfs.field("TracerPid", of: pid) == "0")
            }
        }

        @Test func `a process that is not there is named`() {
            #expect {
                _ = try PtraceObserver.start(.init(.init(target: .processes([4_194_303]))))
            } throws: { "\($0)".contains("4194303") }
        }

        @Test func `an error of who reads lets the target go`() throws {
            struct Full: Error {}
            try AttachTests.whileRunning(["pipe-ping-pong", "100000000"]) { pid in
                var observer = try PtraceObserver.start(.init(.init(target: .processes([pid]))))
                var count = 0
                #expect(throws: Full.self) {
                    try observer.run(until: { () throws(Full) in false }) { _ throws(Full) in
                        count += 1
                        if count == 50 { throw Full() }
                    }
                }
                #expect(Procfs.field("TracerPid", of: pid) == "0")
            }
        }
    }
}
