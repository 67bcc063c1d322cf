// SPDX-License-Identifier: Apache-2.0
import Foundation
import Glibc
import Testing

extension CommandTests {
    /// What the command writes, read by the programs that it is for.
    @Suite(.needsKernel) struct ProfileTests {
        @Test func `the tree fits 80 columns, names the functions, and keeps the program's status`() throws {
            let run = try apus("profile", "--", Programs.workload, "shares", "500")
            #expect(run.end == .code(0), "\(run)")
            let text = run.errorText
            #expect(text.split(separator: "\n").allSatisfy { $0.count <= 80 }, "\(text)")
            for name in ["spin_half", "spin_third", "spin_fifth", "samples at 199 Hz", "observing cost"] {
                #expect(text.contains(name), "\(text)")
            }
            #expect(text.contains("every sample was counted") || text.contains("samples were due and not taken"))
            #expect(run.text.contains(#""workload":"shares""#))
            let other = try apus("profile", "-o", "/dev/null", "--", "sh", "-c", "exit 7")
            #expect(other.end == .code(7), "\(other)")
            let signal = try apus("profile", "-o", "/dev/null", "--", Programs.workload, "signal", "TERM")
            #expect(signal.end == .signal(SIGTERM), "\(signal)")
        }

        @Test func `a program that exits at once is reported, and never met`() throws {
            let run = try apus("profile", "-F", "1", "--", "true")
            #expect(run.end == .code(0), "\(run)")
            #expect(run.errorText.contains("no sample at 1 Hz") && run.errorText.contains("never met"), "\(run)")
        }

        @Test func `a full disk and a closed pipe end it, and the target is unharmed`() throws {
            let target = try Child([Programs.workload, "spin", "60000"])
            defer { target.dispose() }
            let full = try apus("profile", "-o", "/dev/full", "--duration", "0.2", "-p", "\(target.pid)")
            #expect(full.end == .code(125), "\(full)")
            #expect(full.errorText == "apus: cannot write to /dev/full: No space left on device\n")
            let closed = try shell(
                "\"$apus\" profile --format json --duration 0.3 -p \(target.pid) 2>&1 | true; echo done")
            #expect(closed.end == .code(0) && closed.text == "done\n", "\(closed)")
            #expect(target.end == nil)
        }

        @Test func `folded stacks have three parts, and kernel functions their mark`() throws {
            let run = try apus(
                "profile", "--format", "folded", "-F", "999", "--", Programs.workload, "getppid", "2000000")
            #expect(run.end == .code(0), "\(run)")
            let lines = run.errorText.split(separator: "\n")
            #expect(lines.count > 3)
            for line in lines {
                let parts = line.split(separator: " ")
                #expect(parts.last.flatMap { Int($0) }.map { $0 > 0 } == true, "\(line)")
                #expect(line.hasPrefix("workload;"), "\(line)")
            }
            // The library's getppid() keeps no frame pointer, so that who called it is not seen; main is.
            #expect(lines.contains { $0.contains(";main;") && $0.contains("_[k] ") })
            let user = try apus(
                "profile", "--user", "--format", "folded", "--", Programs.workload, "getppid", "1000000")
            #expect(user.errorText.contains(";main;") && !user.errorText.contains("_[k]"))
            let kernel = try apus(
                "profile", "--kernel", "--format", "folded", "--", Programs.workload, "getppid", "1000000")
            #expect(kernel.errorText.contains("_[k] ") && !kernel.errorText.contains(";main;"))
        }

        @Test func `a hostile name breaks no format`() throws {
            let folder = try TemporaryFolder()
            let command = ["--", Programs.workload, "hostile", "300"]
            let folded = try runCommand([Programs.apus, "profile", "--format", "folded"] + command)
            let line = try #require(
                folded.errorText.split(separator: "\n").first { $0.contains("a:b <img") }, "\(folded)")
            #expect(line.contains(#"\x0a\x1b[31m"#) && !line.contains("\u{1b}"))
            #expect(!line.contains("a;b"))
            let tree = try runCommand([Programs.apus, "profile", "--color", "always"] + command)
            #expect(tree.errorText.contains("a;b <img") && !tree.errorText.contains("\u{1b}[31m&c"))
            let html = try runCommand(
                [Programs.apus, "profile", "--format", "flamegraph", "-o", folder.file("h.html")] + command)
            #expect(html.end == .code(0), "\(html)")
            let page = try #require(folder.contents(of: "h.html"))
            #expect(page.contains(#"\u003cimg src=x"#) && !page.contains("<img"))
            let json = try runCommand([Programs.apus, "profile", "--json", "-o", folder.file("h.json")] + command)
            #expect(json.end == .code(0), "\(json)")
            let document = try Self.json(folder.file("h.json"))
            let functions = try #require(document["functions"] as? [[String: Any]])
            #expect(functions.contains { ($0["name"] as? String)?.hasPrefix("a;b <img") == true })
        }

