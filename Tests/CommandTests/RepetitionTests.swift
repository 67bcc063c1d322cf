// SPDX-License-Identifier: Apache-2.0
import Foundation
import Glibc
import Testing

extension CommandTests {
    @Suite(.needsKernel) struct RepetitionTests {
        /// The documents of `--best` and `--compare`, as far as the tests ask.
        private struct Best: Decodable {
            let schema: String
            let best, max, warmups: Int
            let converged: Bool
            let bestNetNs, bestElapsedNs, bestRun: UInt64
            let runs: [Run]
            let completeness: TimeDocument.Completeness

            struct Run: Decodable {
                let run, elapsedNs, netNs: UInt64
                let ledger: TimeDocument.Ledger
                let disturbances: [Disturbance]

                private enum Key: String, CodingKey { case run, elapsedNs, netNs, disturbances }

                init(from decoder: any Decoder) throws {
                    let container = try decoder.container(keyedBy: Key.self)
                    run = try container.decode(UInt64.self, forKey: .run)
                    elapsedNs = try container.decode(UInt64.self, forKey: .elapsedNs)
                    netNs = try container.decode(UInt64.self, forKey: .netNs)
                    disturbances = try container.decode([Disturbance].self, forKey: .disturbances)
                    ledger = try TimeDocument.Ledger(from: decoder)
                }
            }

            struct Disturbance: Decodable {
                let cause: String
                let fromOutside: Bool
                let ns, count: UInt64?
            }
        }

        private func best(_ options: [String], _ program: [String]) throws -> Best {
            let folder = try TemporaryFolder()
            let run = try runCommand(
                [Programs.apus, "time", "--json", "-o", folder.file("json")] + options + ["--"] + program)
            #expect(run.end == .code(0), "\(run)")
            let decoder = JSONDecoder()
            decoder.keyDecodingStrategy = .convertFromSnakeCase
            return try decoder.decode(Best.self, from: Data((folder.contents(of: "json") ?? "").utf8))
        }

        @Test func `it ends when the fastest agree, and each run has its ledger`() throws {
            let best = try best(["--best", "3", "--within", "20%", "--max", "30"], [Programs.workload, "spin", "5"])
            #expect(best.schema == "apus.time.best/1")
            #expect((best.best, best.max, best.warmups) == (3, 30, 1))
            #expect(best.converged)
            #expect((3...30).contains(best.runs.count))
            let times = best.runs.map(\.netNs).sorted()
            #expect(times[0] == best.bestNetNs && Double(times[2]) <= 1.2 * Double(times[0]))
            // Not sooner: before the last run, they did not agree.
            let before = best.runs.dropLast().map(\.netNs).sorted()
            #expect(before.count < 3 || Double(before[2]) > 1.2 * Double(before[0]))
            for (index, run) in best.runs.enumerated() {
                #expect(run.run == UInt64(index + 1))
                #expect(run.ledger.states == run.ledger.wallNs)
                // One thread: what is not net, is what the ledger says that it lost.
                let lost =
                    run.ledger.runnablePreemptedNs + run.ledger.runnableWokenNs + run.ledger.irqNs
                    + run.ledger.softirqNs
                #expect(run.elapsedNs - run.netNs == lost)
                #expect(run.ledger.userNs + lost >= 4_900_000 && run.elapsedNs >= 5_000_000)
            }
            let fastest = try #require(best.runs.first { $0.run == best.bestRun })
            #expect(fastest.elapsedNs == best.bestElapsedNs && fastest.disturbances.allSatisfy(\.fromOutside))
        }

        @Test func `runs that never agree end at the limit, and it says so`() throws {
            let run = try apus(
                "time", "--best", "3", "--within", "0.0000001%", "--max", "5", "--", Programs.workload, "spin", "1")
            #expect(run.end == .code(0), "\(run)")
            #expect(run.errorText.contains("NOT CONVERGED"))
            #expect(run.text.split(separator: "\n").count == 6, "five runs and a warm-up: \(run)")
            #expect(run.errorText.split(separator: "\n").allSatisfy { $0.count <= 80 }, "\(run)")
        }

