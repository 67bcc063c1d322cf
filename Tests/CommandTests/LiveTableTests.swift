// SPDX-License-Identifier: Apache-2.0
import Glibc
import Testing

extension CommandTests {
    @Suite(.needsKernel) struct LiveTableTests {
        static let redraw = "\u{1b}[H"
        let target: Child
        let terminal: PseudoTerminal

        init() throws {
            target = try Child([Programs.workload, "spin", "60000"])
            terminal = try PseudoTerminal()
        }

        /// Starts `apus time` on the terminal and waits for its table.
        private func observe(_ options: String...) throws -> Child {
            let run = try Child(
                [Programs.apus, "time", "--interval", "50", "-p", "\(target.pid)"] + options, terminal: terminal)
            #expect(
                eventually { terminal.text.contains(Self.redraw) && terminal.text.contains("q quit") },
                "\(terminal.text)")
            return run
        }

        private func redraws() -> Int { terminal.text.components(of: Self.redraw) }

        @Test func `the table is drawn again and again, q quits, and the terminal is as before`() throws {
            let before = terminal.settings
            let run = try observe()
            defer { run.dispose() }
            #expect(terminal.isRaw)
            #expect(eventually { redraws() >= 4 })
            #expect(terminal.text.contains("COMMAND") && terminal.text.contains("workload"))
            terminal.type("q")
            #expect(try run.wait(limit: 5).end == .code(0))
            #expect(terminal.settings == before)
            #expect(terminal.text.contains("1 process, 1 thread"))
            #expect(target.end == nil)
        }

        @Test func `q quits, and a program that was launched runs on`() throws {
            let run = try Child(
                [
                    "/bin/sh", "-c", "exec \"$0\" time --interval 50 -- \"$@\" < /dev/null", Programs.apus,
                    Programs.workload, "sleep", "20000",
                ], terminal: terminal)
            defer { run.dispose() }
            #expect(eventually { terminal.text.contains("q quit") }, "\(terminal.text)")
            terminal.type("q")
            #expect(try run.wait(limit: 5).end == .code(0))
            #expect(terminal.text.contains("1 process, 1 thread"))
        }

        @Test func `what is typed is the program's, if that reads from the terminal`() throws {
            let before = terminal.settings
            let run = try Child([Programs.apus, "time", "--interval", "50", "--", "/bin/cat"], terminal: terminal)
            defer { run.dispose() }
            #expect(eventually { terminal.text.contains("keys are the program's") }, "\(terminal.text)")
            #expect(terminal.settings == before)
            terminal.type("q\n")
            #expect(eventually { redraws() >= 4 })
            terminal.type("\u{4}")
            #expect(try run.wait(limit: 5).end == .code(0))
            #expect(terminal.text.contains("cat: ") && terminal.text.contains("exit 0"))
        }

        @Test func `Ctrl-C ends it, and the terminal is as before`() throws {
            let before = terminal.settings
            let run = try observe()
            defer { run.dispose() }
            terminal.type("\u{3}")
            #expect(try run.wait(limit: 5).end == .code(0))
            #expect(terminal.settings == before)
        }

        @Test func `the target's end ends it, and the terminal is as before`() throws {
            let before = terminal.settings
            let run = try observe()
            defer { run.dispose() }
            target.dispose()
            #expect(try run.wait(limit: 5).end == .code(0))
            #expect(terminal.settings == before)
        }

        @Test func `a full disk ends it, and the terminal is as before`() throws {
            let before = terminal.settings
            let run = try Child(
                ["sh", "-c", "\"$apus\" time --interval 50 -p \(target.pid) > /dev/full; exit $?"], terminal: terminal)
            defer { run.dispose() }
            #expect(try run.wait(limit: 5).end == .code(125))
            #expect(terminal.settings == before)
        }

        @Test func `space pauses, t shows threads, and letters sort`() throws {
            let run = try observe()
            defer { run.dispose() }
            for (key, order) in [
                ("w", "wall"), ("b", "blocked"), ("r", "runnable"), ("s", "syscalls"), ("p", "pid"), ("c", "cpu"),
            ] {
                terminal.type(key)
                try #require(eventually { terminal.text.contains("(\(order))") }, "\(key)")
            }
            terminal.type("t")
            #expect(eventually { terminal.text.contains("TID COMMAND") })
            terminal.type(" ")
            #expect(eventually { terminal.text.contains("PAUSED") })
            usleep(150_000)
            let count = redraws()
            usleep(300_000)
            #expect(redraws() == count)
            terminal.type(" ")
            #expect(eventually { redraws() > count + 2 })
        }

        @Test func `no frame is wider or higher than the screen`() throws {
            let run = try observe("--color", "never")
            defer { run.dispose() }
            #expect(eventually { redraws() >= 4 })
            for frame in terminal.text.split(separator: Self.redraw).dropFirst().dropLast() {
                // \r\n is one Character.
                let lines = frame.replacing("\u{1b}[J", with: "").split(
                    separator: "\r\n", omittingEmptySubsequences: false)
                #expect(lines.count <= 24)
                for line in lines { #expect(line.count <= 80, "\(line)") }
            }
        }

        @Test func `a screen of 24 lines shows rows, even of the whole machine`() throws {
            let run = try Child(
                [Programs.apus, "time", "--interval", "100", "-a", "--color", "never"], terminal: terminal)
            defer { run.dispose() }
            #expect(eventually { redraws() >= 4 })
            let frame = try #require(terminal.text.split(separator: Self.redraw).dropLast().last)
            let lines = frame.split(separator: "\r\n", omittingEmptySubsequences: false)
            let header = try #require(lines.firstIndex { $0.contains("PID COMMAND") }, "\(frame)")
            #expect(lines.count - header >= 5, "\(frame)")
        }

        @Test func `a terminal that is dumb gets plain blocks`() throws {
            let run = try Child(
                [Programs.apus, "time", "--interval", "50", "-p", "\(target.pid)"], environment: ["TERM": "dumb"],
                terminal: terminal)
            defer { run.dispose() }
            #expect(eventually { terminal.text.contains("interval 3") || terminal.text.contains("\u{1b}") })
            #expect(!terminal.text.contains("\u{1b}"))
        }
    }
}

extension String {
    /// How often another string is in it.
    fileprivate func components(of other: String) -> Int {
        max(0, split(separator: other, omittingEmptySubsequences: false).count - 1)
    }
}
