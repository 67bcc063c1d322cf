// SPDX-License-Identifier: Apache-2.0

/// Writes JSON in the order in which it is told, into bytes, without a tree in between.
public struct JSONWriter {
    /// What has been written so far, in UTF-8.
    public private(set) var bytes: [UInt8] = []
    private var needsComma = false

    /// Nothing is written yet.
    public init() {}

    /// Writes an object.
    ///
    /// - Parameters:
    ///   - key: within an object, the member's name; nil elsewhere.
    ///   - body: writes the object's members.
    public mutating func object(_ key: String? = nil, _ body: (inout JSONWriter) -> Void) {
        nest(key, "{", "}", body)
    }

    /// Writes an array.
    ///
    /// - Parameters:
    ///   - key: within an object, the member's name; nil elsewhere.
    ///   - body: writes the array's elements, without keys.
    public mutating func array(_ key: String? = nil, _ body: (inout JSONWriter) -> Void) {
        nest(key, "[", "]", body)
    }

    /// Writes a text, escaped; nil: null.
    public mutating func value(_ key: String? = nil, _ value: String?) {
        start(key)
        if let value { string(value) } else { raw("null") }
    }

    /// Writes a whole number, of any size; nil: null.
    public mutating func value(_ key: String? = nil, _ value: (some BinaryInteger)?) {
        start(key)
        raw(value.map { String($0) } ?? "null")
    }

    /// Writes a truth value; nil: null.
    public mutating func value(_ key: String? = nil, _ value: Bool?) {
        start(key)
        raw(value.map { $0 ? "true" : "false" } ?? "null")
    }

    /// A number with so many decimals; nanoseconds need just one. Not finite: null.
    public mutating func value(_ key: String? = nil, _ value: Double?, decimals: Int = 1) {
        start(key)
        raw(value.flatMap { $0.isFinite ? Format.fixed($0, decimals) : nil } ?? "null")
    }

    /// Ends a document, so that another can follow.
    public mutating func newline() {
        raw("\n")
        needsComma = false
    }

    private mutating func nest(_ key: String?, _ open: String, _ close: String, _ body: (inout JSONWriter) -> Void) {
        start(key)
        raw(open)
        needsComma = false
        body(&self)
        raw(close)
        needsComma = true
    }

    private mutating func start(_ key: String?) {
        if needsComma { raw(",") }
        needsComma = true
        guard let key else { return }
        string(key)
        raw(":")
    }

    private mutating func raw(_ text: String) { bytes.append(contentsOf: text.utf8) }

    /// RFC 8259: quotes, backslashes and control characters are escaped. Swift strings are valid
    /// Unicode already; DEL and the C1 controls are escaped as well, as terminals act on them.
    private mutating func string(_ text: String) {
        bytes.append(UInt8(ascii: "\""))
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"": raw("\\\"")
            case "\\": raw("\\\\")
            case "\n": raw("\\n")
            case "\t": raw("\\t")
            case _ where scalar.isControl:
                let digits = String(scalar.value, radix: 16)
                raw("\\u" + String(repeating: "0", count: 4 - digits.count) + digits)
            default: bytes.append(contentsOf: UTF8.encode(scalar).map { Array($0) } ?? [])
            }
        }
        bytes.append(UInt8(ascii: "\""))
    }
}

extension Unicode.Scalar {
    /// C0, DEL and C1: what can move a cursor or start an escape sequence.
    var isControl: Bool { value < 0x20 || (0x7f...0x9f).contains(value) }
}
