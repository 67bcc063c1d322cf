// SPDX-License-Identifier: Apache-2.0

/// Measurements of one thing: at least one, all finite.
public struct Sample: Sendable, Equatable {
    /// Ascending.
    public let sorted: [Double]

    /// nil where there is no value, or one is not finite.
    public init?(_ values: some Sequence<Double>) {
        sorted = values.sorted()
        // NaN compares with nothing, so it may lie anywhere.
        guard !sorted.isEmpty, sorted.allSatisfy(\.isFinite) else { return nil }
    }

    /// How many values there are, one at least.
    public var count: Int { sorted.count }
    /// The smallest value.
    public var min: Double { sorted[0] }
    /// The largest value.
    public var max: Double { sorted[count - 1] }
    /// The arithmetic mean.
    public var mean: Double { sorted.reduce(0, +) / Double(count) }

    /// The unbiased estimate, over n - 1; nil for a single value.
    public var variance: Double? {
        guard count > 1 else { return nil }
        let mean = mean
        return sorted.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(count - 1)
    }

    /// The square root of ``variance``; nil for a single value.
    public var standardDeviation: Double? { variance.map { $0.squareRoot() } }

    /// The value in the middle; of an even number of values, the mean of the two there.
    public var median: Double { (sorted[(count - 1) / 2] + sorted[count / 2]) / 2 }

    /// The value that a fraction of the values lie below, interpolated between two of them.
    ///
    /// Definition 7 of Hyndman and Fan (Sample Quantiles in Statistical Packages, The American
    /// Statistician 50, 1996), the default of R, NumPy and Julia: at `1 + (n - 1) p` of the sorted
    /// values.
    ///
    /// - Parameter fraction: p; below 0 and above 1 it gives the extremes.
    public func quantile(_ fraction: Double) -> Double {
        let position = Double(count - 1) * Swift.min(1, Swift.max(0, fraction))
        let below = Int(position)
        guard below + 1 < count else { return max }
        return sorted[below] + (position - Double(below)) * (sorted[below + 1] - sorted[below])
    }
}

/// A range that covers the true value in a given fraction of all experiments.
public struct Interval: Sendable, Equatable {
    /// The lower end, which is part of it.
    public let lower: Double
    /// The upper end, which is part of it.
    public let upper: Double
    /// The fraction, as 0.95.
    public let confidence: Double

    /// - Parameters:
    ///   - lower: at most `upper`.
    ///   - confidence: between 0 and 1.
    public init(lower: Double, upper: Double, confidence: Double) {
        self.lower = lower
        self.upper = upper
        self.confidence = confidence
    }

    /// Whether a value lies in it; its ends do.
    public func contains(_ value: Double) -> Bool { lower <= value && value <= upper }
}
