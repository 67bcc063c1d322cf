// SPDX-License-Identifier: Apache-2.0
import Foundation
import Glibc
import Testing

extension CommandTests {
    /// `apus compare` on small experiments: what it finds, and how it fails.
    @Suite(.needsKernel) struct CompareTests {
        private func compare(_ arguments: String..., limit: Double = 60) throws -> Run {
            try runCommand([Programs.apus, "compare", "--quick"] + arguments, limit: limit)
        }

        private func document(_ run: Run) throws -> CompareDocument { try CompareDocument(run.output) }

        // MARK: What it finds

        @Test(arguments: [
            "getppid", "readwrite", "open-close", "fork-exec", "pipe-ping-pong", "futex-ping-pong", "page-fault",
            "compute",
            "mixed",
        ])
        func `what a workload says it made is what the kernel counts`(workload: String) throws {
            let folder = try TemporaryFolder()
            func difference(_ count: Int) throws -> Int {
                let run = try apus(
                    "__count", "--json", "-o", folder.file("count"), "--", Programs.apus, "__workload", workload,
                    "\(count)",
                    "1", folder.file("report"))
                #expect(run.end == .code(0), "\(run)")
                let text = try #require(folder.contents(of: "count"))
                let counted = try JSONDecoder().decode(Counted.self, from: Data(text.utf8))
                let line = folder.contents(of: "report")?.split(separator: "\n").first { $0.hasPrefix("calls ") }
                return counted.calls_total - (try #require(line.flatMap { Int($0.dropFirst(6)) }))
            }
            #expect(try difference(0) == difference(101))
        }

        private struct Counted: Decodable { let calls_total: Int }

        @Test func `observers that see all are ranked, what they cost is shown, and computing costs nothing`() throws {
            let run = try compare(
                "--workload", "getppid,compute", "--observer", "ebpf-count,ebpf-time", "--runs", "16", "--budget",
                "30", "--json")
            #expect(run.end == .code(0), "\(run)")
            let document = try document(run)
            #expect(document.runs.filter { $0.phase == "measured" }.count == 2 * 3 * 16)
            #expect(document.runs.allSatisfy { $0.failure == nil })
            for observer in ["ebpf-count", "ebpf-time"] {
                let cell = try #require(document.cell("getppid", observer))
                #expect(cell.information.status == "complete")
                #expect(cell.information.seen == cell.information.expected)
                #expect(cell.verdict == "slower", "\(cell)")
                #expect(cell.added_ns_per_unit ?? 0 > 10)
                // All that it adds to the workload is the kernel's; its own part is known by ticks of milliseconds.
                #expect(cell.costs.added_cpu_ns ?? 0 > 0)
                #expect(cell.costs.kernel_cpu_ns ?? cell.costs.kernel_cpu_margin_ns ?? 0 > 0, "\(cell)")
                #expect(cell.costs.bpf_run_ns ?? 0 > 0)
            }
            // One experiment of twenty is wrong by its own account: not twice.
            var seeds = ["2"]
            var calm = document
            func moved() -> [CompareDocument.Cell] {
                calm.cells.filter {
                    $0.workload == "compute" && !["reference", "no difference shown"].contains($0.verdict)
                }
            }
            while !moved().isEmpty, let seed = seeds.popLast() {
                calm = try self.document(
                    try compare(
                        "--workload", "compute", "--observer", "ebpf-count,ebpf-time", "--runs", "16", "--budget", "30",
                        "--seed", seed, "--json"))
            }
            #expect(moved().isEmpty, "\(moved())")
            #expect(document.ranking.first { $0.workload == "getppid" }?.places.count == 2)
        }

        @Test func `another seed changes the order of runs and no verdict`() throws {
            func runs(of seeds: String...) throws -> [CompareDocument] {
                try seeds.map { seed in
                    try document(
                        try compare(
                            "--workload", "getppid,readwrite,compute", "--observer",
                            "ebpf-count,ebpf-time,ptrace", "--runs", "16", "--budget", "32", "--seed", seed, "--json"))
                }
            }
            func agree(_ documents: [CompareDocument]) -> Bool {
                let verdicts = documents.map { $0.cells.map(\.verdict) }
                return verdicts[0] == verdicts[1] && verdicts[0].contains("slower")
            }
            var documents = try runs(of: "1", "2")
            // One experiment of twenty is wrong by its own account: not twice.
            if !agree(documents) { documents = try runs(of: "3", "4") }
            let cells = documents.flatMap(\.cells)
            if !agree(documents), 4 * cells.reduce(0, { $0 + $1.disturbed_runs }) > cells.reduce(0, { $0 + $1.runs }) {
                try Test.cancel("others disturb more than a quarter of the runs here")
            }
            #expect(agree(documents), "\(documents.map(\.cells))")
            let orders = documents.map {
                $0.runs.filter { $0.phase == "measured" }.map { "\($0.workload)\($0.observer)" }
            }
            #expect(orders[0] != orders[1])
        }

        @Test(.needs(program: "strace"))
        func `slow, lossy, broken and hanging observers are told apart, and the rest goes on`()
            throws
        {
            let run = try compare(
                "--workload", "getppid", "--runs", "6", "--budget", "30", "--limit", "2", "--json",  //
                "--observer", "ebpf-count", "--observer", "cmd:slow=sh -c 'sleep 0.2; exec \"$@\"' sh {}",  //
                "--observer", "cmd:lossy=strace -f -e trace=openat -o {report} {}",  //
                "--observer", "cmd:broken=sh -c 'echo no >&2; exit 3' {}", "--observer",
                "cmd:hanging=sh -c 'sleep 60' {}")
            #expect(run.end == .code(0), "\(run)")
            let document = try document(run)
            let slow = try #require(document.cell("getppid", "slow"))
            #expect(slow.costs.start_ns ?? 0 > 200_000_000)
            let lossy = document.runs.filter { $0.observer == "lossy" }
            #expect(document.cell("getppid", "lossy")?.information.status == "lossy", "\(lossy)")
            #expect(document.cell("getppid", "broken")?.failures == ["exit status 3: no"])
            #expect(document.cell("getppid", "hanging")?.failures == ["did not end within 2 s, and was ended"])
            #expect(document.cell("getppid", "hanging")?.verdict == "failed")
            #expect(document.cell("getppid", "ebpf-count")?.runs == 6)
            #expect(document.ranking.first?.places.map(\.observer) == ["ebpf-count"])
        }

        @Test func `a program that runs beside is known by its name and what it used, and its runs are disturbed`()
            throws
        {
            let neighbour = try Child([Programs.workload, "spin", "60000"])
            let run = try compare(
                "--workload", "getppid", "--runs", "6", "--budget", "30", "--json", "--observer", "ebpf-count")
            neighbour.dispose()
            #expect(run.end == .code(0), "\(run)")
            let document = try document(run)
            for run in document.runs where run.phase == "measured" {
                // It has a CPU of its own, or half of one.
                #expect(run.programs_cpu_ns ?? 0 > (run.wall_ns ?? 0) / 4, "\(run)")
            }
            #expect(document.runs.contains { $0.busiest_program == "workload" })
            let reason = try #require(document.completeness.reasons.first { $0.contains("disturbed") })
            #expect(reason.contains("12 of 12 runs"), "\(reason)")
            // Blocks are made again, in vain, until five in a row were.
            #expect(document.runs.count { $0.phase == "set_aside" } == 10)
            let cell = try #require(document.cell("getppid", "ebpf-count"))
            #expect(cell.runs == 6 && cell.slowdown_by_best != nil)
        }

        @Test func `another tracer of the machine disturbs all runs, and is told`() throws {
            let tracer = try Child([Programs.apus, "syscalls", "-a", "-c", "-o", "/dev/null"])
            defer { tracer.dispose() }
            func run(_ seconds: String) throws -> CompareDocument {
                try document(
                    try compare("--observer", "ebpf-count", "--runs", "6", "--json", "--", "sleep", seconds))
            }
            var watched = try run("0.01")
            // It has to have begun.
            for _ in 0..<20 where !watched.runs.allSatisfy({ $0.others_programs ?? 0 > 0 }) {
                watched = try run("0.05")
            }
            #expect(watched.runs.allSatisfy { $0.others_programs ?? 0 > 0 })
            #expect(watched.completeness.reasons.contains("12 of 12 runs were disturbed"), "\(watched.completeness)")
        }

        /// Who reads its lines does not begin for a while: the pipe fills, and then the smallest buffer.
        @Test func `an observer whose buffer is too small is told from one that saw all`() throws {
            let run = try compare(
                "--workload", "getppid", "--runs", "6", "--budget", "30", "--json", "--observer", "ebpf-count",
                "--observer",
                "cmd:tiny=sh -c '\"\(Programs.apus)\" syscalls --buffer 1 -o - -- \"$@\" | { sleep 0.2; cat > \"$0\"; }' "
                    + "{report} {}")
            #expect(run.end == .code(0), "\(run)")
            let document = try document(run)
            let tiny = try #require(document.cell("getppid", "tiny")?.information)
            #expect(tiny.status == "lossy" && tiny.seen ?? 0 < tiny.expected ?? 0, "\(tiny)")
            #expect(document.cell("getppid", "ebpf-count")?.information.status == "complete")
            #expect(document.ranking.first?.places.map(\.observer) == ["ebpf-count"])
        }

        @Test func `a program of one's own is run to its end each time`() throws {
            let folder = try TemporaryFolder()
            let run = try compare(
                "--observer", "ebpf-count", "--runs", "6", "--json", "--", "sh", "-c",
                "echo x >> \(folder.file("runs"))")
            #expect(run.end == .code(0), "\(run)")
            // A pilot, and six runs, of each; and those that were disturbed once more.
            let document = try document(run)
            let again = document.runs.count { $0.phase == "set_aside" }
            #expect(folder.contents(of: "runs")?.split(separator: "\n").count == 14 + again)
            #expect(document.cell("program", "ebpf-count")?.runs == 6)
        }

        @Test func `as many runs of a program are made as the budget has room for`() throws {
            let run = try compare(
                "--observer", "ebpf-count", "--runs", "9", "--budget", "0.5", "--json", "--", "sleep", "0.2")
            #expect(run.end == .code(0), "\(run)")
            let document = try document(run)
            let blocks = try #require(document.cell("program", "none")?.runs)
            #expect(blocks == document.cell("program", "ebpf-count")?.runs && (1..<9).contains(blocks), "\(run)")
            #expect(run.errorText.contains("--budget had room for"), "\(run)")
        }

        @Test func `a small budget makes fewer runs of each, and none shorter than what can be measured`() throws {
            let run = try compare(
                "--workload", "getppid,open-close", "--observer", "ebpf-count", "--budget", "1", "--json")
            #expect(run.end == .code(0), "\(run)")
            let cells = try document(run).cells
            #expect(Set(cells.map(\.runs)).count == 1 && (1..<20).contains(cells[0].runs), "\(cells)")
            for cell in cells { #expect(cell.section_median_ns ?? 0 > 500_000, "\(cell)") }
        }

        // MARK: Reports

        @Test func `a stored experiment gives the same figures again, as text, table and page`() throws {
            let folder = try TemporaryFolder()
            let stored = folder.file("stored.json")
            let first = try compare(
                "--workload", "getppid,compute", "--observer", "ebpf-count", "--runs", "6", "--budget", "20", "--json",
                "-o", stored, "--expect", "ebpf-count > 0.01")
            #expect(first.end == .code(0), "\(first)")
            let again = try apus(
                "compare", "--from", stored, "--json", "--html", folder.file("page.html"), "--csv",
                folder.file("table.csv"))
            #expect(again.end == .code(0), "\(again)")
            #expect(again.text == folder.contents(of: "stored.json"))
            let document = try document(again)
            // What was expected is judged again, too.
            #expect(again.text.contains("\"expectation\":\"ebpf-count > 0.01\""))

            let page = try #require(folder.contents(of: "page.html"))
            let figures = try CompareDocument.figures(inPage: page)
            #expect(figures.count >= 6)
            for figure in figures { #expect(document.value(figure) == figure.value, "\(figure)") }
            // And the document itself is in it.
            #expect(try CompareDocument(Array(CompareDocument.embedded(inPage: page).utf8)).cells == document.cells)

            let lines = try #require(folder.contents(of: "table.csv")).split(separator: "\n")
            #expect(lines.count == 1 + document.cells.count)
            let fields = lines.map { $0.split(separator: ",", omittingEmptySubsequences: false).count }
            #expect(Set(fields).count == 1)

            let change = try apus("compare", "--from", stored, "--from", stored)
            #expect(change.text.contains("no difference shown") && !change.text.contains("dearer"), "\(change)")

            // What the interval says decides the exit status.
            for (expectation, status) in [("ebpf-count > 0.01", Int32(0)), ("ebpf-count < 0.01", 1)] {
                let run = try apus("compare", "--from", stored, "--expect", expectation)
                #expect(run.end == .code(status), "\(run)")
            }
            let undecided = try apus("compare", "--from", stored, "--expect", "none/none > 1")
            #expect(undecided.end == .code(2), "\(undecided)")
            for line in try apus("compare", "--from", stored, "-v").text.split(separator: "\n") {
                #expect(line.count <= 80, "\(line)")
            }
        }

        @Test(.needs(program: "chromium")) func `a browser shows the page without complaint`() throws {
            let folder = try TemporaryFolder()
            let run = try compare(
                "--workload", "getppid", "--observer", "ebpf-count", "--runs", "6", "--budget", "20", "--html",
                folder.file("p.html"))
            #expect(run.end == .code(0), "\(run)")
            // The page's own script presses its buttons when it is asked to by a fragment that a test adds.
            let text = try #require(folder.contents(of: "p.html"))
            let probe = """
                <script>document.querySelector('.legend button').click();
                const charts = [...document.querySelectorAll('.chart')].filter(chart => chart.clientWidth > 0);
                const isNarrow = charts.length > 0 && charts.every(chart => chart.classList.contains('narrow'));
                const fits = charts.every(chart => [...chart.querySelectorAll('text')].every(text =>
                    text.getBoundingClientRect().right <= chart.getBoundingClientRect().right + 1));
                document.title = (document.querySelectorAll('.row.on').length > 0 ? 'picked' : 'not picked')
                    + (isNarrow && fits ? ', fits a phone' : '');</script>
                """
            try (text + probe).write(toFile: folder.file("p.html"), atomically: true, encoding: .utf8)
            let browser = try browse(folder.file("p.html"), "--window-size=500,900")
            #expect(browser.end == .code(0), "\(browser.errorText)")
            #expect(!browser.errorText.contains("CONSOLE"), "\(browser.errorText)")
            #expect(browser.text.contains("<title>picked, fits a phone</title>"))
            #expect(browser.text.contains("aria-pressed=\"true\""))
        }

        // MARK: Bad input

        @Test(arguments: [
            (["--workload", "getpid"], "no workload is called 'getpid'; there are getppid, readwrite"),
            (["--observer", "strase"], "no observer is called 'strase'; there are none, ebpf-count"),
            (["--threads", "0"], "--threads takes numbers from 1 to 1024"), (["--runs", "0"], "--runs takes"),
            (["--expect", "ptrace"], "there is no > or <"),
            (["--expect", "nobody > 2"], "nobody is not in this experiment"),
            (["--observer", "none"], "nothing to compare"), (["--runs", "2", "--best", "5"], "from 1 to the 2"),
            (["--observer", "bpftrace:/nonexistent.bt"], "/nonexistent.bt"),
            (["--cpus", "4000"], "CPU 4000 is not among"),
            (["--observer", "cmd:a=true {}", "--observer", "cmd:a=false {}"], "two observers are called 'a'"),
            (["--observer", "cmd:a/b=true {}"], "'a/b' is no name of an observer"),
            (["--from", "a", "--from", "b", "--from", "c"], "--from is given once"),
            (["--workload", "getppid", "--", "true"], "takes the place of --workload"),
        ])
        func `wrong usage says what is right`(arguments: [String], words: String) throws {
            let run = try runCommand([Programs.apus, "compare"] + arguments)
            #expect(run.end == .code(64), "\(run)")
            #expect(run.errorText.split(separator: "\n").joined(separator: " ").contains(words), "\(run)")
        }

        @Test func `a tool that is not there, a page that has no room, a file that is none`() throws {
            let tool = try compare("--observer", "cmd:x=/nonexistent/tool {}")
            #expect(tool.end == .code(125) && tool.errorText.contains("/nonexistent/tool"), "\(tool)")
            let page = try compare(
                "--workload", "compute", "--observer", "ebpf-count", "--runs", "1", "--budget", "1", "--html",
                "/dev/full")
            #expect(page.end == .code(125) && page.errorText.contains("/dev/full"), "\(page)")
            let file = try apus("compare", "--from", "/etc/passwd")
            #expect(file.end == .code(125) && file.errorText.contains("/etc/passwd"), "\(file)")
            for (key, value) in [("runs", "-1"), ("runs", "9223372036854775807"), ("budget", "1e300")] {
                let folder = try TemporaryFolder()
                let good = try compare(
                    "--workload", "compute", "--observer", "ebpf-count", "--runs", "1", "--budget", "1", "--json")
                let damaged = good.text.replacing(try Regex("\"\(key)\": ?[0-9.]+"), with: "\"\(key)\":\(value)")
                #expect(damaged != good.text)
                try damaged.write(toFile: folder.file("damaged"), atomically: true, encoding: .utf8)
                let run = try apus("compare", "--from", folder.file("damaged"))
                #expect(run.end == .code(125) && run.errorText.contains("damaged"), "\(run)")
            }
            let failing = try compare("--observer", "ebpf-count", "--", "sh", "-c", "exit 3")
            #expect(failing.end == .code(125) && failing.errorText.contains("fails without an observer"), "\(failing)")
            for (program, status) in [("/nonexistent", Int32(127)), ("no-such-program", 127), ("/etc/passwd", 126)] {
                let run = try compare("--observer", "ebpf-count", "--", program)
                #expect(run.end == .code(status) && run.errorText.contains(program), "\(run)")
            }
        }

        @Test func `who quits at once keeps what was in the files`() throws {
            let folder = try TemporaryFolder()
            let names = ["out.json", "page.html", "table.csv"]
            for name in names { try "before\n".write(toFile: folder.file(name), atomically: true, encoding: .utf8) }
            let child = try Child([
                Programs.apus, "compare", "--workload", "getppid", "--observer",
                "cmd:slow=sh -c 'sleep 2' {}",
                "--json", "-o", folder.file("out.json"), "--html", folder.file("page.html"), "--csv",
                folder.file("table.csv"),
            ])
            defer { child.dispose() }
            usleep(500_000)
            child.signal(SIGKILL)
            _ = try child.wait()
            for name in names { #expect(folder.contents(of: name) == "before\n", "\(name)") }
        }

        @Test func `an interrupt in the middle leaves what there is`() throws {
            let folder = try TemporaryFolder()
            let child = try Child([
                Programs.apus, "compare", "--workload", "getppid", "--observer", "ebpf-count", "--runs", "500",
                "--json", "-o",
                folder.file("out.json"),
            ])
            defer { child.dispose() }
            // The measured runs have begun when it says how long they will take.
            let hasBegun = eventually(within: 30) {
                _ = try? child.wait(limit: 0.01)
                return String(decoding: child.errors, as: UTF8.self).contains("runs, about")
            }
            #expect(hasBegun)
            usleep(2_000_000)
            child.signal(SIGINT)
            let run = try child.wait()
            #expect(run.end == .signal(SIGINT), "\(run)")
            let document = try CompareDocument(Array((folder.contents(of: "out.json") ?? "").utf8))
            #expect(document.interruption != nil)
            let measured = document.runs.filter { $0.phase == "measured" }.count
            #expect(measured > 0 && measured < 1000)
        }
    }
}
