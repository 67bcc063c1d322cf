// SPDX-License-Identifier: Apache-2.0
import Foundation
import Glibc
import Testing

extension CommandTests {
    @Suite(.needsKernel) struct CountersTests {
        @Test(arguments: [
            (["-e", "cycels"], "did you mean cycles"), (["-e", "cycles:q"], "u (user mode)"),
            (["-e", ""], "without a name"),
            (["-x", ""], "separator"), (["-x", ",", "--json"], "exclude each other"), (["-p", "0"], "no PID"),
            (["-a", "-p", "1"], "exclude each other"), (["-I", "0"], "milliseconds"),
            (["--max-threads", "0"], "from 1"),
            (["--no-such"], "Unknown option"),
        ])
        func `wrong usage is 64 and says what is right`(arguments: [String], reason: String) throws {
            let run = try runCommand([Programs.apus, "counters"] + arguments + ["--", "true"])
            #expect(run.end == .code(64), "\(run)")
            #expect(run.errorText.hasPrefix("apus: ") && run.errorText.contains(reason), "\(run)")
        }

        @Test func `nothing to observe is wrong usage, and help fits in 80 columns`() throws {
            #expect(try apus("counters").end == .code(64))
            let help = try apus("counters", "--help")
            #expect(help.end == .code(0) && help.text.split(separator: "\n").allSatisfy { $0.count <= 80 })
        }

        @Test func `it ends as the program does`() throws {
            #expect(try apus("counters", "-q", Programs.workload, "exit", "3").end == .code(3))
            #expect(try apus("counters", "-q", Programs.workload, "signal", "TERM").end == .signal(SIGTERM))
            #expect(try apus("counters", "-q", "/no/such/program").end == .code(127))
            #expect(try apus("counters", "-p", "4194000").end == .code(125))
        }

        /// Of the lines that perf has, too.
        static func fields(_ text: String) -> [[String]] {
            text.split(separator: "\n").filter { !$0.hasPrefix("#") }
                .map { $0.split(separator: ",", omittingEmptySubsequences: false).map { String($0) } }
        }

        static let events = "task-clock,context-switches,cs:u,faults,page-faults:k,bus-cycles,cycles:u"

        @Test(.needs(program: "perf")) func `-x prints perf stat's fields in perf stat's order`() throws {
            let theirs = Self.fields(try runCommand(["perf", "stat", "-x,", "-e", Self.events, "true"]).errorText)
            let run = try apus("counters", "-x,", "-e", Self.events, "true")
            let ours = Self.fields(run.errorText)
            #expect(run.end == .code(0) && ours.count == theirs.count && ours.count == 7, "\(run)")
            for (one, other) in zip(ours, theirs) {
                #expect(one.count == other.count && one[2] == other[2], "\(one) against \(other)")
                // `<not supported>` has no unit there.
                #expect(
                    one[1] == other[1] && one[0].hasPrefix("<") == other[0].hasPrefix("<"), "\(one) against \(other)")
                #expect(one[4] == "100.00" && (one[6].isEmpty == other[6].isEmpty), "\(one) against \(other)")
            }
            let rows = run.errorText.split(separator: "\n").filter { $0.hasPrefix("# process,") }
            #expect(rows.count == 3 * 7 && rows.allSatisfy { $0.contains(",true,") })
        }

