// SPDX-License-Identifier: Apache-2.0
import Foundation
import Glibc
import Testing

extension CommandTests {
    @Suite(.needsKernel) struct SyscallsTests {
        /// A line of `apus.syscalls/1`.
        struct Line: Decodable {
            let schema: String
            let type: String
            let tid: Int?
            let name: String?
            let arguments: [String]?
            let result: Int?
            let error: String?
            let unfinished: Bool?
            let calls_total: Int?
            let completeness: Completeness?
            struct Completeness: Decodable {
                let exact: Bool
                let reasons: [String]
            }
        }

        /// A call as both tools tell it.
        struct Call: Equatable, CustomStringConvertible {
            let name: String
            /// Small numbers and errors; addresses, PIDs and the like differ from run to run.
            let result: String
            var description: String { "\(name) = \(result)" }
        }

        private func observe(_ command: [String], _ options: [String] = []) throws -> [Line] {
            let folder = try TemporaryFolder()
            let run = try runCommand(
                [Programs.apus, "syscalls", "--json", "-o", folder.file("json")] + options + ["--"] + command)
            #expect(run.end == .code(0), "\(run)")
            let text = try #require(folder.contents(of: "json"))
            return try text.split(separator: "\n").map { try JSONDecoder().decode(Line.self, from: Data($0.utf8)) }
        }

        /// Per thread, in the order in which they appeared.
        private func calls(_ lines: [Line]) -> [[Call]] {
            var threads: [Int] = []
            var calls: [Int: [Call]] = [:]
            for line in lines where line.type == "call" {
                guard let tid = line.tid, let name = line.name else { continue }
                if calls[tid] == nil { threads.append(tid) }
                let result = line.unfinished == true ? "?" : line.error ?? Self.comparable(line.result ?? 0, name)
                guard !Self.waits.contains(name) else { continue }
                calls[tid, default: []].append(Call(name: name, result: result))
            }
            return threads.compactMap { calls[$0] }
        }

        /// The same of what `strace -f -o` wrote: `123 read(3, "", 10) = 0`.
        private func straceCalls(_ text: String) -> [[Call]] {
            var threads: [Substring] = []
            var calls: [Substring: [Call]] = [:]
            for line in text.split(separator: "\n") {
                let words = line.split(separator: " ", maxSplits: 1, omittingEmptySubsequences: true)
                guard words.count == 2 else { continue }
                let (tid, rest) = (words[0], words[1].drop { $0 == " " })
                if rest.hasSuffix("<unfinished ...>") || rest.hasPrefix("---") || rest.hasPrefix("+++") { continue }
                let name: Substring
                if rest.hasPrefix("<... ") {
                    name = rest.dropFirst(5).prefix { $0 != " " }
                } else {
                    name = rest.prefix { $0 != "(" }
                }
                guard let mark = rest.range(of: " = ", options: .backwards) else { continue }
                let end = rest[mark.upperBound...].split(separator: " ")
                let result: String
                switch end.first {
                case "?": result = end.count > 1 ? String(end[1]) : "?"
                case "-1": result = end.count > 1 ? String(end[1]) : "-1"
                case let number? where number.hasPrefix("0x"):
                    result = Self.comparable(Int(number.dropFirst(2), radix: 16) ?? -1, String(name))
                case let number?: result = Self.comparable(Int(number) ?? -1, String(name))
                case nil: continue
                }
                if calls[tid] == nil { threads.append(tid) }
                guard !Self.waits.contains(String(name)) else { continue }
                calls[tid, default: []].append(Call(name: String(name), result: result))
            }
            return threads.compactMap { calls[$0] }
        }

        /// How often a shell waits for a child, or a thread for another, depends on which runs first.
        private static let waits: Set = ["rt_sigreturn", "rt_sigsuspend", "rt_sigprocmask", "wait4", "futex"]

        private static func comparable(_ result: Int, _ name: String) -> String {
            let isOfTheRun = [
                "brk", "mmap", "getpid", "getppid", "gettid", "clone", "clone3", "vfork", "wait4", "set_tid_address",
                "mremap", "getpgrp", "rt_sigreturn", "getpgid", "times",
            ].contains(name)
            // Of a line with times in it, and of /proc/self/maps.
            let isAccount = ["read", "write"].contains(name) && result > 256
            return isOfTheRun || isAccount || result > 1 << 20 ? "#" : "\(result)"
        }