        @Test func `JSON is whole and adds up`() throws {
            let folder = try TemporaryFolder()
            let run = try apus(
                "profile", "--json", "-o", folder.file("p.json"), "--", Programs.workload, "shares", "500")
            #expect(run.end == .code(0), "\(run)")
            let document = try Self.json(folder.file("p.json"))
            #expect(document["schema"] as? String == "apus.profile/1" && document["kind"] as? String == "on-cpu")
            let stacks = try #require(document["stacks"] as? [[String: Any]])
            let functions = try #require(document["functions"] as? [[String: Any]])
            let samples = try #require(document["samples"] as? Int)
            #expect(samples > 50 && stacks.reduce(0) { $0 + ($1["weight"] as? Int ?? 0) } == samples)
            #expect(functions.reduce(0) { $0 + ($1["self_weight"] as? Int ?? 0) } == samples)
            #expect(
                stacks.allSatisfy { ($0["frames"] as? [Int])?.allSatisfy { functions.indices.contains($0) } == true })
            #expect((document["exit"] as? [String: Any])?["code"] as? Int == 0)
            #expect(document["waits"] is NSNull && document["blocked_ns"] is NSNull)
        }

        @Test(.needs(program: "go")) func `go tool pprof reads it, with build ids`() throws {
            let folder = try TemporaryFolder()
            let run = try apus(
                "profile", "--format", "pprof", "-F", "499", "-o", folder.file("p.pb.gz"), "--", Programs.workload,
                "shares", "1000")
            #expect(run.end == .code(0), "\(run)")
            let top = try runCommand(
                ["go", "tool", "pprof", "-top", "-cum", folder.file("p.pb.gz")],
                environment: ["HOME": folder.path, "PPROF_TMPDIR": folder.path], limit: 60)
            #expect(top.end == .code(0), "\(top)")
            #expect(top.text.contains("File: workload") && top.text.contains("Build ID: "))
            #expect(top.text.contains("Type: cpu"))
            let half = try #require(top.text.split(separator: "\n").first { $0.hasSuffix("spin_half") }, "\(top)")
            // flat flat% sum% cum cum% name
            let share = half.split(separator: " ")[4].dropLast()
            #expect(abs((Double(share) ?? 0) - 50) < 6, "\(half)")
        }

        @Test(.needs(program: "chromium")) func `the flame graph zooms, searches and says shares in a browser`() throws
        {
            let folder = try TemporaryFolder()
            let run = try apus(
                "profile", "--format", "flamegraph", "-F", "499", "-o", folder.file("f.html"), "--", Programs.workload,
                "shares", "800")
            #expect(run.end == .code(0), "\(run)")
            let page = try #require(folder.contents(of: "f.html"))
            #expect(!page.contains("http://") || page.components(separatedBy: "http://").count == 3)
            // What a hand would do, at the end of the page; what it saw goes into attributes of the body.
            let hand = """
                <script>
                const frame = name => [...document.querySelectorAll("g.frame")]
                  .find(g => g.getAttribute("aria-label").startsWith(name));
                const seen = (key, value) => document.body.setAttribute("data-" + key, value);
                seen("all", document.querySelectorAll("g.frame").length);
                frame("spin_half").dispatchEvent(new MouseEvent("click", { bubbles: true }));
                seen("title", document.title);
                seen("gone", frame("spin_third") === undefined);
                seen("details", document.getElementById("details").textContent);
                seen("focus", document.activeElement.getAttribute("aria-label"));
                document.activeElement.dispatchEvent(new KeyboardEvent("keydown", { key: "Escape", bubbles: true }));
                seen("reset", document.title);
                search.value = "SPIN_THIRD";
                search.dispatchEvent(new Event("input"));
                seen("matched", document.getElementById("matched").textContent);
                seen("hits", document.querySelectorAll("g.hit").length);
                frame("spin_half").focus();
                document.activeElement.dispatchEvent(new KeyboardEvent("keydown", { key: "ArrowUp", bubbles: true }));
                seen("up", document.activeElement.getAttribute("aria-label"));
                </script></body>
                """
            let path = folder.file("driven.html")
            try page.replacingOccurrences(of: "</body>", with: hand).write(
                toFile: path, atomically: false, encoding: .utf8)
            let browser = try browse(path, "--window-size=1200,800")
            func seen(_ key: String) -> String {
                let parts = browser.text.components(separatedBy: "data-\(key)=\"")
                return parts.count > 1 ? String(parts[1].prefix { $0 != "\"" }) : ""
            }
            #expect(Int(seen("all")) ?? 0 > 5, "\(browser)")
            let title = seen("title")
            #expect(title.hasPrefix("spin_half ") && title.contains(" % · workload shares 800"), "\(title)")
            let share = title.split(separator: " ").dropFirst().first.flatMap { Double($0) } ?? 0
            #expect(abs(share - 50) < 6, "\(title)")
            #expect(seen("gone") == "true")
            #expect(seen("details").hasPrefix("spin_half (workload") && seen("details").contains("samples"))
            #expect(seen("focus") == seen("details"))
            #expect(!seen("reset").contains("spin_half") && seen("reset").hasPrefix("workload shares 800"))
            #expect(seen("matched").hasPrefix("matched ") && Int(seen("hits")) ?? 0 >= 1)
            #expect(seen("up").hasPrefix("run_shares "), "\(seen("up"))")
        }

        @Test(.needs(program: "perf")) func `perf finds the same shares`() throws {
            let folder = try TemporaryFolder()
            let data = folder.file("perf.data")
            var record: Run
            var tries = 0
            repeat {
                record = try runCommand(
                    [
                        // perf stumbles over programs of others that are gone when it asks for them.
                        "perf", "record", "--no-bpf-event", "-e", "cpu-clock", "-F", "199", "-g", "-o", data, "--",
                        Programs.workload, "shares", "3000",
                    ], environment: ["HOME": folder.path], limit: 60)
                tries += 1
            } while tries < 3 && (record.end != .code(0) || !Self.wasQuiet(record))
            #expect(record.end == .code(0), "\(record)")
            let report = try runCommand(
                [
                    "perf", "report", "-i", data, "--stdio", "--children", "-g", "none", "--no-inline", "-F",
                    "overhead_children,symbol",
                ], environment: ["HOME": folder.path], limit: 60)
            #expect(report.end == .code(0), "\(report)")
            var run: Run
            repeat {
                run = try apus(
                    "profile", "--json", "-o", folder.file("p.json"), "--", Programs.workload, "shares", "3000")
                tries += 1
            } while tries < 6 && !Self.wasQuiet(run)
            #expect(run.end == .code(0), "\(run)")
            let document = try Self.json(folder.file("p.json"))
            let functions = try #require(document["functions"] as? [[String: Any]])
            let samples = try #require(document["samples"] as? Double)
            for name in ["spin_half", "spin_third", "spin_fifth"] {
                let line = try #require(
                    report.text.split(separator: "\n").first { $0.contains("%") && $0.contains("[.] \(name)") },
                    "\(report)")
                let theirs = Double(line.split(separator: "%")[0].filter { !$0.isWhitespace }) ?? -100
                let ours = functions.first { $0["name"] as? String == name }?["total_weight"] as? Double ?? 0
                #expect(abs(100 * ours / samples - theirs) <= 3, "\(name): \(100 * ours / samples) against \(line)")
            }
        }

        @Test func `blocked time is told in microseconds, and whose it is`() throws {
            // This machine's kernel can fail to tell of a switch: a wait of one run of a few is then missing.
            var run = Run?.none
            var left: Substring?
            for _ in 0..<4 where left == nil {
                let again = try apus(
                    "profile", "--off-cpu", "--format", "folded", "--", Programs.workload, "stacks", "2", "100")
                #expect(again.end == .code(0), "\(again)")
                left = again.errorText.split(separator: "\n").first { $0.contains("wait_left") }
                run = again
            }
            guard let left else {
                Issue.record("\(String(describing: run))")
                return
            }
            let time = left.split(separator: " ").last.flatMap { Int($0) } ?? 0
            #expect(abs(time - 100_000) < 10_000, "\(left)")
        }

        @Test func `--duration ends observing, and the program runs on`() throws {
            let folder = try TemporaryFolder()
            let run = try apus(
                "profile", "--duration", "0.3", "--json", "-o", folder.file("d.json"), "--", Programs.workload,
                "shares",
                "1500")
            #expect(run.end == .code(0), "\(run)")
            #expect(run.text.contains("half_ns"))
            let document = try Self.json(folder.file("d.json"))
            let elapsed = try #require(document["elapsed_ns"] as? Double)
            #expect(elapsed >= 300e6 && elapsed < 1_200e6, "\(elapsed)")
            // It had not ended yet.
            #expect(document["exit"] is NSNull)
        }

        @Test(arguments: [
            ["-F", "0", "--", "true"], ["-F", "-1", "--", "true"], ["-F", "x", "--", "true"], ["-F"], [],
            ["-F", "1000000000", "--", "true"], ["--user", "--kernel", "--", "true"], ["-p", "1", "-a"], ["-p", "0"],
            ["--format", "svg", "--", "true"], ["--json", "--format", "folded", "--", "true"],
            ["--duration", "0", "--", "true"], ["--max-stacks", "0", "--", "true"], ["--no-such-option", "true"],
        ])
        func `wrong usage is 64, says what is wrong, and runs nothing`(arguments: [String]) throws {
            let run = try runCommand([Programs.apus, "profile"] + arguments)
            #expect(run.end == .code(64), "\(run)")
            #expect(run.output.isEmpty && run.errorText.contains("Usage: apus profile"))
        }

        @Test func `a frequency out of bounds is told with the kernel's limit`() throws {
            let limit = try #require(Procfs.text("/proc/sys/kernel/perf_event_max_sample_rate"))
                .trimmingCharacters(in: .whitespacesAndNewlines)
            for value in ["0", "\((Int(limit) ?? 0) + 1)"] {
                let run = try apus("profile", "-F", value, "--", "true")
                #expect(run.end == .code(64), "\(run)")
                #expect(run.errorText.contains("from 1 to \(limit) Hz"), "\(run)")
                #expect(run.errorText.contains("kernel.perf_event_max_sample_rate"))
            }
        }

        @Test func `a process or a program that is not there is one line`() throws {
            let gone = try apus("profile", "-p", "4194303")
            #expect(gone.end == .code(125) && gone.errorText.split(separator: "\n").count == 1, "\(gone)")
            let program = try apus("profile", "--", "/no/such/program")
            #expect(program.end == .code(127) && program.errorText.contains("No such file"), "\(program)")
        }

        @Test(.needs(program: "setpriv")) func `without the right to sample it is one line that names it`() throws {
            // A copy, where every user may execute it.
            let folder = try TemporaryFolder()
            let run = try shell(
                #"cp "$apus" "$1"; chmod 755 "$1/apus"; cd /; exec setpriv --reuid 65534 --clear-groups "$1/apus" profile -- true"#,
                folder.path)
            #expect(run.end == .code(125), "\(run)")
            let lines = run.errorText.split(separator: "\n")
            #expect(lines.count == 1 && lines[0].contains("CAP_PERFMON"), "\(run)")
        }

        @Test func `a binary format is not written to a terminal`() throws {
            let terminal = try PseudoTerminal()
            let child = try Child(
                [Programs.apus, "profile", "--format", "pprof", "--", "true"], terminal: terminal)
            defer { child.dispose() }
            let run = try child.wait()
            #expect(run.end == .code(125), "\(run)")
        }

        @Test func `its help fits in 80 columns`() throws {
            let run = try apus("profile", "--help")
            #expect(run.end == .code(0) && run.text.split(separator: "\n").allSatisfy { $0.count <= 80 })
            #expect(run.text.contains("frame pointers") && run.text.contains("--off-cpu"))
        }

        /// Whether the workload had the CPU for itself: with few samples in few turns none are right.
        private static func wasQuiet(_ run: Run) -> Bool {
            let line = run.output.split(separator: UInt8(ascii: "\n")).first { $0.first == UInt8(ascii: "{") }
            let truth = line.flatMap { try? JSONSerialization.jsonObject(with: Data($0)) } as? [String: Any]
            guard let cpu = truth?["cpu_ns"] as? Double, let wall = truth?["wall_ns"] as? Double else { return true }
            return cpu > 0.9 * wall
        }

        private static func json(_ path: String) throws -> [String: Any] {
            let data = try Data(contentsOf: URL(fileURLWithPath: path))
            return try #require(try JSONSerialization.jsonObject(with: data) as? [String: Any])
        }
    }
}
