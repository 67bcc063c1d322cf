// SPDX-License-Identifier: Apache-2.0
import ArgumentParser
import Rendering
import Statistics
import Tracers

struct ClockCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "clock",
        abstract: "Measure how well time can be read here: cost, smallest step, way, and order across CPUs.",
        usage: "apus clock [options]",
        discussion: """
            For each clock: what a reading costs, and how far the runs that say so lie apart; the smallest \
            step other than zero; whether it is an instruction, code of the vDSO or a system call, found \
            by counting system calls; and whether it ever went back when two CPUs read it by turns.

            Each cost is that of a loop of readings that takes 200 µs at least, repeated until the K \
            fastest runs lie within E of the fastest, at most N times. Runs into which a context switch or \
            an interrupt fell are counted in the kernel, and set aside. Without the right to load BPF \
            programs that is not known, and said.

            Exit status: 0; 125 if Apus failed; 64 for wrong usage.
            """)

    @Option(parsing: .unconditional, help: ArgumentHelp("How many of the fastest runs have to agree.", valueName: "k"))
    var best = 3

    @Option(parsing: .unconditional, help: ArgumentHelp("How far apart they may lie: 1% or 0.01.", valueName: "e"))
    var within = Fraction(0.01)

    @Option(parsing: .unconditional, help: ArgumentHelp("The most runs of each clock.", valueName: "n"))
    var max = 20

    @OptionGroup var outputOptions: OutputOptions

    func validate() throws { _ = try KBest(best: best, within: within, max: max) }

    func run() throws {
        let output = try outputOptions.open(besideProgram: false)
        let report = try ClockExamination.run(.init(repetition: try KBest(best: best, within: within, max: max)))
        try output.write(
            outputOptions.json ? report.json : Array(report.text(style: outputOptions.style(for: output)).utf8))
        try output.finish()
    }
}

extension KBest {
    /// From the options of a command.
    init(best: Int, within: Fraction, max: Int) throws {
        guard best >= 1 else { throw ValidationError("--best takes a number of runs, from 1.") }
        guard max <= 1_000_000 else { throw ValidationError("--max takes a number of runs, up to 1000000.") }
        guard best <= max else {
            throw ValidationError("--best \(best) is more than --max \(max): so many runs cannot agree.")
        }
        guard within.value > 0, within.value < 1, let value = KBest(count: best, within: within.value, limit: max)
        else { throw ValidationError("--within takes more than 0 and less than 100%: 1% or 0.01.") }
        self = value
    }
}
