// SPDX-License-Identifier: Apache-2.0
import Glibc
import Testing

extension CommandTests {
    @Suite(.needsKernel) struct AttachTests {
        @Test func `no such PID is 125`() throws {
            // Above the kernel's PID_MAX_LIMIT.
            let run = try apus("time", "-p", "4194305")
            #expect(run.end == .code(125), "\(run)")
            #expect(run.errorText.hasPrefix("apus: no process 4194305"))
            #expect(run.output.isEmpty)
        }

        @Test func `one PID of several that is not there is 125`() throws {
            let target = try Child([Programs.workload, "sleep", "60000"])
            defer { target.dispose() }
            let run = try apus("time", "-p", "\(target.pid)", "-p", "4194305")
            #expect(run.end == .code(125), "\(run)")
            #expect(run.errorText.hasPrefix("apus: no process 4194305"))
            #expect(target.end == nil)
        }

        @Test func `the PID of a thread is 125, and names its process`() throws {
            let target = try Child([Programs.workload, "threads", "3", "60000"])
            defer { target.dispose() }
            #expect(eventually { Procfs.threads(of: target.pid).count == 4 })
            let thread = try #require(Procfs.threads(of: target.pid).first { $0 != target.pid })
            let run = try apus("time", "-p", "\(thread)")
            #expect(run.end == .code(125), "\(run)")
            #expect(run.errorText == "apus: \(thread) is a thread of process \(target.pid): use -p \(target.pid)\n")
        }

        @Test func `a zombie is no process to observe`() throws {
            // Its parent is this test, which does not wait for it.
            let target = try Child(["true"])
            defer { target.dispose() }
            let zombie = target.pid
            #expect(eventually { Procfs.state(of: zombie) == "Z" })
            let run = try apus("time", "-p", "\(zombie)")
            #expect(run.end == .code(125), "\(run)")
            #expect(run.errorText.hasPrefix("apus: no process \(zombie)"))
        }

        @Test func `a first thread that has ended waits for nothing`() throws {
            let target = try Child([Programs.workload, "headless", "60000"])
            defer { target.dispose() }
            #expect(eventually { Procfs.state(of: target.pid) == "Z" })
            let document = try TimeDocument(
                apus("time", "--json", "-o", "-", "-p", "\(target.pid)", "--", "sleep", "0.1").output)
            #expect(document.threads.count == 1 && document.threads[0].tid != target.pid, "\(document.threads)")
        }

        @Test func `a process that ends while Apus attaches is observed, or is said to be gone`() throws {
            for step in 0..<40 {
                let shell = try Child(["/bin/sh", "-c", "sleep \(Double(step) * 0.006) & echo $!; wait; exec sleep 60"])
                defer { shell.dispose() }
                let pid = try shell.firstLine()
                let run = try apus("time", "-p", pid, limit: 10)
                switch run.end {
                case .code(0):
                    #expect(run.errors.isEmpty)
                    #expect(run.text.contains("PID \(pid)") && run.text.contains("1 process, 1 thread"), "\(run)")
                case .code(125):
                    #expect(run.errorText.hasPrefix("apus: no process \(pid)"), "\(run)")
                    #expect(run.output.isEmpty)
                default: Issue.record("\(run)")
                }
            }
        }

        @Test func `observing ends when the last of the processes has ended`() throws {
            let targets = try (1...2).map { try Child([Programs.workload, "sleep", "\($0 * 1500)"]) }
            defer { targets.forEach { $0.dispose() } }
            let observer = try Child([Programs.apus, "time", "--json"] + targets.flatMap { ["-p", "\($0.pid)"] })
            defer { observer.dispose() }
            for target in targets { #expect(try target.wait().end == .code(0)) }
            let run = try observer.wait()
            #expect(run.end == .code(0), "\(run)")
            let document = try TimeDocument(run.output)
            #expect(Set(document.processes.map(\.pid)) == Set(targets.map(\.pid)))
            #expect(document.exit.value == nil)
        }

        @Test func `a process given twice is counted once`() throws {
            let target = try Child([Programs.workload, "sleep", "2000"])
            defer { target.dispose() }
            let run = try apus("time", "-p", "\(target.pid)", "-p", "\(target.pid)", "--json")
            #expect(run.end == .code(0), "\(run)")
            #expect(try TimeDocument(run.output).threads.map(\.tid) == [target.pid])
        }

        @Test func `with -p a program only sets how long to observe`() throws {
            let target = try Child([Programs.workload, "spin", "60000"])
            defer { target.dispose() }
            let run = try apus("time", "-p", "\(target.pid)", "--json", "--", "sh", "-c", "sleep 0.2; exit 5")
            #expect(run.end == .code(5), "\(run)")
            let document = try TimeDocument(run.errors)
            #expect(Set(document.threads.map(\.pid)) == [target.pid])
            #expect((200_000_000..<600_000_000).contains(document.wallNs), "\(document.wallNs)")
            #expect(target.end == nil)
        }
    }
}
