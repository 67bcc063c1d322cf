// SPDX-License-Identifier: Apache-2.0
import Glibc

/// How many times as much one thing takes as another.
public struct Ratio: Sendable, Equatable {
    /// Numerator over denominator.
    public let value: Double
    /// nil where there were too few measurements for one.
    public let interval: Interval?

    /// - Parameter interval: of the value; nil: there is none.
    public init(value: Double, interval: Interval?) {
        self.value = value
        self.interval = interval
    }

    /// Whether the data show that the two differ: 1 is outside the interval.
    public var showsDifference: Bool { interval.map { !$0.contains(1) } ?? false }

    /// The geometric mean of some ratios; nil where there are none, or one is not positive.
    ///
    /// There is no arithmetic mean of ratios: by it each of two machines can be faster than the other,
    /// depending on which one the figures are divided by (Fleming and Wallace 1986).
    public static func geometricMean(_ ratios: some Collection<Double>) -> Double? {
        guard !ratios.isEmpty, ratios.allSatisfy({ $0 > 0 && $0.isFinite }) else { return nil }
        return exp(ratios.reduce(0) { $0 + log($1) } / Double(ratios.count))
    }
}

/// How much more one thing takes than another.
public struct Difference: Sendable, Equatable {
    /// The one less the other, in the unit of the samples.
    public let value: Double
    /// nil where there were too few measurements for one.
    public let interval: Interval?

    /// Whether the data show that the two differ: 0 is outside the interval.
    public var isShown: Bool { interval.map { !$0.contains(0) } ?? false }
}
