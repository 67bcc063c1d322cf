// SPDX-License-Identifier: Apache-2.0
import Linux
public import Tracers

extension ModuleFormat {
    /// A record as a line for people, and details under it.
    public mutating func text(_ record: ModuleRecord) -> String {
        noteChange(record)
        switch record {
        case .load(let load): return text(load)
        case .unload(let unload): return text(unload)
        case .reference(let reference):
            let place = symbols.name(at: reference.caller).map { " in \($0.escapedForTerminal)" } ?? ""
            return fitted(
                ["\(reference.count) now", "\(reference.command.escapedForTerminal) \(reference.pid)" + place],
                after: reference.name
            ) { line(reference.time, reference.isPut ? "put" : "get", nil, reference.name, nil, isNarrow: $0) }
        case .lost(let count, let time):
            return style.warning(line(time, "LOST", nil, "", nil) + "\(count) events, here in the stream") + "\n"
        }
    }

    private static let indent = 22
    /// Where the story begins: after the time, the outcome, the name and the duration.
    private static let margin = 50
    private static let nameWidth = 17

    /// - Parameter isNarrow: without columns.
    private func line(
        _ time: UInt64, _ outcome: String, _ color: String?, _ name: String, _ total: UInt64?, isNarrow: Bool = false
    ) -> String {
        let clock =
            isRelative
            ? Format.fixed(Double(time > start ? time - start : 0) / 1e9, 6).aligned(right: 12)
            : Clock.localTimeOfDay(time &+ realtimeOffset)
        let word = outcome.padded(to: 8)
        let duration = total.map { Format.duration($0) } ?? ""
        return clock + " " + (color.map { style.colored(word, $0) } ?? word) + " "
            + (isNarrow
                ? name.escapedForTerminal + (duration.isEmpty ? "" : " " + duration)
                : name.escapedForTerminal.padded(toAtLeast: Self.nameWidth) + duration.aligned(right: 9)) + "  "
    }

    private mutating func text(_ load: ModuleLoad) -> String {
        let (word, color) =
            switch load.outcome {
            case .live: ("live", "32")
            case .failed: ("failed", "31")
            case .alreadyLoaded: ("already", "33")
            case .shared: ("shared", "36")
            }
        var story: [String] = []
        if load.outcome != .live && load.errno != 0 {
            story.append((load.stage.map { "\($0.rawValue): " } ?? "") + SystemError.name(of: load.errno))
        }
        if load.isLate { story.append("its call unseen") }
        var who = "\(load.loader.command.escapedForTerminal) \(load.loader.pid)"
        if let request = load.requestedBy {
            who +=
                " for \(request.process.command.escapedForTerminal) \(request.process.pid)"
                + " (\(request.alias.escapedForTerminal))"
        }
        story.append(who)
        if let taints = load.taints, !taints.isEmpty { story.append("taints \(taints)") }
        var text = fitted(story, after: load.name ?? "?") {
            line(load.time, word, color, load.name ?? "?", load.phases.total, isNarrow: $0)
        }
        if let taints = load.taints, !taints.isEmpty, style.isOn {
            text = text.replacing("taints \(taints)", with: style.warning("taints \(taints)"))
        }
        let details = isVerbose ? details(load) : []
        var log = isVerbose || load.outcome == .failed ? load.log.map { "| \($0.escapedForTerminal)" } : []
        if !isVerbose && log.count > 5 { log[4...] = ["| … and \(log.count - 4) lines more (-v)"] }
        return text + (details + log).map { $0.wrapped(indent: 6, first: 4) + "\n" }.joined()
    }

    /// The story on the line if that fits in 80 columns, if need be without columns of its own; else under it.
    ///
    /// - Parameter line: gives it with columns, or narrow.
    private func fitted(_ story: [String], after name: String, _ line: (Bool) -> String) -> String {
        let text = story.joined(separator: ", ")
        let length = name.escapedForTerminal.count
        if Self.margin + max(0, length - Self.nameWidth) + text.count <= 80 { return line(false) + text + "\n" }
        // What lies before the name, and eight columns for a duration.
        if Self.indent + length + 9 + 2 + text.count <= 80 { return line(true) + text + "\n" }
        return line(false).trimmedAtEnd + "\n" + text.wrapped(indent: Self.indent) + "\n"
    }

