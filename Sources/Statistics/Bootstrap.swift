// SPDX-License-Identifier: Apache-2.0
import Glibc

/// Intervals for ratios, from resampling with replacement (Efron and Tibshirani, An Introduction to
/// the Bootstrap, 1993; for systems, Kalibera and Jones, Rigorous Benchmarking in Reasonable Time,
/// ISMM 2013).
///
/// The same seed gives the same interval. An interval for one median needs no resampling: see
/// ``Sample/medianInterval(confidence:)``.
public struct Bootstrap: Sendable {
    /// What of each sample is compared.
    public enum Statistic: Sendable {
        /// Of what costs accumulate.
        case mean
        /// Where some runs are disturbed.
        case median
    }

    /// How often each sample is drawn again.
    public let resamples: Int
    /// Of each interval, from 0.5 to 0.999.
    public let confidence: Double
    /// Of the resamples.
    public let seed: UInt64

    /// - Parameters:
    ///   - resamples: at least 100; 2,000 fix the ends of a 95 % interval to some percent of its width.
    ///   - confidence: between 0 and 1; a value out of its range is taken to the nearest sensible one.
    public init(resamples: Int = 2_000, confidence: Double = 0.95, seed: UInt64 = 1) {
        self.resamples = max(100, resamples)
        self.confidence = min(0.999, max(0.5, confidence))
        self.seed = seed
    }

    /// The ratio of what two independent samples measure, with its interval.
    ///
    /// - Returns: nil where not all values are positive: a ratio to zero says nothing.
    public func ratio(of numerator: Sample, to denominator: Sample, by statistic: Statistic) -> Ratio? {
        geometricMean(ofRatios: [(numerator, denominator)], by: statistic)
    }

    /// The geometric mean of the ratios of several pairs of samples, as of the benchmarks of a suite,
    /// with its interval. It is the one mean of ratios that does not depend on which of the two is
    /// divided by which (Fleming and Wallace, How Not to Lie With Statistics, CACM 29, 1986).
    ///
    /// For medians the interval lies between percentiles. For means, percentiles of small samples
    /// are too narrow, as resamples vary by n - 1 rather than n and know no t: they are taken further out
    /// (Hesterberg, What Teachers Should Know About the Bootstrap, The American Statistician 69, 2015,
    /// section 4.2: the expanded percentile interval), by the smallest sample's size.
    ///
    /// - Returns: nil where there are no pairs, or not all values are positive. Its interval is nil
    ///   where a sample has less than 5 values, as then no interval covers what it claims.
    public func geometricMean(ofRatios pairs: [(Sample, Sample)], by statistic: Statistic) -> Ratio? {
        guard !pairs.isEmpty, pairs.allSatisfy({ $0.min > 0 && $1.min > 0 }) else { return nil }
        let count = Double(pairs.count)
        let value = exp(
            pairs.reduce(0) { sum, pair in
                let of = statistic == .mean ? (pair.0.mean, pair.1.mean) : (pair.0.median, pair.1.median)
                return sum + log(of.0 / of.1)
            } / count)
        let smallest = pairs.reduce(Int.max) { min($0, $1.0.count, $1.1.count) }
        guard smallest >= 5 else { return Ratio(value: value, interval: nil) }
        var logs = [Double](repeating: 0, count: resamples)
        var random = SplitMix64(seed: seed)
        for (numerator, denominator) in pairs {
            let above = replicates(of: statistic, in: numerator, &random)
            let below = replicates(of: statistic, in: denominator, &random)
            for index in 0..<resamples { logs[index] += log(above[index] / below[index]) / count }
        }
        let interval = interval(of: logs, by: statistic, smallest: smallest)
        return Ratio(
            value: value,
            interval: interval.map {
                Interval(lower: exp($0.lower), upper: exp($0.upper), confidence: $0.confidence)
            })
    }

    /// The geometric mean of ratios, each the median of some that were measured pair by pair, as in the blocks of an
    /// experiment. Of one it is that median. Nothing needs to be drawn: the interval of each is known
    /// (``Sample/medianInterval(confidence:)``), and those of independent samples combine as their errors do, above
    /// and below (Zou and Donner, Construction of Confidence Limits About Effect Measures, Statistics in
    /// Medicine 27, 2008). As those of medians vary in width themselves, what comes of several is rather too wide: of
    /// three samples of 20 values it covers 97 to 98 % instead of 95.
    ///
    /// - Returns: nil where there are none, or not all values are positive. Its interval is nil where the range of a
    ///   sample's values has less than the confidence: for 95 %, of less than 6.
    public func geometricMean(ofMedians samples: [Sample]) -> Ratio? {
        guard !samples.isEmpty, samples.allSatisfy({ $0.min > 0 }) else { return nil }
        let count = Double(samples.count)
        let mean = samples.reduce(0) { $0 + log($1.median) } / count
        var (below, above) = (0.0, 0.0)
        for sample in samples {
            guard let interval = sample.medianInterval(confidence: confidence) else {
                return Ratio(value: exp(mean), interval: nil)
            }
            below += square(log(sample.median / interval.lower))
            above += square(log(interval.upper / sample.median))
        }
        return Ratio(
            value: exp(mean),
            interval: Interval(
                lower: exp(mean - below.squareRoot() / count), upper: exp(mean + above.squareRoot() / count),
                confidence: confidence))
    }