        @Test(
            .needs(program: "strace"),
            arguments: [
                ["true"], ["ls", "-lR", "/usr/share/doc/bash"],
                ["sh", "-c", "echo a | cat; ls /nowhere; (exit 3) | cat"],
                ["tar", "cf", "/dev/null", "/usr/share/doc/bash"], ["git", "-C", "$repository", "status"],
                ["env", "PYTHONHASHSEED=0", "/usr/bin/python3", "-c", "import json; print(json.dumps([1, 2]))"],
                ["workload", "forks", "7"], ["workload", "readwrite", "500"], ["workload", "exec-chain", "3"],
                ["workload", "threads", "7", "30"], ["workload", "socket", "30", "tcp"],
            ])
        func `threads make the calls that strace sees, with the same results`(program: [String]) throws {
            let folder = try TemporaryFolder()
            if program[0] == "git" { _ = try runCommand(["git", "init", "-q", folder.file("repository")]) }
            let command = program.map {
                $0 == "workload" ? Programs.workload : $0 == "$repository" ? folder.file("repository") : $0
            }
            let strace = try runCommand(["strace", "-f", "-o", folder.file("strace"), "--"] + command)
            let theirs = straceCalls(try #require(folder.contents(of: "strace")))
            let lines = try observeIgnoringExit(command, folder)
            let ours = calls(lines)
            #expect(strace.end == .code(0) || strace.end == .code(2) || !theirs.isEmpty)
            #expect(ours.map(\.count).sorted() == theirs.map(\.count).sorted())
            // The kernel lets either of a parent and its child run first.
            for thread in theirs {
                guard !ours.contains(thread) else { continue }
                let nearest = ours.first { $0.count == thread.count } ?? ours.first ?? []
                let place = zip(nearest, thread).enumerated().first { $1.0 != $1.1 }
                Issue.record("no thread is like strace's; first difference: \(place.map { "\($0)" } ?? "length")")
            }
            #expect(lines.last?.completeness?.exact == true, "\(String(describing: lines.last))")
        }

        private func observeIgnoringExit(_ command: [String], _ folder: TemporaryFolder) throws -> [Line] {
            _ = try runCommand([Programs.apus, "syscalls", "--json", "-o", folder.file("json"), "--"] + command)
            let text = try #require(folder.contents(of: "json"))
            return try text.split(separator: "\n").map { try JSONDecoder().decode(Line.self, from: Data($0.utf8)) }
        }

        @Test func `dd a byte at a time is complete, call by call`() throws {
            let lines = try observe(["dd", "if=/dev/zero", "of=/dev/null", "bs=1", "count=20011"])
            let calls = lines.filter { $0.type == "call" }
            #expect(calls.count { $0.name == "read" && $0.arguments?.first == "0</dev/zero>" } == 20_011)
            #expect(calls.count { $0.name == "write" && $0.arguments?.first == "1</dev/null>" } == 20_011)
            #expect(calls.allSatisfy { $0.schema == "apus.syscalls/1" })
            let end = try #require(lines.last)
            #expect(end.type == "end" && end.calls_total == calls.count && end.completeness?.exact == true)
        }

        @Test func `what is lost is told in its place, and at the ends of threads`() throws {
            let folder = try TemporaryFolder()
            let run = try apus(
                "syscalls", "--buffer", "1", "-o", folder.file("lines"), "--", Programs.workload, "getppid", "400000")
            #expect(run.end == .code(0), "\(run)")
            let lines = try #require(folder.contents(of: "lines")).split(separator: "\n")
            let gaps = lines.filter { $0.contains(" lost ") && $0.contains("--- ") }
            let told = gaps.compactMap { line in line.split(separator: " ").lazy.compactMap { Int($0) }.first }.reduce(
                0, +)
            let calls = lines.count { $0.contains("getppid()") }
            // On a machine that keeps up nothing is lost.
            #expect(calls + told >= 400_000, "\(calls), \(told)")
            let closing = try #require(lines.last { $0.contains("calls found no room") || $0.contains("exact") })
            #expect(told == 0 || closing.contains("\(told) calls"), "\(closing), \(told)")
        }

        @Test func `lines are strace's, with what is behind descriptors`() throws {
            let run = try apus(
                "syscalls", "-s", "8", "--", "sh", "-c", "echo 0123456789; cat /etc/hostname > /dev/null")
            let text = run.errorText
            #expect(text.contains(#"write(1<pipe:["#) && text.contains(#"]>, "01234567"..., 11) = 11 <0."#), "\(text)")
            #expect(text.contains(#"bin/sh", ["sh", "-c", "echo 012"...], 0x"#))
            #expect(text.contains(#"openat(AT_FDCWD</"#) && text.contains("O_RDONLY"))
            #expect(text.contains("= -1 ENOENT (No such file or directory)"))
            #expect(text.contains("exit_group(0) = ?") && text.contains("+++ exited with 0 +++"))
            #expect(text.contains(" exact: nothing was lost"))
            #expect(run.text == "0123456789\n")
        }

        @Test func `a summary fits in 80 columns, and its errors are by name`() throws {
            let run = try apus("syscalls", "-c", "--", "sh", "-c", "cat /nowhere /nowhere; true")
            #expect(run.errorText.split(separator: "\n").allSatisfy { $0.count <= 80 }, "\(run.errorText)")
            #expect(run.errorText.contains("ENOENT") && run.errorText.contains("total"))
            let process = try apus("syscalls", "-c", "-t", "--", "sh", "-c", "cat /nowhere; true")
            #expect(process.errorText.contains(" cat") && process.errorText.contains(" sh"), "\(process.errorText)")
        }

        @Test func `filters show what they are asked for alone`() throws {
            let lines = try observe(
                ["sh", "-c", "cat /etc/hostname /nowhere/x || true"], ["-e", "%file", "-e", "path=/nowhere/*"])
            let calls = lines.filter { $0.type == "call" }
            #expect(calls.count == 1 && calls.first?.error == "ENOENT" && calls.first?.name == "openat")
        }

        @Test(arguments: [
            ["-e", "opne", "true"], ["-e", "duration>1parsec", "true"], ["-c", "-e", "path=/a*b", "true"],
            ["-t", "true"],
            ["-s", "-1", "true"], ["--buffer", "3", "true"], ["-a", "-p", "1"], [], ["-p", "0"],
            ["--absolute", "--relative", "true"], ["-c", "--lossless", "true"],
        ])
        func `wrong usage is 64, and says what is wrong`(arguments: [String]) throws {
            let run = try runCommand([Programs.apus, "syscalls"] + arguments)
            #expect(run.end == .code(64) && run.errorText.hasPrefix("apus: "), "\(run)")
        }

        @Test func `a wrong expression is pointed at`() throws {
            let run = try apus("syscalls", "-e", "read,clsoe", "true")
            #expect(run.errorText.contains("\n  read,clsoe\n       ^\n"), "\(run.errorText)")
        }

        @Test func `exit statuses are the contract's`() throws {
            #expect(try apus("syscalls", "--", "sh", "-c", "exit 3").end == .code(3))
            #expect(try apus("syscalls", "--", "sh", "-c", "kill -TERM $$").end == .signal(SIGTERM))
            #expect(try apus("syscalls", "--", "/no/such/program").end == .code(127))
            #expect(try apus("syscalls", "--", "/etc/passwd").end == .code(126))
            #expect(try apus("syscalls", "-p", "999999999").end == .code(125))
        }

        @Test func `a closed pipe and a full disk end it, and the target is unharmed`() throws {
            for output in ["/dev/full", "/proc/self/no"] {
                let run = try apus("syscalls", "-o", output, "--", "true")
                #expect(run.end == .code(125) && run.errorText.contains(output), "\(run)")
            }
            let target = try Child([Programs.workload, "sleep", "2000", "3"])
            defer { target.dispose() }
            let run = try shell("\(Programs.apus) syscalls -e '!none' -p $1 -o /dev/full", "\(target.pid)", limit: 15)
            #expect(run.end == .code(125))
            #expect(target.end == nil)
        }

        @Test func `a reader that goes away ends it, and not the target`() throws {
            let folder = try TemporaryFolder()
            let run = try shell(
                """
                $apus syscalls -o - -- sh -c "$workload syscalls 20000 > /dev/null; echo done > $1" | head -1 | wc -l
                for i in 1 2 3 4 5 6 7 8 9 10; do [ -e $1 ] || sleep 0.2; done
                cat $1
                """, folder.file("done"))
            #expect(run.text == "1\ndone\n" && run.errorText.contains("Broken pipe"), "\(run)")
        }

        @Test(arguments: ["ebpf", "ptrace"])
        func `a string that cannot be read is told by its address`(observer: String) throws {
            let run = try apus(
                "syscalls", "--observer", observer, "-e", "open", "--", "/usr/bin/python3", "-c",
                "import ctypes; ctypes.CDLL(None).syscall(2, 8, 0)")
            #expect(run.errorText.contains("open(0x8, O_RDONLY) = -1 EFAULT (Bad address)"), "\(run)")
        }

        /// Makes system calls for ever, of which a good part are records of 150 bytes.
        static let busy = ["sh", "-c", "while :; do read line < /etc/hostname; done"]

        @Test(arguments: [SIGKILL, SIGTERM])
        func `the target runs on if apus ends while it has it stopped`(signal: Int32) throws {
            let target = try Child(Self.busy)
            defer { target.dispose() }
            // Nobody reads the lines, so that the buffer fills.
            let apus = try Child(
                [Programs.apus, "syscalls", "--lossless", "--buffer", "1", "-p", "\(target.pid)"], output: .unread)
            defer { apus.dispose() }
            #expect(eventually { Procfs.state(of: target.pid) == "T" })
            apus.signal(signal)
            // SIGTERM lets the reader have what there is; nobody does, so that a second one is needed.
            if signal == SIGTERM {
                usleep(300_000)
                apus.signal(signal)
            }
            #expect(eventually { apus.end == .signal(signal) })
            #expect(eventually { Procfs.state(of: target.pid) == "R" && target.end == nil })
        }

        @Test func `a stop that someone else asked for is left alone`() throws {
            let target = try Child(Self.busy)
            defer { target.dispose() }
            let folder = try TemporaryFolder()
            let apus = try Child(
                [
                    Programs.apus, "syscalls", "--lossless", "--buffer", "1", "-o", folder.file("lines"), "-p",
                    "\(target.pid)",
                ])
            defer { apus.dispose() }
            #expect(
                eventually { (try? Data(contentsOf: URL(fileURLWithPath: folder.file("lines"))).count) ?? 0 > 1 << 20 })
            target.signal(SIGSTOP)
            usleep(300_000)
            for _ in 0..<20 {
                #expect(Procfs.state(of: target.pid) == "T")
                usleep(10_000)
            }
            target.signal(SIGCONT)
            #expect(eventually { Procfs.state(of: target.pid) == "R" })
            apus.signal(SIGINT)
            _ = try apus.wait()
            let text = try #require(folder.contents(of: "lines"))
            #expect(text.contains(" exact: nothing was lost"), "\(text.suffix(300))")
        }

