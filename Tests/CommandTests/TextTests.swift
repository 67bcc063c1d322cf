// SPDX-License-Identifier: Apache-2.0
import Glibc
import Testing

extension CommandTests {
    @Suite struct TextTests {
        static let workloads = [
            ["demo", "200"], ["tree", "2", "4"], ["threads", "300"], ["forks", "150"], ["other", "20"],
            ["stopped", "20"],
            ["name", "123456789012345"], ["sleep", "20"], ["readwrite", "200000"],
        ]

        @Test(.needsKernel, arguments: workloads) func `reports fit in 80 columns`(workload: [String]) throws {
            for options in [
                [], ["-t"], ["--kernel-times"], ["-v", "-t", "--kernel-times"], ["--sample", "999"],
                ["--interval", "20"], ["-q"],
            ] {
                let command =
                    [Programs.apus, "time", "--color", "never"] + options + ["--", Programs.workload] + workload
                expectNarrow(try runCommand(command).errorText)
            }
        }

        @Test(.needsKernel) func `a lower bound fits in 80 columns`() throws {
            expectNarrow(try apus("time", "--max-threads", "3", "--", Programs.workload, "threads", "50").errorText)
        }

        @Test(.needsKernel) func `a report of the whole machine fits in 80 columns`() throws {
            expectNarrow(
                try apus("time", "-a", "-v", "-t", "--kernel-times", "--", Programs.workload, "spin", "50").errorText)
        }

        @Test func `what the doctor says fits in 80 columns`() throws {
            expectNarrow(try apus("doctor", "--color", "never").text)
        }

        @Test(arguments: [
            ["--help"], ["time", "--help"], ["clock", "--help"], ["doctor", "--help"], ["help", "time"],
        ])
        func `help fits in 80 columns, tells the exit status, and is no failure`(arguments: [String]) throws {
            let run = try runCommand([Programs.apus] + arguments)
            #expect(run.end == .code(0))
            #expect(run.errors.isEmpty)
            #expect(run.text.lowercased().contains("exit status"), "\(run.text)")
            expectNarrow(run.text)
        }

        @Test func `-h and --version are no failures`() throws {
            #expect(try apus("time", "-h").text.contains("USAGE"))
            #expect(try apus("--version").text.wholeMatch(of: /\d+\.\d+\.\d+\n/) != nil)
        }

        @Test(.needsKernel) func `the columns of a table never run together`() throws {
            // Threads that wait: sums of many digits, under a name as long as names can be.
            let folder = try TemporaryFolder()
            let program = folder.file("workload-abcdef")
            #expect(symlink(Programs.workload, program) == 0)
            for options in [[], ["--kernel-times"], ["--sample", "999", "--jitter"]] {
                let command =
                    [Programs.apus, "time", "--color", "never"] + options + ["--", program, "threads", "1500", "900"]
                let rows = try runCommand(command).errorText.split(separator: "\n").filter {
                    $0.contains(/^ +\d+ workload-abc/)
                }
                #expect(!rows.isEmpty)
                for row in rows {
                    #expect(row.contains("workload-abcdef ") && !row.contains(/[sµ]\d/), "\(row)")
                }
            }
        }

        @Test(.needsKernel) func `no line ends in spaces`() throws {
            let run = try apus("time", "--kernel-times", "--", Programs.workload, "sleep", "20")
            for line in run.errorText.split(separator: "\n") {
                #expect(!line.hasSuffix(" "), "\(line.debugDescription)")
            }
        }

        @Test(.needsKernel) func `-q prints no rows, and -v all of them`() throws {
            let rows = { (text: String) in text.split(separator: "\n").filter { $0.contains(" workload ") }.count }
            #expect(rows(try apus("time", "-q", "--", Programs.workload, "forks", "30").errorText) == 0)
            #expect(rows(try apus("time", "-v", "--", Programs.workload, "forks", "30").errorText) == 2 * 31)
        }

        // MARK: - Colour

        @Test(.needsKernel) func `a pipe gets no escapes, unless they are asked for`() throws {
            #expect(!(try apus("time", "--", "true").errors.contains(0x1b)))
            #expect(!(try apus("doctor").output.contains(0x1b)))
            for environment in [[:], ["NO_COLOR": "1"], ["TERM": "dumb"]] {
                #expect(
                    try apus("time", "--color", "always", "--", "true", environment: environment).errors.contains(0x1b))
                #expect(try apus("doctor", "--color", "always", environment: environment).output.contains(0x1b))
            }
        }

        @Test(
            .needsKernel,
            arguments: [
                ([:], [], true), (["NO_COLOR": ""], [], true), (["NO_COLOR": "1"], [], false),
                (["TERM": "dumb"], [], false),
                ([:], ["--color", "never"], false),
            ])
        func `a terminal gets colour, unless it is not wanted`(
            environment: [String: String], options: [String], isColored: Bool
        ) throws {
            for command in [["time"] + options + ["--", "true"], ["doctor"] + options] {
                let terminal = try PseudoTerminal()
                let run = try Child([Programs.apus] + command, environment: environment, terminal: terminal)
                defer { run.dispose() }
                #expect(try run.wait().end == .code(0))
                #expect(terminal.text.contains("\u{1b}") == isColored, "\(terminal.text.debugDescription)")
            }
        }
    }
}

func expectNarrow(_ text: String, sourceLocation: SourceLocation = #_sourceLocation) {
    #expect(!text.isEmpty, sourceLocation: sourceLocation)
    for line in text.split(separator: "\n") {
        #expect(line.count <= 80, "\(line.count): \(line)", sourceLocation: sourceLocation)
    }
}