    private func square(_ value: Double) -> Double { value * value }

    /// How much more one sample's mean or median is than another's, with its interval; the values may be
    /// zero or negative. Differences of means add up where the values do.
    ///
    /// - Returns: its interval is nil where a sample has less than 5 values.
    public func difference(of one: Sample, minus other: Sample, by statistic: Statistic) -> Difference {
        let value = statistic == .mean ? one.mean - other.mean : one.median - other.median
        guard min(one.count, other.count) >= 5 else { return Difference(value: value, interval: nil) }
        var random = SplitMix64(seed: seed)
        let above = replicates(of: statistic, in: one, &random)
        let below = replicates(of: statistic, in: other, &random)
        return Difference(
            value: value,
            interval: interval(
                of: zip(above, below).map { $0 - $1 }, by: statistic, smallest: min(one.count, other.count)))
    }

    /// The mean of differences that were measured pair by pair, with its interval. Means add up where the values do.
    ///
    /// - Returns: its interval is nil where there are less than 5.
    public func meanDifference(_ differences: Sample) -> Difference {
        guard differences.count >= 5 else { return Difference(value: differences.mean, interval: nil) }
        var random = SplitMix64(seed: seed)
        return Difference(
            value: differences.mean,
            interval: interval(
                of: replicates(of: .mean, in: differences, &random), by: .mean, smallest: differences.count))
    }

    private func interval(of replicates: [Double], by statistic: Statistic, smallest: Int) -> Interval? {
        guard let replicates = Sample(replicates) else { return nil }
        let tail = statistic == .mean ? expandedTail(count: smallest) : (1 - confidence) / 2
        return Interval(
            lower: replicates.quantile(tail), upper: replicates.quantile(1 - tail), confidence: confidence)
    }

    private func expandedTail(count: Int) -> Double {
        let t = StudentT.critical(confidence: confidence, degreesOfFreedom: count - 1)
        return StudentT.normal(below: -(Double(count) / Double(count - 1)).squareRoot() * t)
    }

    /// The statistic of each of ``resamples`` resamples.
    func replicates(of statistic: Statistic, in sample: Sample, _ random: inout SplitMix64) -> [Double] {
        let (count, resamples) = (sample.count, resamples)
        var replicates = [Double](repeating: 0, count: resamples)
        // How often each value was drawn; the values are sorted, so a walk along it finds the median.
        var drawn = [UInt32](repeating: 0, count: count)
        sample.sorted.withUnsafeBufferPointer { values in
            replicates.withUnsafeMutableBufferPointer { replicates in
                drawn.withUnsafeMutableBufferPointer { drawn in
                    var resample = 0
                    while resample < resamples {
                        switch statistic {
                        case .mean: replicates[resample] = Self.drawMean(values, &random)
                        case .median: replicates[resample] = Self.drawMedian(values, drawn, &random)
                        }
                        resample += 1
                    }
                }
            }
        }
        return replicates
    }

    private static func drawMean(_ values: UnsafeBufferPointer<Double>, _ random: inout SplitMix64) -> Double {
        var (sum, left) = (0.0, values.count)
        while left > 0 {
            sum += values[random.index(below: values.count)]
            left &-= 1
        }
        return sum / Double(values.count)
    }

    private static func drawMedian(
        _ values: UnsafeBufferPointer<Double>, _ drawn: UnsafeMutableBufferPointer<UInt32>,
        _ random: inout SplitMix64
    ) -> Double {
        let count = values.count
        drawn.update(repeating: 0)
        var left = count
        while left > 0 {
            drawn[random.index(below: count)] &+= 1
            left &-= 1
        }
        // The values with ranks (count - 1) / 2 and count / 2.
        var (seen, index) = (Int(drawn[0]), 0)
        while seen <= (count &- 1) / 2 {
            index &+= 1
            seen &+= Int(drawn[index])
        }
        let lower = values[index]
        while seen <= count / 2 {
            index &+= 1
            seen &+= Int(drawn[index])
        }
        return (lower + values[index]) / 2
    }
}
