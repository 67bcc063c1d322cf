// SPDX-License-Identifier: Apache-2.0
import Glibc
import Testing

extension CommandTests {
    @Suite(.needsKernel) struct OutputTests {
        let folder: TemporaryFolder

        init() throws { folder = try TemporaryFolder() }

        @Test func `results go to standard error, and the program keeps its standard output`() throws {
            let run = try apus("time", "--", "printf", #"one\ntwo"#)
            #expect(run.text == "one\ntwo")
            #expect(run.errorText.contains("1 process, 1 thread"))
            #expect(run.errorText.contains("1 process, 1 thread, exit 0"))
        }

        @Test func `with -o both of the program's streams are its own`() throws {
            let run = try apus("time", "-o", folder.file("report"), "--", "sh", "-c", "printf out; printf err >&2")
            #expect(run.end == .code(0))
            #expect(run.text == "out")
            #expect(run.errorText == "err")
            #expect(folder.contents(of: "report")?.contains("1 process, 1 thread") == true)
        }

        @Test func `-o replaces the file`() throws {
            _ = try shell("head -c 100000 /dev/zero > \"$1\"", folder.file("report"))
            #expect(try apus("time", "--json", "-o", folder.file("report"), "--", "true").end == .code(0))
            let report = try #require(folder.contents(of: "report"))
            #expect(report.utf8.count < 50_000 && report.hasSuffix("}\n"))
        }

        @Test func `-o - is standard output`() throws {
            let run = try apus("time", "-o", "-", "--json", "--", "printf", #"first\n"#)
            #expect(run.errors.isEmpty)
            #expect(run.text.hasPrefix("first\n{"))
            #expect(try TimeDocument(Array(run.output.dropFirst(6))).exit.value == .init(code: 0, signal: nil))
        }

        @Test func `a full disk is 125`() throws {
            let run = try apus("time", "-o", "/dev/full", "--", "true")
            #expect(run.end == .code(125), "\(run)")
            #expect(run.errorText == "apus: cannot write to /dev/full: No space left on device\n")
            let doctor = try apus("doctor", output: .file("/dev/full"))
            #expect(doctor.end == .code(125), "\(doctor)")
            #expect(doctor.errorText == "apus: cannot write to standard output: No space left on device\n")
        }

        @Test func `a full disk behind standard output is 125, and the target lives on`() throws {
            let target = try Child([Programs.workload, "sleep", "60000"])
            defer { target.dispose() }
            let run = try apus("time", "--interval", "20", "-p", "\(target.pid)", output: .file("/dev/full"))
            #expect(run.end == .code(125), "\(run)")
            #expect(run.errorText == "apus: cannot write to standard output: No space left on device\n")
            #expect(target.end == nil)
        }

        @Test func `a file that cannot be written is 125 before the program starts`() throws {
            for path in [folder.path, folder.file("no/such/folder"), ""] {
                let run = try apus("time", "-o", path, "--", "touch", folder.file("started"))
                #expect(run.end == .code(125), "\(run)")
                #expect(run.errorText.hasPrefix("apus: cannot write to \(path)"))
                #expect(!folder.exists("started"), "\(path)")
            }
        }

        @Test func `a program that is not there leaves no results behind`() throws {
            let run = try apus("time", "-o", folder.file("report"), "--", folder.file("nothing"))
            #expect(run.end == .code(127))
            #expect(folder.contents(of: "report") ?? "" == "")
        }

        @Test func `standard output without a reader is 125, and the target lives on`() throws {
            let target = try Child([Programs.workload, "sleep", "60000"])
            defer { target.dispose() }
            let run = try apus("time", "--interval", "50", "-p", "\(target.pid)", output: .readerGone)
            #expect(run.end == .code(125), "\(run)")
            #expect(run.errorText == "apus: cannot write to standard output: Broken pipe\n")
            #expect(target.end == nil)
        }

        @Test func `standard error without a reader is 125, and the program lives on`() throws {
            let run = try Child(
                [Programs.apus, "time", "--interval", "50", "--", "sh", "-c", "echo $$; exec sleep 60"],
                errors: .readerGone)
            defer { run.dispose() }
            let pid = try #require(pid_t(try run.firstLine()))
            #expect(try run.wait().end == .code(125))
            #expect(Procfs.isAlive(pid))
        }

        @Test func `a reader that is slow gets all of it`() throws {
            // More than a pipe holds.
            let run = try shell(#""$apus" time --json -o - -- "$workload" forks 500 | { sleep 0.5; wc -l; }"#)
            #expect(run.text.trimmed == "2", "\(run)")
        }

        @Test func `closed standard streams harm neither Apus nor the program`() throws {
            for closed in ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"] {
                let run = try shell(#""$apus" time -o "$1" -- sh -c 'exit 7' \#(closed)"#, folder.file("report"))
                #expect(run.end == .code(7), "\(closed): \(run)")
                #expect(folder.contents(of: "report")?.contains("exit 7") == true, "\(closed)")
            }
        }
    }
}

extension String {
    var trimmed: String { String(drop { $0.isWhitespace }.reversed().drop { $0.isWhitespace }.reversed()) }
}