    private mutating func details(_ load: ModuleLoad) -> [String] {
        var lines: [String] = []
        if let request = load.requestedBy, let last = lastRequest, last.time == request.time {
            lines.append("asked for as \(request.alias), in the same request as \(last.module)")
        } else if let request = load.requestedBy {
            lastRequest = (request.time, load.name ?? "?")
            let caller = symbols.name(at: request.caller).map { " in \($0)" } ?? ""
            lines.append(
                "asked for as \(request.alias)\(caller), " + (request.waits ? "waiting, " : "not waiting, ")
                    + describe(request.process))
        }
        lines.append("file \(load.file ?? (load.isFromMemory ? "none: from memory" : "unknown"))")
        if load.outcome == .alreadyLoaded || load.stage == .duplicateName {
            let verdict = load.outcome == .alreadyLoaded ? "the same" : "another"
            lines.append(
                load.comparedBy.map { "the module that is there is \(verdict), by its \($0.rawValue)" }
                    ?? "nothing tells whether the module that is there is the same")
        }
        if !load.parameters.isEmpty { lines.append("parameters \(load.parameters)") }
        var facts = [load.sizeBytes.map { Format.bytes($0) }, load.version.map { "version \($0)" }]
        facts.append(load.srcversion.map { "srcversion \($0)" })
        facts.append(load.licence.map { "licence \($0)" })
        facts.append(load.isSigned.map { $0 ? "signed" : "not signed" })
        let known = facts.compactMap { $0 }
        if !known.isEmpty { lines.append(known.joined(separator: ", ")) }
        let phases = [
            load.phases.coming.map { "coming \(Format.duration($0))" },
            load.phases.prepare.map { "prepare \(Format.duration($0))" },
            load.phases.initialize.map { "init \(Format.duration($0))" },
            load.phases.live.map { "live \(Format.duration($0))" },
        ].compactMap { $0 }
        if !phases.isEmpty { lines.append(phases.joined(separator: ", ") + " (by \(hooks.rawValue))") }
        if !load.dependencies.isEmpty {
            let more = load.cut.contains("dependencies") ? ", …" : ""
            lines.append("uses " + load.dependencies.joined(separator: ", ") + more)
        }
        return (lines + [describe(load.loader)]).map { $0.escapedForTerminal }
    }

    private func describe(_ loader: ModuleProcess) -> String {
        var parts = ["by \(loader.command) (pid \(loader.pid), uid \(loader.uid))"]
        if let executable = loader.executable { parts.append(executable) }
        parts.append(
            (loader.isStartedByKernel ? "started by the kernel: " : "child of ")
                + "\(loader.parentCommand) (pid \(loader.parentPID))")
        if let cgroup = loader.cgroup { parts.append("cgroup \(cgroup)") }
        return parts.joined(separator: ", ")
    }

    private func text(_ unload: ModuleUnload) -> String {
        var story: [String] = []
        if let reason = unload.reason {
            let more = unload.cut.contains("used_by") ? ", …" : ""
            story.append("\(SystemError.name(of: unload.errno)): \(reason.escapedForTerminal)\(more)")
        }
        if unload.isForced { story.append("forced") }
        story.append("\(unload.loader.command.escapedForTerminal) \(unload.loader.pid)")
        let text = fitted(story, after: unload.name) {
            line(
                unload.time, unload.outcome.rawValue, unload.outcome == .refused ? "31" : "34", unload.name,
                unload.total, isNarrow: $0)
        }
        guard isVerbose else { return text }
        let phases = [
            unload.exit.map { "exit \(Format.duration($0))" },
            unload.freed.map { "freed after \(Format.duration($0))" },
        ].compactMap { $0 }
        var details = phases.isEmpty ? [] : [phases.joined(separator: ", ") + " (by \(hooks.rawValue))"]
        if unload.holdersRead == .afterwards { details.append("who holds it was read afterwards") }
        details += [describe(unload.loader).escapedForTerminal] + unload.log.map { "| \($0.escapedForTerminal)" }
        return text + details.map { $0.wrapped(indent: 6, first: 4) + "\n" }.joined()
    }
}
