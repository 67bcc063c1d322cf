// SPDX-License-Identifier: Apache-2.0
import Glibc
import Testing

extension CommandTests {
    /// `apus syscalls --observer ptrace`: how it ends, and what it leaves behind.
    @Suite struct PtraceTests {
        @Test(arguments: ["ptrace", "ptrace-seccomp"]) func `the program's end is passed on`(observer: String) throws {
            func run(_ program: String...) throws -> Run {
                try runCommand(
                    [Programs.apus, "syscalls", "--observer", observer, "-q", "-o", "/dev/null", "--"] + program)
            }
            #expect(try run(Programs.workload, "exit", "7").end == .code(7))
            #expect(try run(Programs.workload, "signal", "TERM").end == .signal(SIGTERM))
            #expect(try run("/no/such/program").end == .code(127))
            #expect(try run("/").end == .code(126))
        }

        @Test func `lines are those of the other observer`() throws {
            let run = try apus(
                "syscalls", "--observer", "ptrace", "-e", "getppid,exit_group", "--", Programs.workload, "syscalls", "3"
            )
            let lines = run.errorText.split(separator: "\n").filter { $0.hasPrefix("getppid(") }
            #expect(lines.count == 3, "\(run)")
            #expect(run.errorText.contains("exit_group(0"), "\(run)")
            #expect(run.errorText.contains("exact: nothing was lost"), "\(run)")
            #expect(run.errorText.contains("stops of the target"), "\(run)")
        }

        @Test(arguments: ["ebpf", "ptrace"])
        func `a call that is under way from beginning to end is one call, and has no result`(observer: String) throws {
            for isSummary in [false, true] {
                // Another each time: one that was traced goes on in restart_syscall().
                let target = try Child([Programs.workload, "sleep", "60000"])
                defer { target.dispose() }
                try #require(eventually { Procfs.systemCall(of: target.pid) == "230" })
                let run = try runCommand(
                    [Programs.apus, "syscalls", "--observer", observer, "-p", "\(target.pid)"]
                        + (isSummary ? ["-c"] : []) + ["--", "sleep", "0.3"])
                if isSummary {
                    #expect(run.errorText.contains("clock_nanosleep        1"), "\(run)")
                } else {
                    #expect(run.errorText.contains("\n 1 call\n") && run.errorText.contains(" = ?\n"), "\(run)")
                }
            }
        }

        @Test func `a summary counts, and a filter stops at its calls alone`() throws {
            let run = try apus(
                "syscalls", "--observer", "ptrace-seccomp", "-c", "-e", "read", "--", Programs.workload, "readwrite",
                "1009")
            let line = try #require(run.errorText.split(separator: "\n").first { $0.hasPrefix("read ") }, "\(run)")
            // And those of the loader, for its libraries.
            #expect(line.contains("1,0"), "\(run)")
            #expect(!run.errorText.contains("\nwrite "), "\(run)")
        }

        @Test func `what cannot be is wrong usage`() throws {
            #expect(try apus("syscalls", "--observer", "ptrace", "-a").end == .code(64))
            #expect(try apus("syscalls", "--observer", "ptrace-seccomp", "-p", "1").end == .code(64))
            #expect(try apus("syscalls", "--observer", "ptrace", "--lossless", "--", "true").end == .code(64))
        }

        @Test func `a target runs on when Apus is told to end, or is killed`() throws {
            let run = try shell(
                """
                for signal in TERM KILL; do
                    $workload sleep 20000 > /dev/null & target=$!
                    sleep 0.2
                    $apus syscalls --observer ptrace -p $target > /dev/null 2>&1 & observer=$!
                    for turn in $(seq 100); do
                        grep TracerPid /proc/$target/status | grep -qv '\\b0$' && break; sleep 0.1
                    done
                    grep TracerPid /proc/$target/status | grep -qv '\\b0$' || echo not traced
                    kill -$signal $observer; wait $observer
                    sleep 0.5
                    grep -e TracerPid -e State /proc/$target/status
                    kill $target
                done
                """)
            #expect(run.text == String(repeating: "State:\tS (sleeping)\nTracerPid:\t0\n", count: 2), "\(run)")
        }

        @Test(.needs(program: "strace")) func `another tracer is named`() throws {
            let run = try shell(
                """
                $workload sleep 20000 > /dev/null & target=$!
                sleep 0.2
                strace -o /dev/null -p $target 2> /dev/null & strace=$!
                for turn in $(seq 100); do
                    grep TracerPid /proc/$target/status | grep -qv '\\b0$' && break; sleep 0.1
                done
                $apus syscalls --observer ptrace -p $target; echo $?
                kill $strace $target
                """)
            #expect(run.errorText.contains("is traced already, by strace (PID "), "\(run)")
            #expect(run.text == "125\n", "\(run)")
        }

        @Test(arguments: ["ptrace", "ptrace-seccomp"])
        func `a full disk ends Apus, and not the target`(observer: String) throws {
            let folder = try TemporaryFolder()
            let run = try shell(
                """
                $apus syscalls --observer $2 -o /dev/full -- sh -c "$workload getppid 20000 > /dev/null; echo done > $1"
                echo $?; sleep 0.5; cat $1
                """, folder.file("done"), observer)
            #expect(run.text == "125\ndone\n", "\(run)")
            #expect(run.errorText.contains("No space left on device"), "\(run)")
        }
    }
}
