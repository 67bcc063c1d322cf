// SPDX-License-Identifier: Apache-2.0

/// Figures as people read them.
public enum Format {
    /// Nanoseconds with a unit, three or four figures: `0`, `412 ns`, `41.2 µs`, `4.12 ms`, `12.41 s`.
    public static func duration(_ nanoseconds: UInt64) -> String {
        let units: [(Double, String)] = [(1e9, "s"), (1e6, "ms"), (1e3, "µs")]
        // From 100,000 seconds on, hours: they fit in eight columns.
        if nanoseconds >= 99_999_500_000_000 { return fixed(Double(nanoseconds) / 3.6e12, 0) + " h" }
        for (size, unit) in units where Double(nanoseconds) >= size * 0.99995 {
            let value = Double(nanoseconds) / size
            return fixed(
                value,
                value < 9.995
                    ? 2
                    : value < 99.95 && size < 1e9
                        ? 1
                        : size < 1e9
                            ? 0
                            : value < 99.995 ? 2 : value < 999.5 ? 1 : 0)
                + " " + unit
        }
        return nanoseconds == 0 ? "0" : "\(nanoseconds) ns"
    }

    /// A share in percent with one decimal; `<0.1` for what is there and rounds to nothing.
    public static func percent(_ part: UInt64, of whole: UInt64) -> String {
        guard whole > 0 else { return "-" }
        let value = 100 * Double(part) / Double(whole)
        return part > 0 && value < 0.05 ? "<0.1" : fixed(value, 1)
    }

    /// Thousands apart: `1,234,567`.
    public static func count(_ value: UInt64) -> String {
        var text = ""
        let digits = Array(String(value))
        for (index, digit) in digits.enumerated() {
            if index > 0 && (digits.count - index) % 3 == 0 { text.append(",") }
            text.append(digit)
        }
        return text
    }

    /// A count and what is counted: `1 thread`, `1,234 threads`.
    static func count(_ value: UInt64, _ one: String, _ many: String? = nil) -> String {
        count(value) + " " + (value == 1 ? one : many ?? one + "s")
    }

    /// A count in a given number of columns, 4 at least, rounded to the unit that fits: `999`, `12k`, `150k`,
    /// `3M`.
    public static func count(_ value: UInt64, columns: Int) -> String {
        var text = count(value)
        var rest = value
        for unit in ["k", "M", "G", "T", "P", "E"] where text.count > columns {
            let isUp = rest % 1000 >= 500
            rest = rest / 1000 + (isUp ? 1 : 0)
            text = count(rest) + unit
        }
        return text
    }

    /// With a unit: `812 B`, `16.0 KB`, `17.6 MB`, in powers of 1,024.
    public static func bytes(_ value: UInt64) -> String {
        if value < 1024 { return "\(value) B" }
        return value < 1_048_576
            ? fixed(Double(value) / 1024, 1) + " KB" : fixed(Double(value) / 1_048_576, 1) + " MB"
    }

    /// A number with a given count of decimals.
    public static func fixed(_ value: Double, _ decimals: Int) -> String {
        var scale: Double = 1
        for _ in 0..<decimals { scale *= 10 }
        guard let scaled = Int64(exactly: (value * scale).rounded()) else {
            // Of numbers beyond 2^53 a Double has no decimals.
            guard let whole = Int64(exactly: value.rounded()) else { return "\(value)" }
            return String(whole) + (decimals > 0 ? "." + String(repeating: "0", count: decimals) : "")
        }
        guard decimals > 0 else { return String(scaled) }
        let digits = String(scaled.magnitude)
        let padded = String(repeating: "0", count: max(0, decimals + 1 - digits.count)) + digits
        return (scaled < 0 ? "-" : "") + padded.dropLast(decimals) + "." + padded.suffix(decimals)
    }
}
