// SPDX-License-Identifier: Apache-2.0

/// Colour where it is wanted: SGR sequences, or nothing.
public struct TextStyle: Sendable {
    /// Whether there are colours; false: all text stays as it is.
    public let isOn: Bool

    /// - Parameter isOn: whether there are to be colours.
    public init(isOn: Bool) { self.isOn = isOn }

    func bold(_ text: String) -> String { wrap(text, "1") }
    func dim(_ text: String) -> String { wrap(text, "2") }
    func warning(_ text: String) -> String { wrap(text, "33") }
    func colored(_ text: String, _ code: String) -> String { wrap(text, code) }

    private func wrap(_ text: String, _ code: String) -> String {
        isOn && !text.isEmpty ? "\u{1b}[\(code)m\(text)\u{1b}[0m" : text
    }
}