        /// Every other run starts a thief on its own CPU.
        @Test func `a run that was preempted is known by it`() throws {
            let folder = try TemporaryFolder()
            let script = """
                n=$(cat "$0" 2>/dev/null || echo 0); echo $((n + 1)) > "$0"
                [ $((n % 2)) = 0 ] || "$1" spin 60 --cpu 0 > /dev/null &
                exec "$1" getppid 200000 --cpu 0
                """
            let best = try best(
                ["--best", "4", "--max", "4", "--warmup", "0"],
                ["sh", "-c", script, folder.file("count"), Programs.workload])
            #expect(best.runs.count == 4)
            for run in best.runs where run.run % 2 == 0 {
                let preempted = try #require(run.disturbances.first { $0.cause == "preempted" }, "\(run)")
                #expect(preempted.fromOutside && preempted.ns ?? 0 > 8_000_000)
                #expect(run.netNs < run.elapsedNs - 8_000_000)
            }
        }

        @Test func `input is replayed to each run, warm-ups included`() throws {
            let pipe = try shell(
                "seq 1009 | \"$1\" time -q --best 2 --max 2 --within 0.0000001% --warmup 1 -- wc -l", Programs.apus)
            #expect(pipe.end == .code(0), "\(pipe)")
            #expect(pipe.text == "1009\n1009\n1009\n", "\(pipe)")
            let folder = try TemporaryFolder()
            // From where the file has been read to.
            let file = try shell(
                "printf 'one\\ntwo\\n' > \"$2\"; (read line; exec \"$1\" time -q --best 2 --max 2 --warmup 0 -- cat) < \"$2\"",
                Programs.apus, folder.file("input"))
            #expect(file.text == "two\ntwo\n", "\(file)")
        }

        @Test func `a failure ends it with what there is, unless it is allowed`() throws {
            let folder = try TemporaryFolder()
            let script = "echo >> \"$0\"; [ $(wc -l < \"$0\") -lt 4 ] || exit 7"
            // A warm-up before: the fourth is run 3.
            let run = try apus(
                "time", "--best", "5", "--", "sh", "-c", script, folder.file("count"))
            #expect(run.end == .code(7), "\(run)")
            #expect(run.errorText.contains("run 3 exited with status 7: stopped (--allow-failure goes on)"))
            #expect(run.errorText.contains("the fastest of 2 runs"))
            let allowed = try best(
                ["--best", "5", "--max", "5", "--allow-failure"], ["sh", "-c", script, folder.file("count")])
            #expect(allowed.runs.count == 5)
            let killed = try apus("time", "--best", "2", "--", Programs.workload, "signal", "TERM")
            #expect(killed.end == .signal(SIGTERM), "\(killed)")
            #expect(killed.errorText.contains("warm-up 1 was killed by signal 15"))
        }

        @Test(arguments: [["--best", "3"], ["--compare", "true", "--compare", "false"]])
        func `what is for one run is refused`(several: [String]) throws {
            for one in [["--sample", "99"], ["--kernel-times"], ["-t"], ["-I", "100"], ["-a"], ["-p", "1"]] {
                let run = try runCommand(
                    [Programs.apus, "time"] + several + one + (several[0] == "--best" ? ["--", "true"] : []))
                #expect(run.end == .code(64) && run.errorText.contains("exclude"), "\(one): \(run)")
            }
        }

        @Test func `a program that is not there is 127, before any run`() throws {
            #expect(try apus("time", "--best", "3", "--", "/no/such/program").end == .code(127))
            #expect(try apus("time", "--compare", "/no/such/program", "--compare", "true").end == .code(127))
        }

        @Test func `an interrupt prints what there is, and is passed on`() throws {
            let run = try Child(
                [
                    Programs.apus, "time", "--best", "2", "--within", "0.0000001%", "--max", "100000", "--",
                    Programs.workload, "sleep", "20",
                ])
            defer { run.dispose() }
            try run.wait(for: "sleep")
            usleep(200_000)
            run.signalGroup(SIGINT)
            let end = try run.wait()
            #expect(end.end == .signal(SIGINT), "\(end)")
            #expect(
                end.errorText.contains("NOT CONVERGED") && end.errorText.contains("interrupted during run"), "\(end)")
        }

