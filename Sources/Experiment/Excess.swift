// SPDX-License-Identifier: Apache-2.0
import Statistics

/// By how much the medians of two samples differ, told apart from the error of measuring that.
public struct Excess: Sendable, Equatable {
    /// With its sign, as it was measured.
    public let difference: Double
    /// How far from it the true one may be: two standard errors; nil where there are too few runs to say.
    public let margin: Double?

    /// The difference, if it is shown to be above 0.
    public var value: Double? { difference > (margin ?? 0) ? difference : nil }

    init(difference: Double, margin: Double?) {
        self.difference = difference
        self.margin = margin
    }

    /// - Parameter base: no values: nothing is to be subtracted.
    /// - Returns: nil where there are no values.
    init?(_ values: [Double], beyond base: [Double]) {
        guard let own = Sample(values) else { return nil }
        let base = Sample(base)
        difference = own.median - (base?.median ?? 0)
        let spreads = [own, base].compactMap { $0 }.filter { $0.count > 2 }.map(Self.spread)
        // A sample too small to say how it varies does so as the other does. The variance of a normal
        // sample's median is π/2 times that of its mean.
        margin = spreads.max().map { spread in
            2 * spread
                * (Double.pi / 2 * (1 / Double(own.count) + (base.map { 1 / Double($0.count) } ?? 0))).squareRoot()
        }
    }

    /// The standard deviation, by the quartiles: a run that was disturbed hardly touches it.
    private static func spread(_ sample: Sample) -> Double { (sample.quantile(0.75) - sample.quantile(0.25)) / 1.349 }

    /// The same, known to be at least nothing and at most the whole.
    func asPart(of whole: Excess) -> Excess {
        let most = max(0, whole.difference)
        let bound = whole.margin.map { most + $0 }
        return Excess(
            difference: min(max(0, difference), most), margin: [margin, bound].compactMap { $0 }.min())
    }

    /// The errors of the two are taken for independent.
    static func + (one: Excess, other: Excess) -> Excess {
        let margins = [one.margin, other.margin].compactMap { $0 }
        return Excess(
            difference: one.difference + other.difference,
            margin: margins.isEmpty ? nil : margins.reduce(0) { $0 + $1 * $1 }.squareRoot())
    }
}
