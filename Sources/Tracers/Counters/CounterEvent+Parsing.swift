// SPDX-License-Identifier: Apache-2.0
import Linux

extension CounterEvent {
    /// What is counted unless told otherwise: perf stat's own choice.
    public static let standard = [
        "task-clock", "context-switches", "cpu-migrations", "page-faults", "cycles", "instructions", "branches",
        "branch-misses",
    ]

    /// Reads lists of events as perf writes them: `cycles:u,{branches,branch-misses},cpu/event=0x3c/`.
    ///
    /// - Parameter lists: each with events apart by commas; groups in braces.
    /// - Throws: ``CounterEventError``, naming what is near, where one is not known.
    public static func parse(_ lists: [String]) throws(CounterEventError) -> [CounterEvent] {
        var events: [CounterEvent] = []
        var groups = 0
        for list in lists {
            var reader = Reader(list)
            repeat {
                if reader.take("{") {
                    var texts: [String] = []
                    repeat { texts.append(reader.word()) } while reader.take(",")
                    guard reader.take("}") else { throw CounterEventError("no } ends the group in '\(list)'") }
                    let modifier = reader.word()
                    guard modifier.isEmpty || modifier.hasPrefix(":") else {
                        throw CounterEventError("'\(modifier)' follows a group in '\(list)': a comma is missing")
                    }
                    groups += 1
                    for text in texts { events.append(try CounterEvent(text + modifier, group: groups)) }
                } else {
                    events.append(try CounterEvent(reader.word(), group: nil))
                }
            } while reader.take(",")
            guard reader.isAtEnd else { throw CounterEventError("'\(reader.rest)' is too much in '\(list)'") }
        }
        return events
    }

    /// Of one event, with its modifier.
    private init(_ text: String, group: Int?) throws(CounterEventError) {
        guard !text.isEmpty else { throw CounterEventError("an event without a name") }
        let isOfSource = text.contains("/")
        guard let split = Self.split(text, isOfSource: isOfSource) else {
            throw CounterEventError("'\(text)' is no event: it would be SOURCE/TERM=NUMBER,…/")
        }
        let modes = try Self.modes(split.modifier, of: text)
        if isOfSource {
            let (canonical, source) = try Self.ofSource(split.source, split.name)
            self.init(name: text, canonicalName: canonical, source: source, modes: modes, group: group)
        } else if let known = CounterNames.all[split.name] {
            self.init(
                name: text, canonicalName: known.canonical, source: known.source, modes: modes, group: group)
        } else if split.name.hasPrefix("r"), let config = UInt64(split.name.dropFirst(), radix: 16) {
            self.init(
                name: text, canonicalName: split.name,
                source: .counter(PerfEventAttributes(type: CounterNames.rawType, config: config)), modes: modes,
                group: group)
        } else {
            throw CounterEventError(
                unknown: split.name, as: "no event is called", among: Array(CounterNames.all.keys),
                hint: " (perf list shows the names; rNNN and SOURCE/TERM=N/ are any)")
        }
    }

    /// The parts of `name:modifier`, or of `source/name/modifier`.
    private static func split(
        _ text: String, isOfSource: Bool
    ) -> (source: String, name: String, modifier: String)? {
        let parts = text.split(
            separator: isOfSource ? "/" : ":", maxSplits: isOfSource ? 2 : 1, omittingEmptySubsequences: false
        ).map { String($0) }
        guard isOfSource else { return ("", parts[0], parts.count > 1 ? parts[1] : "uk") }
        guard parts.count == 3, !parts[0].isEmpty else { return nil }
        let modifier = parts[2].hasPrefix(":") ? String(parts[2].dropFirst()) : parts[2]
        return (parts[0], parts[1], parts[2].isEmpty ? "uk" : modifier)
    }

    private static func modes(_ modifier: String, of text: String) throws(CounterEventError) -> Set<Mode> {
        var modes: Set<Mode> = []
        for character in modifier {
            switch character {
            case "u": modes.insert(.user)
            case "k": modes.insert(.kernel)
            default:
                // perf writes tracepoints as SYSTEM:EVENT.
                let name = text.prefix { $0 != ":" }
                if !text.contains("/") && CounterNames.all[String(name)] == nil {
                    throw CounterEventError("'\(text)' is a tracepoint, which cannot be counted here")
                }
                throw CounterEventError(
                    "'\(text)' has a modifier that is not known here: u (user mode) and k (kernel) are")
            }
        }
        guard !modes.isEmpty else { throw CounterEventError("'\(text)' has no modifier after its colon") }
        return modes
    }

    private static func ofSource(
        _ name: String, _ terms: String
    ) throws(CounterEventError) -> (canonical: String, source: Source) {
        guard let source = EventSource(named: name) else {
            throw CounterEventError(
                unknown: name, as: "no event source is called", among: EventSource.names,
                hint: "; here are " + EventSource.names.joined(separator: ", "))
        }
        guard !source.isShared else {
            throw CounterEventError(
                "\(name) counts for several CPUs together, so that nothing can be charged to a thread")
        }
        do throws(EventSource.Unknown) {
            return ("\(name)/\(terms)/", .counter(try source.event(terms)))
        } catch {
            switch error {
            case .term(let term):
                throw CounterEventError(
                    unknown: term, as: "\(name) has no term or event", among: source.terms + source.events,
                    hint: "; it has "
                        + (source.terms + source.events + ["config"]).prefix(12).joined(separator: ", "))
            case .value(let term):
                throw CounterEventError("'\(term)' of \(name) is no number, or too large for its field")
            }
        }
    }

    /// Takes a list apart. Commas between slashes belong to an event.
    private struct Reader {
        private(set) var rest: Substring

        init(_ text: String) { rest = text[...] }

        var isAtEnd: Bool { rest.isEmpty }

        mutating func take(_ character: Character) -> Bool {
            guard rest.first == character else { return false }
            rest.removeFirst()
            return true
        }

        mutating func word() -> String {
            var word = ""
            var isInSlashes = false
            while let character = rest.first, isInSlashes || !",{}".contains(character) {
                if character == "/" { isInSlashes.toggle() }
                word.append(character)
                rest.removeFirst()
            }
            return word
        }
    }
}
