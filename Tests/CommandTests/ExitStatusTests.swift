// SPDX-License-Identifier: Apache-2.0
import Glibc
import Testing

extension CommandTests {
    @Suite(.needsKernel) struct ExitStatusTests {
        @Test(arguments: [0, 3, 255]) func `the program's own exit status is passed on`(code: Int32) throws {
            let run = try apus("time", "--", Programs.workload, "exit", "\(code)")
            #expect(run.end == .code(code), "\(run)")
            #expect(run.errorText.contains("exit \(code)\n"))
        }

        @Test(arguments: [("TERM", SIGTERM), ("SEGV", SIGSEGV), ("KILL", SIGKILL), ("PIPE", SIGPIPE), ("INT", SIGINT)])
        func `a signal that killed the program kills Apus`(name: String, number: Int32) throws {
            let run = try apus("time", "--", Programs.workload, "signal", name)
            #expect(run.end == .signal(number), "\(run)")
            #expect(run.errorText.contains("killed by signal \(number)"))
        }

        @Test func `a program that is not there is 127`() throws {
            for program in ["/no/such/program", "no-such-program-anywhere", ""] {
                let run = try apus("time", "--", program)
                #expect(run.end == .code(127), "\(run)")
                #expect(run.errorText.hasPrefix("apus: cannot run \(program)"))
                #expect(run.errorText.contains("No such file or directory"))
            }
        }

        @Test func `a program that cannot be executed is 126`() throws {
            let folder = try TemporaryFolder()
            let file = try shell("echo exit 0 > \"$1\"; chmod 644 \"$1\"", folder.file("plain"))
            #expect(file.end == .code(0))
            for path in [folder.file("plain"), folder.path] {
                let run = try apus("time", "--", path)
                #expect(run.end == .code(126), "\(run)")
                #expect(run.errorText == "apus: cannot run \(path): Permission denied\n")
                #expect(run.output.isEmpty)
            }
        }

        @Test(arguments: [
            ["time"],
            ["time", "--"],
            ["time", "-p", "1", "-a"],
            ["time", "-p", "0"],
            ["time", "-p", "-1"],
            ["time", "-p", "x"],
            ["time", "-p", "99999999999"],
            ["time", "-I", "0", "--", "true"],
            ["time", "-I", "x", "--", "true"],
            ["time", "-I"],
            ["time", "--interval", "0", "--", "true"],
            ["time", "--max-threads", "0", "--", "true"],
            ["time", "--color", "red", "--", "true"],
            ["time", "--no-such-option", "--", "true"],
            ["time", "--no-such-option", "true"],
            ["time", "-Z", "true"],
            ["doctor", "--no-such-option"],
            ["doctor", "surplus"],
            ["no-such-command"],
            ["--no-such-option"],
        ])
        func `wrong usage is 64, says what is wrong, and runs nothing`(arguments: [String]) throws {
            let run = try runCommand([Programs.apus] + arguments)
            #expect(run.end == .code(64), "\(run)")
            #expect(run.output.isEmpty)
            #expect(run.errorText.contains("Usage: apus"))
        }

        @Test func `-I takes an interval`() throws {
            let run = try apus("time", "-I", "50", "--json", "--", Programs.workload, "sleep", "120")
            #expect(run.end == .code(0), "\(run)")
            #expect(run.errorText.split(separator: "\n").count >= 3)
        }

        @Test func `the program's arguments are its own, options included, byte for byte`() throws {
            let options = try apus("time", "echo", "--json", "-o", "x", "-p", "1", "--", "--help", "--version")
            #expect(options.text == "--json -o x -p 1 -- --help --version\n", "\(options)")
            let bytes = try shell(#""$apus" time -o /dev/null -- printf %s "$(printf 'a\377\033b')""#)
            #expect(bytes.output == [0x61, 0xff, 0x1b, 0x62], "\(bytes.output)")
        }

        @Test func `the program gets its signals, descriptors and input as without Apus`() throws {
            for script in [
                "grep -E \"Sig(Blk|Ign|Cgt)\" /proc/self/status", "ls /proc/self/fd", "echo in | $RUN cat", "ulimit -a",
                "trap '' PIPE; $RUN grep SigIgn /proc/self/status",
            ] {
                let script = script.contains("$RUN") ? script : "$RUN sh -c '\(script)'"
                let bare = try shell("RUN=; " + script)
                let observed = try shell("RUN=\"$apus time -o /dev/null --\"; " + script)
                #expect(observed.text == bare.text, "\(script)")
                #expect(!bare.text.isEmpty)
            }
        }

        @Test func `the status comes through where the parent ignores the ends of children`() throws {
            let run = try shell(#"trap '' CHLD; exec "$apus" time -- sh -c 'exit 7'"#)
            #expect(run.end == .code(7), "\(run)")
            #expect(run.errorText.contains("exit 7\n"))
        }

        @Test(arguments: ["1", "2"]) func `standard streams that are closed are an error, and nothing hangs`(
            stream: String
        ) throws {
            let run = try shell("\"$apus\" doctor --json \(stream)>&-; echo $?")
            #expect(stream == "1" || run.text.hasSuffix("\n0\n") || run.text.hasSuffix("\n1\n"), "\(run)")
            let time = try shell("\"$apus\" time -- true \(stream)>&-")
            #expect(time.end == .code(stream == "2" ? 125 : 0), "\(time)")
        }

        @Test func `a lower bound is 123 with --strict, and names what is missing`() throws {
            let command = ["--max-threads", "3", "--json", "--", Programs.workload, "threads", "50"]
            let run = try runCommand(
                [Programs.apus, "time", "--strict", "-o", "/dev/stdout"] + command, output: .collected)
            #expect(run.end == .code(123), "\(run)")
            #expect(run.errorText.contains("lower bound"))
            let line = try #require(
                run.output.split(separator: UInt8(ascii: "\n")).last { $0.contains(UInt8(ascii: "[")) })
            let document = try TimeDocument(Array(line))
            // The main thread and 50 more; 3 found room.
            #expect(!document.completeness.exact)
            #expect(document.completeness.lostEvents >= 47)
            #expect(document.completeness.reasons.contains { $0.contains("threads") })
            let lenient = try runCommand([Programs.apus, "time"] + command)
            #expect(lenient.end == .code(0), "\(lenient)")
        }

        @Test func `an exact result is the program's status with --strict`() throws {
            var run: Run
            var tries = 0
            repeat {
                run = try apus("time", "--strict", "--", Programs.workload, "exit", "3")
                tries += 1
                // Lines are wrapped where they are full.
            } while tries < 4
                && run.errorText.split { $0 == " " || $0 == "\n" }.joined(separator: " ")
                    .contains(TimeDocument.Completeness.disturbance)
            #expect(run.end == .code(3), "\(run)")
        }
    }
}
