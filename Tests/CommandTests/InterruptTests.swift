// SPDX-License-Identifier: Apache-2.0
import Glibc
import Testing

extension CommandTests {
    @Suite(.needsKernel) struct InterruptTests {
        @Test(arguments: [SIGINT, SIGTERM]) func `one ends observing a process, and prints the report`(signal: Int32)
            throws
        {
            let target = try Child([Programs.workload, "spin", "60000"])
            defer { target.dispose() }
            let observer = try Child([Programs.apus, "time", "--json", "-p", "\(target.pid)"])
            defer { observer.dispose() }
            try observer.waitUntilObserving()
            usleep(100_000)
            observer.signalGroup(signal)
            let run = try observer.wait()
            #expect(run.end == .code(0), "\(run)")
            let document = try TimeDocument(run.output)
            #expect(document.threads.map(\.tid) == [target.pid])
            #expect(document.total.userNs > 10_000_000)
            #expect(target.end == nil)
        }

        @Test func `the report comes with the end of what is observed, and the wait for the program can be ended`()
            throws
        {
            let target = try Child([Programs.workload, "sleep", "60000"])
            defer { target.dispose() }
            let observer = try Child([Programs.apus, "time", "-p", "\(target.pid)", "--", "sleep", "30"])
            defer { observer.dispose() }
            try observer.waitUntilObserving()
            target.dispose()
            // Beside a program a report goes to standard error; after it Apus waits for the program alone.
            usleep(500_000)
            #expect(observer.end == nil)
            observer.signal(SIGINT)
            let run = try observer.wait(limit: 5)
            #expect(run.end == .signal(SIGINT) && run.errorText.contains("1 process, 1 thread"), "\(run)")
        }

        @Test func `one ends a profile, and prints it; two quit at once`() throws {
            let target = try Child([Programs.workload, "spin", "60000"])
            defer { target.dispose() }
            for signals in [[SIGINT], [SIGINT, SIGTERM]] {
                let observer = try Child([Programs.apus, "profile", "-p", "\(target.pid)"])
                defer { observer.dispose() }
                #expect(eventually { Procfs.blocks(SIGINT, in: observer.pid) })
                usleep(500_000)
                observer.signal(SIGSTOP)
                for signal in signals { observer.signal(signal) }
                observer.signal(SIGCONT)
                let run = try observer.wait(limit: 10)
                if signals.count == 1 {
                    #expect(run.end == .code(0) && run.text.contains("spin_for_cycles"), "\(run)")
                } else {
                    #expect([.signal(SIGINT), .signal(SIGTERM)].contains(run.end) && run.output.isEmpty, "\(run)")
                }
            }
            #expect(target.end == nil)
        }

        @Test func `one to a program and Apus, as a terminal sends it: the report, and death by it`() throws {
            let run = try Child([Programs.apus, "time", "--", "sh", "-c", "echo ready; exec sleep 60"])
            defer { run.dispose() }
            try run.wait(for: "ready")
            try run.waitUntilObserving()
            run.signalGroup(SIGINT)
            let end = try run.wait()
            #expect(end.end == .signal(SIGINT), "\(end)")
            #expect(end.errorText.contains("killed by signal 2"), "\(end)")
            #expect(end.errorText.contains("1 process, 1 thread"), "\(end)")
        }

        @Test func `a program that handles it and exits has its own status passed on`() throws {
            let script = "trap 'exit 9' INT; echo ready; while :; do sleep 0.01; done"
            let run = try Child([Programs.apus, "time", "--", "sh", "-c", script])
            defer { run.dispose() }
            try run.wait(for: "ready")
            try run.waitUntilObserving()
            run.signalGroup(SIGINT)
            let end = try run.wait()
            #expect(end.end == .code(9), "\(end)")
            #expect(end.errorText.contains("exit 9"))
        }

