// SPDX-License-Identifier: Apache-2.0
import Glibc

/// A source of perf events (a PMU), as sysfs describes it.
///
/// Layout: Documentation/ABI/testing/sysfs-bus-event_source-devices-* of the kernel.
public struct EventSource: Sendable {
    /// As sysfs has it: `cpu`.
    public let name: String
    /// What goes into `perf_event_attr.type`.
    public let type: UInt32
    private let folder: String

    private static let devices = "/sys/bus/event_source/devices"

    /// The names of all that there are.
    public static var names: [String] { Procfs.list(devices) }

    /// nil where there is none of that name.
    public init?(named name: String) {
        self.init(named: name, in: Self.devices)
    }

    init?(named name: String, in devices: String) {
        folder = "\(devices)/\(name)"
        guard !name.contains("/"), name != ".", name != "..",
            let type = Procfs.text("\(folder)/type").flatMap({ UInt32($0) })
        else { return nil }
        self.name = name
        self.type = type
    }

    /// Counts for a socket or the whole machine, as uncore units do, and not for what runs on a CPU:
    /// one CPU for each unit is named to read it.
    public var isShared: Bool { access("\(folder)/cpumask", F_OK) == 0 }

    /// The events that have a name.
    public var events: [String] { Procfs.list("\(folder)/events").filter { !$0.contains(".") } }

    /// What an event can be made of.
    public var terms: [String] { Procfs.list("\(folder)/format") }

    /// Why an event cannot be made.
    public enum Unknown: Error, Sendable, Equatable {
        /// No term and no event of that name.
        case term(String)
        /// The value is no number, or has more bits than the field.
        case value(String)
    }

    /// Makes an event of terms: `event=0xc0,umask=1`, `config=3`, or the name of one that sysfs has.
    public func event(_ text: String) throws(Unknown) -> PerfEventAttributes {
        var attributes = PerfEventAttributes(type: type, config: 0)
        try apply(text, to: &attributes, isAlias: false)
        return attributes
    }

    private func apply(_ text: String, to attributes: inout PerfEventAttributes, isAlias: Bool) throws(Unknown) {
        for term in text.split(separator: ",") {
            let parts = term.split(separator: "=", maxSplits: 1)
            let name = String(parts.first ?? "")
            if parts.count == 1, !isAlias, events.contains(name), let alias = Procfs.text("\(folder)/events/\(name)") {
                try apply(alias, to: &attributes, isAlias: true)
                continue
            }
            guard let field = Field(term: name, format: Procfs.text("\(folder)/format/\(name)")) else {
                throw .term(name)
            }
            let value = parts.count == 1 ? 1 : Self.number(parts[1])
            guard let value, attributes.set(field, to: value) else { throw .value(String(term)) }
        }
    }

    static func number(_ text: some StringProtocol) -> UInt64? {
        text.hasPrefix("0x") ? UInt64(text.dropFirst(2), radix: 16) : UInt64(text)
    }

    /// Where a term's value goes: bits of a word, the lowest first.
    struct Field: Equatable {
        var word: WritableKeyPath<PerfEventAttributes, UInt64>
        var bits: [Int]

        /// - Parameter format: the term's file, as `config:0-7,32-35`; nil where it has none.
        init?(term: String, format: String?) {
            guard let format else {
                guard let word = Self.words[term] else { return nil }
                (self.word, bits) = (word, Array(0..<64))
                return
            }
            let parts = format.split(separator: ":")
            guard parts.count == 2, let word = Self.words[String(parts[0])] else { return nil }
            (self.word, bits) = (word, [])
            for range in parts[1].split(separator: ",") {
                let ends = range.split(separator: "-").compactMap { Int($0) }
                guard let first = ends.first, let last = ends.last, first >= 0, first <= last, last < 64 else {
                    return nil
                }
                bits += first...last
            }
        }

        private static var words: [String: WritableKeyPath<PerfEventAttributes, UInt64>] {
            ["config": \.config, "config1": \.config1, "config2": \.config2]
        }
    }
}

extension PerfEventAttributes {
    /// False: the value has more bits than the field.
    mutating func set(_ field: EventSource.Field, to value: UInt64) -> Bool {
        guard field.bits.count == 64 || value >> UInt64(field.bits.count) == 0 else { return false }
        for (index, bit) in field.bits.enumerated() {
            let one = UInt64(1) << UInt64(bit)
            self[keyPath: field.word] &= ~one
            if value >> UInt64(index) & 1 == 1 { self[keyPath: field.word] |= one }
        }
        return true
    }
}