        @Test(.needs(program: "perf")) func `--json has perf stat's members first, in its order`() throws {
            func keys(_ line: Substring) -> [String] {
                line.split(separator: "\"", omittingEmptySubsequences: false).enumerated().filter { $0.offset % 2 == 1 }
                    .map { String($0.element) }
                    .filter { line.contains("\"\($0)\":") || line.contains("\"\($0)\" :") }
            }
            let theirs = try runCommand(["perf", "stat", "-j", "-e", "task-clock,faults", "true"]).errorText
                .split(separator: "\n")
            let ours = try apus("counters", "--json", "-e", "task-clock,faults", "true").errorText.split(
                separator: "\n")
            try #require(theirs.count == 2 && ours.count == 3)
            for (one, other) in zip(ours, theirs) {
                #expect(keys(one).starts(with: keys(other)) && keys(other).count == 7, "\(one) against \(other)")
                let object = try #require(try JSONSerialization.jsonObject(with: Data(one.utf8)) as? [String: Any])
                #expect(object["counter-value"] is String && object["event-runtime"] is NSNumber)
            }
            let last = try #require(try JSONSerialization.jsonObject(with: Data(ours[2].utf8)) as? [String: Any])
            #expect(last["schema"] as? String == "apus.counters/1" && last["event"] == nil)
            let processes = try #require(last["processes"] as? [[String: Any]])
            #expect(processes.count == 1)
            let (user, kernel) = (processes[0]["user_ns"] as? Int ?? 0, processes[0]["kernel_ns"] as? Int ?? 0)
            #expect(user > 0 && kernel > 0 && processes[0]["time_ns"] as? Int == user + kernel)
            // Of software events alone no mode is known.
            let plain = try apus("counters", "--json", "-e", "faults", "true").errorText.split(separator: "\n")
            let whole = try #require(
                try JSONSerialization.jsonObject(with: Data((plain.last ?? "").utf8)) as? [String: Any])
            let total = try #require(whole["total"] as? [String: Any])
            #expect(total["user_ns"] is NSNull && total["kernel_ns"] is NSNull && total["time_ns"] as? Int ?? 0 > 0)
            #expect((last["observer"] as? [String: Any])?["bpf_run_count"] is NSNumber)
        }

        /// What is counted of a run of its own: on one CPU, ahead of all ordinary threads, its memory where it was
        /// before.
        static func undisturbed(_ observer: String, _ workload: String) throws -> (switches: Int, faults: Int) {
            let run = try shell(
                """
                cpu=$(taskset -pc $$ | sed 's/.*[-, ]//')
                exec setarch -R taskset -c "$cpu" chrt -f 50 \(observer) -x, -e cs,faults $workload \(workload) >/dev/null
                """)
            #expect(run.end == .code(0), "\(run)")
            let counts = fields(run.errorText).compactMap { Int($0[0]) }
            try #require(counts.count == 2, "\(run)")
            return (counts[0], counts[1])
        }

        /// A busy machine can have the program wait for its own pages, and keeps a twentieth of a CPU for the others:
        /// three runs of a few have none of that.
        @Test(.needs(program: "perf"), .needs(program: "chrt"), arguments: ["perf stat", "$apus counters -q"])
        func `known switches and faults are counted to the last one, as by perf stat`(observer: String) throws {
            // 101 trips and one more: a wait of each, but for the last of the child, which ends.
            var switches: [Int] = []
            func exact() -> Int { switches.count { $0 == 2 * 101 + 1 } }
            while exact() < 3 && switches.count < 8 {
                switches.append(try Self.undisturbed(observer, "pipe-ping-pong 101").switches)
            }
            #expect(exact() == 3 && switches.min() == 2 * 101 + 1, "\(switches)")
            // What it takes to start a program is in both.
            var faults: [Int] = []
            while faults.count(where: { $0 == 3018 - 1009 }) < 2 && faults.count < 8 {
                let few = try Self.undisturbed(observer, "fault 1009"),
                    many = try Self.undisturbed(observer, "fault 3018")
                faults.append(many.faults - few.faults)
            }
            #expect(faults.count { $0 == 3018 - 1009 } == 2, "\(faults)")
        }

        @Test func `intervals add up to the whole`() throws {
            let run = try apus(
                "counters", "-x,", "-q", "-I", "20", "-e", "page-faults", Programs.workload, "sleep", "25", "5")
            let lines = Self.fields(run.errorText)
            let times = lines.compactMap { Double($0[0].drop { $0 == " " }) }
            #expect(times.count == lines.count && times == times.sorted() && lines.count > 1, "\(run)")
            #expect(lines.reduce(0) { $0 + ($1.dropFirst().first.flatMap { Int($0) } ?? 0) } > 100, "\(run)")
        }

        @Test(arguments: [["-t"], ["-v"], ["-q"], ["-a"]])
        func `text fits in 80 columns and shows user and kernel`(options: [String]) throws {
            let run = try runCommand([Programs.apus, "counters"] + options + [Programs.workload, "threads", "3"])
            #expect(run.end == .code(0))
            let lines = run.errorText.split(separator: "\n")
            #expect(lines.allSatisfy { $0.count <= 80 }, "\(run)")
            #expect(lines.contains { $0.contains("total") && $0.contains("user") && $0.contains("kernel") })
            #expect(lines.contains { $0.hasSuffix("page-faults") } && lines.contains { $0.contains("observing cost") })
        }

        @Test func `text of a target is escaped`() throws {
            let run = try apus("counters", "-x,", "-e", "faults", Programs.workload, "name", "a,b\\e[2J")
            #expect(!run.errorText.contains("\u{1b}"))
            let rows = run.errorText.split(separator: "\n").filter { $0.hasPrefix("# process,") }
            #expect(
                rows.allSatisfy { $0.split(separator: ",", omittingEmptySubsequences: false).count == 11 }, "\(run)")
        }
    }
}