        @Test func `a program that ignores it lives on; Apus prints the report and dies of it`() throws {
            let run = try Child([Programs.apus, "time", "--", "sh", "-c", "trap '' INT; echo $$; exec sleep 60"])
            defer { run.dispose() }
            let program = try #require(pid_t(try run.firstLine()))
            try run.waitUntilObserving()
            run.signalGroup(SIGINT)
            let end = try run.wait()
            #expect(end.end == .signal(SIGINT), "\(end)")
            #expect(end.errorText.contains("1 process, 1 thread"), "\(end)")
            #expect(end.errorText.contains("blocked   sleep"), "\(end)")
            #expect(Procfs.isAlive(program))
        }

        @Test func `two in quick succession quit at once`() throws {
            let run = try Child([Programs.apus, "time", "--", "sh", "-c", "trap '' INT; echo ready; exec sleep 60"])
            defer { run.dispose() }
            try run.wait(for: "ready")
            try run.waitUntilObserving()
            // It is stopped, so that both are there before it can act on one.
            run.signal(SIGSTOP)
            run.signalGroup(SIGINT)
            run.signalGroup(SIGTERM)
            run.signal(SIGCONT)
            let end = try run.wait(limit: 2)
            #expect([.signal(SIGINT), .signal(SIGTERM)].contains(end.end), "\(end)")
            #expect(!end.errorText.contains("1 process"), "\(end)")
        }

        @Test func `two quit at once even if nobody reads the results`() throws {
            let target = try Child([Programs.workload, "sleep", "10", "6000"])
            defer { target.dispose() }
            let observer = try Child(
                [Programs.apus, "time", "--json", "--interval", "1", "-p", "\(target.pid)"], output: .unread)
            defer { observer.dispose() }
            try observer.waitUntilObserving()
            try observer.waitUntilStuck()
            observer.signal(SIGINT)
            try observer.waitUntilTaken(SIGINT)
            observer.signal(SIGINT)
            _ = try observer.wait(limit: 2)
            #expect(target.end == nil)
        }

        @Test func `a hang-up that nohup has Apus ignore is ignored`() throws {
            let target = try Child([Programs.workload, "sleep", "60000"])
            defer { target.dispose() }
            let observer = try Child(["sh", "-c", "trap '' HUP; exec \"$apus\" time -p \(target.pid)"])
            defer { observer.dispose() }
            try observer.waitUntilObserving()
            observer.signal(SIGHUP)
            usleep(300_000)
            #expect(observer.end == nil)
        }

        @Test func `SIGKILL leaves the target unharmed, and nothing attached`() throws {
            let target = try Child([Programs.workload, "sleep", "10", "100"])
            defer { target.dispose() }
            let observer = try Child([Programs.apus, "time", "-p", "\(target.pid)"])
            defer { observer.dispose() }
            try observer.waitUntilObserving()
            let programs = Procfs.bpfObjects("prog_id", of: observer.pid)
            let links = Procfs.bpfObjects("link_id", of: observer.pid)
            let maps = Procfs.bpfObjects("map_id", of: observer.pid)
            #expect(programs.count >= 5 && maps.count >= 3)
            #expect(programs.allSatisfy { BPFCall.exists(.program, $0) })
            #expect(maps.allSatisfy { BPFCall.exists(.map, $0) })
            observer.signal(SIGKILL)
            #expect(try observer.wait().end == .signal(SIGKILL))
            #expect(eventually { !programs.contains { BPFCall.exists(.program, $0) } })
            #expect(eventually { !links.contains { BPFCall.exists(.link, $0) } })
            #expect(eventually { !maps.contains { BPFCall.exists(.map, $0) } })
            let end = try target.wait()
            #expect(end.end == .code(0) && end.text.contains("\"workload\":\"sleep\""), "\(end)")
        }

        @Test func `SIGKILL lets a program that Apus started run to its end`() throws {
            let folder = try TemporaryFolder()
            let run = try Child([
                Programs.apus, "time", "--", "sh", "-c", "echo ready; sleep 0.3; echo done > \(folder.file("end"))",
            ])
            defer { run.dispose() }
            try run.wait(for: "ready")
            run.signal(SIGKILL)
            #expect(try run.wait().end == .signal(SIGKILL))
            #expect(eventually { folder.contents(of: "end") == "done\n" })
        }
    }
}
