// SPDX-License-Identifier: Apache-2.0
import Tracers

extension String {
    /// Padded with spaces, or cut, to so many columns. Only for text without wide characters' care.
    func padded(to width: Int) -> String {
        count >= width ? String(prefix(width)) : self + String(repeating: " ", count: width - count)
    }

    /// Padded to so many columns, or with one space where it is longer.
    func padded(toAtLeast width: Int) -> String { count < width ? padded(to: width) : self + " " }

    /// Without the spaces at its end.
    var trimmedAtEnd: String {
        var text = self[...]
        while text.last == " " { text.removeLast() }
        return String(text)
    }

    func aligned(right width: Int) -> String { String(repeating: " ", count: Swift.max(0, width - count)) + self }

    /// Cut to so many columns, with an ellipsis where something was cut.
    func padded(toAtMost width: Int) -> String { count <= width ? self : prefix(width - 1) + "…" }

    /// Broken at spaces into lines of at most 80 columns, all but the first indented.
    func wrapped(indent: Int, first: Int? = nil) -> String {
        var words: [String] = []
        for word in split(separator: " ", omittingEmptySubsequences: false) {
            // A number stays with its unit.
            if words.last?.last?.isNumber == true, units.contains(where: { word == $0 || word.dropLast() == $0 }) {
                words[words.count - 1] += " " + word
            } else {
                words.append(String(word))
            }
        }
        var lines = [String(repeating: " ", count: first ?? indent)]
        for word in words {
            let last = lines[lines.count - 1]
            let isEmpty = last.allSatisfy { $0 == " " } && lines.count > 1 || last.count == (first ?? indent)
            if isEmpty || last.count + word.count + 1 <= 80 {
                lines[lines.count - 1] = last + (isEmpty ? "" : " ") + word
            } else {
                lines.append(String(repeating: " ", count: indent) + word)
            }
        }
        return lines.joined(separator: "\n")
    }
}

/// Behind numbers; a comma or the like can follow.
private let units = ["ns", "µs", "ms", "s", "min", "%", "B", "kB", "MB", "GB", "Hz"]

extension Completeness {
    /// That it is a lower bound, and why.
    var warning: String { (["A LOWER BOUND"] + reasons).joined(separator: "; ").wrapped(indent: 1) }
}
