// SPDX-License-Identifier: Apache-2.0

extension String {
    /// Text from the kernel or a target, made safe for a terminal: control characters, and those
    /// that change the direction of the text around them, become `\x1b` or `\u{202e}`.
    public var escapedForTerminal: String {
        guard unicodeScalars.contains(where: { $0.isControl || $0.isBidirectionalControl }) else { return self }
        return unicodeScalars.reduce(into: "") { text, scalar in
            if scalar.isControl && scalar.value < 0x100 {
                text += "\\x" + (scalar.value < 0x10 ? "0" : "") + String(scalar.value, radix: 16)
            } else if scalar.isBidirectionalControl {
                text += "\\u{" + String(scalar.value, radix: 16) + "}"
            } else {
                text.unicodeScalars.append(scalar)
            }
        }
    }
}

extension String {
    /// Text of several lines, each made safe for a terminal.
    public var escapedByLine: String {
        split(separator: "\n", omittingEmptySubsequences: false).map { String($0).escapedForTerminal }
            .joined(separator: "\n")
    }
}

extension Unicode.Scalar {
    /// Marks, embeddings, overrides and isolates (Unicode Standard Annex 9).
    fileprivate var isBidirectionalControl: Bool {
        (0x202a...0x202e).contains(value) || (0x2066...0x2069).contains(value) || (0x200e...0x200f).contains(value)
            || value == 0x061c
    }
}
