// SPDX-License-Identifier: Apache-2.0
import ArgumentParser
import Experiment
import Glibc
import Linux
import Rendering

extension CompareCommand {
    /// The signal that ended the experiment.
    nonisolated(unsafe) static var signal: Int32?

    var interruption: Int32? { Self.signal }

    func experiment() throws -> ExperimentData {
        let signals = try Signals([SIGINT, SIGTERM, SIGHUP])
        var progress = ProgressLine(isOn: !quiet)
        defer { progress.clear() }
        do throws(DesignError) {
            let experiment = try Experiment(try design(), signals: signals, version: Apus.configuration.version)
            let data = try experiment.run { progress.show($0) }
            progress.clear()
            Self.signal = experiment.interruption
            let isShort = data.design.runs < min(runsOfEach, runs == nil ? Cell.leastRuns : .max)
            if isShort {
                Output.standardError.writeIgnoringErrors(
                    "apus: --budget had room for \(data.design.runs) of \(runsOfEach) runs of each; "
                        + "give more seconds for all\n")
            }
            return data
        } catch {
            throw Failure(125, error.description)
        }
    }

    func load(_ path: String) throws -> ExperimentData {
        guard let bytes = Procfs.bytes(path) else {
            throw Failure(125, SystemError("read", path, errno: errno).description)
        }
        do throws(DesignError) { return try ExperimentData(json: bytes, from: path) } catch {
            throw Failure(125, error.description)
        }
    }

    func reportChange() throws {
        let output = try outputOptions.open(besideProgram: false)
        let change = Change(from: ObserverComparison(try load(from[0])), to: ObserverComparison(try load(from[1])))
        try output.write(
            outputOptions.json ? change.json : Array(change.text(style: outputOptions.style(for: output)).utf8))
        try output.finish()
    }
}

/// How far an experiment has come: a line on a terminal that is written again and again; elsewhere just how
/// long it will take.
private struct ProgressLine {
    let isOn: Bool
    private let isTerminal = isatty(2) == 1
    private var isShown = false

    init(isOn: Bool) { self.isOn = isOn }

    mutating func show(_ progress: Experiment.Progress) {
        guard isOn else { return }
        let share = progress.total > 0 ? 100 * progress.done / progress.total : 100
        let left = progress.left.map { ", \(Format.duration(UInt64($0 * 1e9))) left" } ?? ""
        if progress.isPlanned {
            clear()
            Output.standardError.writeIgnoringErrors(
                "apus: \(progress.total) runs, about \(Format.duration(UInt64((progress.left ?? 0) * 1e9)))\n")
        }
        guard isTerminal else { return }
        let line = " \(progress.done) of \(progress.total) (\(share) %)\(left): \(progress.step)"
        Output.standardError.writeIgnoringErrors("\r\u{1b}[K" + String(line.escapedForTerminal.prefix(79)))
        isShown = true
    }

    mutating func clear() {
        guard isShown else { return }
        Output.standardError.writeIgnoringErrors("\r\u{1b}[K")
        isShown = false
    }
}