        /// A stop from the keyboard that is blocked never comes.
        @Test func `a stop that never comes does not end flow control`() throws {
            let target = try Child(["env", "--block-signal=TSTP", Programs.workload, "getppid", "1000000000"])
            defer { target.dispose() }
            let folder = try TemporaryFolder()
            func size() -> Int {
                var status = stat()
                return stat(folder.file("lines"), &status) == 0 ? Int(status.st_size) : 0
            }
            let apus = try Child(
                [
                    Programs.apus, "syscalls", "--lossless", "--buffer", "1", "-o", folder.file("lines"), "-p",
                    "\(target.pid)",
                ])
            defer { apus.dispose() }
            #expect(eventually(within: 60) { size() > 1 << 20 })
            target.signal(SIGTSTP)
            usleep(300_000)
            let before = size()
            // Some times as much as the buffer holds.
            #expect(eventually(within: 60) { size() > before + 4 << 20 })
            apus.signal(SIGINT)
            _ = try apus.wait()
            let text = try #require(folder.contents(of: "lines"))
            #expect(
                text.contains("the target was stopped ") && text.contains(" exact: nothing was lost"),
                "\(text.suffix(300))")
        }

        @Test(.needs(program: "strace")) func `a target that is traced already is observed all the same`() throws {
            let target = try Child(["strace", "-f", "-o", "/dev/null"] + Self.busy)
            defer { target.dispose() }
            var shell: pid_t?
            #expect(
                eventually {
                    shell = Procfs.text("/proc/\(target.pid)/task/\(target.pid)/children")?
                        .split(separator: " ").first.flatMap { pid_t($0) }
                    // strace tries its tracing on children of its own first.
                    return shell.map {
                        Procfs.field("TracerPid", of: $0) == "\(target.pid)" && Procfs.field("Name", of: $0) == "sh"
                    } ?? false
                })
            let run = try runCommand([Programs.apus, "syscalls", "-p", "\(shell ?? 0)", "sleep", "0.3"])
            #expect(run.end == .code(0) && run.errorText.contains(#"openat(AT_FDCWD</"#), "\(run.end)")
        }
    }
}
