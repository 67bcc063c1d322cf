// SPDX-License-Identifier: Apache-2.0
import Glibc

extension Sample {
    /// An interval for the median of what the sample was drawn from.
    ///
    /// Which of the n values the median of a resample is follows the binomial distribution, whatever
    /// the values are: the bootstrap's distribution is known (Efron, Bootstrap Methods, The Annals of
    /// Statistics 7, 1979, section 3), and nothing needs to be drawn. Its quantiles jump from value to
    /// value, by several percent of confidence where there are few; so this interpolates between
    /// the two pairs of values around the wanted confidence, as Hettmansperger and Sheather do
    /// (Confidence Intervals Based on Interpolated Order Statistics, Statistics & Probability Letters 4,
    /// 1986). It assumes nothing but independence.
    ///
    /// - Parameter confidence: between 0 and 1.
    /// - Returns: nil where even the range of all values has less confidence: for 95 %, below 6 values.
    public func medianInterval(confidence: Double = 0.95) -> Interval? {
        guard confidence > 0, confidence < 1 else { return nil }
        // For depth 1, 2, …: the confidence of the range from the depth-th value to its mirror image.
        var (depth, wide, beyond) = (0, 1.0, 0.0)
        var narrow = 1.0
        let size = Double(count)
        var logTerm = -size * log(2.0)
        while depth < (count + 1) / 2 {
            beyond += exp(logTerm)
            narrow = 1 - 2 * beyond
            if narrow < confidence { break }
            depth += 1
            wide = narrow
            logTerm += log((size - Double(depth) + 1) / Double(depth))
        }
        guard depth > 0 else { return nil }
        // What of the way to the narrower pair; nothing where there is none.
        var weight = 0.0
        if depth < count / 2 {
            let share = (wide - confidence) / (wide - narrow)
            weight = (size - Double(depth)) * share / (Double(depth) + (size - 2 * Double(depth)) * share)
        }
        func value(_ index: Int, _ inner: Int) -> Double { (1 - weight) * sorted[index] + weight * sorted[inner] }
        let inner = weight > 0 ? depth : depth - 1
        return Interval(
            lower: value(depth - 1, inner), upper: value(count - depth, count - 1 - inner), confidence: confidence)
    }
}
