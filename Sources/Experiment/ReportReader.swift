// SPDX-License-Identifier: Apache-2.0
import FoundationEssentials
import Linux

/// How to read from an observer's report what it saw, and what seeing it cost.
enum ReportReader: Sendable, Equatable {
    case none
    /// A document of Apus. Places in it are names with points between; where they are nil, it does not
    /// tell. What it lost and what its programs cost are always at the same place.
    case json(calls: String? = nil, faults: String? = nil)
    /// A line for each call, as strace writes it. Of Apus the last words say what its programs cost, where
    /// they were timed.
    case callLines
    /// A number in a line that holds a word.
    case field(Int, ofLineWith: String, separator: Character)

    /// What a report says; nil: it does not.
    struct Findings: Sendable, Equatable {
        var calls: UInt64?
        var faults: UInt64?
        /// Events that the observer says it lost.
        var lost: UInt64?
        /// Run time of BPF programs.
        var programNanoseconds: UInt64?
    }

    func read(_ path: String) -> Findings {
        switch self {
        case .none: Findings()
        case .json(let calls, let faults): Self.readDocument(path, calls, faults)
        case .callLines: Self.readLines(path)
        case .field(let index, let word, let separator):
            Findings(calls: Procfs.text(path).flatMap { Self.field(index, word, separator, in: $0) })
        }
    }

    private static func readDocument(_ path: String, _ calls: String?, _ faults: String?) -> Findings {
        // The last line, where there are several.
        guard let line = Procfs.bytes(path)?.split(separator: UInt8(ascii: "\n")).last,
            let document = try? JSONDecoder().decode(JSONValue.self, from: Data(line))
        else { return Findings() }
        return Findings(
            calls: calls.flatMap { document.number(at: $0) }, faults: faults.flatMap { document.number(at: $0) },
            lost: document.number(at: "completeness.lost_events"),
            programNanoseconds: document.number(at: "observer.bpf_run_ns"))
    }

    private static func readLines(_ path: String) -> Findings {
        guard let bytes = Procfs.bytes(path) else { return Findings() }
        let end = String(decoding: bytes.suffix(2000), as: UTF8.self)
        return Findings(calls: countCalls(bytes), lost: lostCalls(in: end), programNanoseconds: programTime(in: end))
    }

    /// ` exact: nothing was lost`, or `… 42 calls found no room in the kernel's buffer`, in Apus's last words.
    static func lostCalls(in text: String) -> UInt64? {
        let words = text.split { $0 == " " || $0 == "\n" }
        if let place = words.lastIndex(of: "exact:"),
            words[place...].starts(with: ["exact:", "nothing", "was", "lost"])
        {
            return 0
        }
        guard let place = words.lastIndex(of: "room"), place >= 4, words[place - 3] == "calls",
            words[place - 2] == "found"
        else { return nil }
        return UInt64(words[place - 4])
    }

    /// `observing cost 1,234 program runs, 56,789 ns in all`
    static func programTime(in text: String) -> UInt64? {
        let words = text.split { $0 == " " || $0 == "\n" }
        guard let place = words.lastIndex(of: "runs,"), place >= 3, place + 2 < words.count,
            words[place - 3] == "cost", words[place - 1] == "program", words[place + 2] == "ns"
        else { return nil }
        return UInt64(words[place + 1].filter { $0 != "," })
    }

    /// Lines in which a bracket follows a name; what resumes was counted when it began. Nothing else that
    /// strace, perf trace or Apus writes into a line looks so.
    static func countCalls(_ bytes: [UInt8]) -> UInt64 {
        var count: UInt64 = 0
        bytes.withUnsafeBufferPointer { bytes in
            var start = 0
            while start < bytes.count {
                var end = start
                while end < bytes.count && bytes[end] != UInt8(ascii: "\n") { end += 1 }
                if isCall(bytes, start, end) { count += 1 }
                start = end + 1
            }
        }
        return count
    }

    private static func isCall(_ bytes: UnsafeBufferPointer<UInt8>, _ start: Int, _ end: Int) -> Bool {
        var at = start
        while at < end {
            // Signals (---), exits (+++), and the second half of a call (<... read resumed>; perf trace has
            // ... [continued]: read()).
            let next = at + 1 < end ? bytes[at + 1] : 0
            if bytes[at] == UInt8(ascii: "+") && next == bytes[at] { return false }
            if bytes[at] == UInt8(ascii: "-") && next == bytes[at] { return false }
            if bytes[at] == UInt8(ascii: "<") && next == UInt8(ascii: ".") { return false }
            if bytes[at] == UInt8(ascii: "["), bytes[at..<end].starts(with: "[continued]: ".utf8) { return false }
            if bytes[at] == UInt8(ascii: "("), at > start, isName(bytes[at - 1]) { return true }
            at += 1
        }
        return false
    }

    private static func isName(_ byte: UInt8) -> Bool {
        (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte) || byte == UInt8(ascii: "_")
            || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
    }

    static func field(_ index: Int, _ word: String, _ separator: Character, in text: String) -> UInt64? {
        let line = text.split(separator: "\n").last { $0.contains(word) }
        let fields = line?.split(separator: separator)
        return fields.flatMap { index < $0.count ? UInt64($0[index]) : nil }
    }
}

/// Any JSON value, to find one in it.
enum JSONValue: Decodable {
    case object([String: JSONValue])
    case array([JSONValue])
    case number(Double)
    case other

    init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        if let object = try? container.decode([String: JSONValue].self) {
            self = .object(object)
        } else if let number = try? container.decode(Double.self) {
            self = .number(number)
        } else if let array = try? container.decode([JSONValue].self) {
            self = .array(array)
        } else {
            self = .other
        }
    }

    /// The number at `a.b.c`.
    func number(at path: String) -> UInt64? {
        var value = self
        for name in path.split(separator: ".") {
            guard case .object(let object) = value, let next = object[String(name)] else { return nil }
            value = next
        }
        guard case .number(let number) = value, number >= 0, number < 0x1p63 else { return nil }
        return UInt64(number)
    }
}
