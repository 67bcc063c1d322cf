// SPDX-License-Identifier: Apache-2.0
import ArgumentParser
import Statistics

/// How `apus time` runs a program more than once, or several by turns.
struct RepetitionOptions: ParsableArguments {
    @Option(
        parsing: .unconditional,
        help: ArgumentHelp("Run the program until the K fastest runs lie within E of the fastest.", valueName: "k"))
    var best: Int?

    @Option(parsing: .unconditional, help: ArgumentHelp("With --best: E, as 1% (the default) or 0.01.", valueName: "e"))
    var within: Fraction?

    @Option(parsing: .unconditional, help: ArgumentHelp("With --best: the most runs; 20 by default.", valueName: "n"))
    var max: Int?

    @Option(
        help: ArgumentHelp(
            "Run this command by turns with others, in random order; to be given twice or more.", valueName: "command"))
    var compare: [String] = []

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp("With --compare: how often each command runs; 20 by default.", valueName: "n"))
    var rounds: Int?

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp("With --compare: the seed of the order and of the intervals.", valueName: "seed"))
    var seed: UInt64?

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp("Runs before those that count, of each program; 1 by default.", valueName: "n"))
    var warmup: Int?

    @Flag(help: "Go on when a run exits with another status than 0, or dies of a signal.")
    var allowFailure = false

    /// There are several runs.
    var isOn: Bool { best != nil || !compare.isEmpty }

    var warmups: Int { warmup ?? 1 }
    var roundCount: Int { rounds ?? 20 }

    /// Of `--best`.
    func repetition() throws -> KBest {
        try KBest(best: best ?? 3, within: within ?? Fraction(0.01), max: max ?? 20)
    }

    func validate(hasProgram: Bool) throws {
        if best == nil && (within != nil || max != nil) { throw ValidationError("--within and --max go with --best.") }
        if compare.isEmpty && (rounds != nil || seed != nil) {
            throw ValidationError("--rounds and --seed go with --compare.")
        }
        guard isOn else {
            guard warmup == nil && !allowFailure else {
                throw ValidationError("--warmup and --allow-failure go with --best or --compare.")
            }
            return
        }
        guard best == nil || compare.isEmpty else { throw ValidationError("--best and --compare exclude each other.") }
        if best != nil {
            guard hasProgram else { throw ValidationError("--best needs a program to run.") }
            _ = try repetition()
        } else {
            guard compare.count >= 2 else {
                throw ValidationError("--compare needs two commands: --compare 'A' --compare 'B'.")
            }
            guard !hasProgram else {
                throw ValidationError("With --compare there is no other program: quote each command as one word.")
            }
            guard !compare.contains(where: { $0.allSatisfy(\.isWhitespace) }) else {
                throw ValidationError("--compare: a command is empty.")
            }
        }
        guard (0...1_000_000).contains(warmups), (1...1_000_000).contains(roundCount) else {
            throw ValidationError("--warmup takes a number from 0, --rounds one from 1, up to 1000000.")
        }
    }
}