        // MARK: - Comparing

        @Test func `the state that differs accounts for the difference`() throws {
            let run = try apus(
                "time", "--rounds", "6", "--seed", "5", "--json", "-o", "/dev/stderr",
                "--compare", "\(Programs.workload) sleep 4", "--compare", "\(Programs.workload) sleep 24", limit: 60)
            #expect(run.end == .code(0), "\(run)")
            let json = try #require(try JSONSerialization.jsonObject(with: Data(run.errors)) as? [String: Any])
            #expect(json["schema"] as? String == "apus.time.compare/1")
            #expect((json["seed"] as? Int, json["rounds"] as? Int) == (5, 6))
            let commands = try #require(json["commands"] as? [[String: Any]])
            let ratio = try #require(commands[1]["ratio_to_first"] as? [String: Any])
            #expect(ratio["difference_shown"] as? Bool == true)
            #expect(try #require(ratio["median"] as? Double) > 1.5)
            let states = try #require(ratio["states"] as? [[String: Any]])
            #expect(states.first?["state"] as? String == "sleep")
            // 20 ms, and what a sleep is late: of six one can be late by much.
            let difference = try #require(states.first?["mean_difference_ns"] as? Double)
            #expect(abs(difference - 20_000_000) < 6_000_000)
        }

        @Test func `the text fits in 80 columns and names what is compared`() throws {
            let run = try apus(
                "time", "--rounds", "5", "--compare", "\(Programs.workload) spin 1", "--compare", "true; exit 0",
                limit: 60)
            #expect(run.end == .code(0), "\(run)")
            #expect(run.errorText.split(separator: "\n").allSatisfy { $0.count <= 80 }, "\(run)")
            #expect(run.errorText.contains("true; exit 0"))
            #expect(run.errorText.contains(" B takes ") || run.errorText.contains("no difference shown"))
        }

        @Test func `the same seed runs them in the same order`() throws {
            let folder = try TemporaryFolder()
            func order(_ seed: String) throws -> String {
                let file = folder.file("order")
                unlink(file)
                let run = try apus(
                    "time", "-q", "--rounds", "8", "--warmup", "0", "--seed", seed, "--compare", "echo A >> \(file)",
                    "--compare", "echo B >> \(file)")
                #expect(run.end == .code(0), "\(run)")
                return try #require(folder.contents(of: "order")).filter { $0 != "\n" }
            }
            let first = try order("1")
            #expect(first.count == 16 && first.filter { $0 == "A" }.count == 8)
            #expect(try order("1") == first)
            #expect(try order("2") != first)
        }

        @Test(arguments: [
            ["--best", "0", "--", "true"], ["--best", "4", "--max", "3", "--", "true"], ["--best", "21", "true"],
            ["--best", "3", "--within", "0", "--", "true"], ["--best", "3", "--within=-1%", "--", "true"],
            ["--best", "3", "--within", "100%", "--", "true"], ["--best", "3"], ["--best", "3", "-p", "1"],
            ["--best", "3", "-a"], ["--best", "3", "-I", "100", "true"], ["--within", "1%", "true"],
            ["--max", "3", "true"], ["--warmup", "1", "true"], ["--allow-failure", "true"], ["--seed", "1", "true"],
            ["--rounds", "3", "true"], ["--compare", "true"], ["--compare", "true", "--compare", " "],
            ["--compare", "true", "--compare", "true", "--", "true"], ["--warmup=-1", "--best", "2", "true"],
            ["--best", "2", "--compare", "true", "--compare", "true"], ["--compare", "a", "--compare", "b", "-p", "1"],
            ["--compare", "true", "--compare", "true", "--rounds", "0"],
        ])
        func `wrong usage is 64, and runs nothing`(arguments: [String]) throws {
            let run = try runCommand([Programs.apus, "time"] + arguments)
            #expect(run.end == .code(64), "\(run)")
            #expect(run.errorText.contains("Usage: apus time"))
        }
    }
}
