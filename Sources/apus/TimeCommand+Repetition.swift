// SPDX-License-Identifier: Apache-2.0
import Glibc
import Linux
import Rendering
import Tracers

/// `apus time --best` and `apus time --compare`.
extension TimeCommand {
    func runRepeatedly(_ options: TimeTracer.Options) throws {
        let output = try outputOptions.open(besideProgram: true)
        let signals = try Signals([SIGINT, SIGTERM, SIGHUP])
        Output.signals = signals
        let printer = TimePrinter(
            output: output, style: outputOptions.style(for: output), isJSON: false, threads: false,
            accounts: false, interval: nil, rows: 0, title: "", observesProgram: true, sharesInput: true)
        let runs = try RepeatedRuns(
            options, printer: printer, signals: signals, allowsFailure: repetition.allowFailure, isVerbose: verbose)
        let stop: RepeatedRuns.Stop?
        let isExact: Bool
        if repetition.best != nil {
            (stop, isExact) = try runBest(runs, output)
        } else {
            (stop, isExact) = try runComparison(runs, output)
        }
        try output.finish()
        if let stop { Output.standardError.writeIgnoringErrors("apus: \(stop.message.escapedByLine)\n") }
        if strict && !isExact { throw Failure(123, "the result is a lower bound, which --strict does not allow") }
        if let stop { (stop.exit ?? .signal(stop.signal ?? SIGINT)).imitate() }
    }

    private func runBest(_ runs: consuming RepeatedRuns, _ output: Output) throws -> (RepeatedRuns.Stop?, Bool) {
        let target = RunnableProgram(words: program.words, exact: program.exact)
        var best = BestRuns(repetition: try repetition.repetition(), warmups: repetition.warmups)
        var stop: RepeatedRuns.Stop?
        for number in 0..<repetition.warmups where stop == nil {
            let result = try runs.run(target, number: 0)
            stop = runs.stop(after: result, of: "warm-up \(number + 1)")
        }
        while stop == nil && !best.repetition.isFinished {
            let number = best.next
            let result = try runs.run(target, number: number)
            stop = runs.stop(after: result, of: "run \(number)")
            // A run that failed, or was cut short, is no measurement of what was asked for.
            if stop == nil { best.add(result.run, result.report) }
        }
        var (completeness, observer) = try runs.finish()
        completeness.take(unobserved: best.unobserved)
        if outputOptions.json {
            try output.write(best.json(command: program.words, completeness, observer, stop: stop?.message))
        } else {
            try output.write(
                best.text(
                    title: targetOptions.title(with: program), completeness, observer,
                    style: outputOptions.style(for: output),
                    rowLimit: quiet ? 0 : verbose ? nil : 20))
        }
        return (stop, completeness.isExact)
    }

    private func runComparison(
        _ runs: consuming RepeatedRuns, _ output: Output
    ) throws -> (RepeatedRuns.Stop?, Bool) {
        let commands = repetition.compare
        let programs = commands.map { RunnableProgram(command: $0) }
        let seed = repetition.seed ?? UInt64.random(in: 0...999_999)
        var comparison = Comparison(commands: commands, seed: seed, warmups: repetition.warmups)
        var stop: RepeatedRuns.Stop?
        let rounds =
            Array(repeating: Array(programs.indices), count: repetition.warmups)
            + comparison.order(rounds: repetition.roundCount)
        for (round, order) in rounds.enumerated() {
            let number = round - repetition.warmups + 1
            for index in order where stop == nil {
                let result = try runs.run(programs[index], number: max(0, number))
                let name = number > 0 ? "run \(number)" : "warm-up \(round + 1)"
                stop = runs.stop(after: result, of: "\(name) of \(commands[index])")
                guard stop == nil, number > 0 else { continue }
                comparison.measuresFaults = result.report.measuresFaults
                if let run = result.run {
                    comparison.programs[index].runs.append(run)
                } else {
                    comparison.unobserved += 1
                }
            }
        }
        var (completeness, observer) = try runs.finish()
        completeness.take(unobserved: comparison.unobserved)
        if outputOptions.json {
            try output.write(comparison.json(completeness, observer, stop: stop?.message))
        } else {
            try output.write(comparison.text(completeness, observer, style: outputOptions.style(for: output)))
        }
        return (stop, completeness.isExact)
    }
}
