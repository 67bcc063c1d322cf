// SPDX-License-Identifier: Apache-2.0
import Glibc

/// A two-sided 95 % confidence interval for a share, from how many of so many trials hit.
///
/// The exact one (C. J. Clopper, E. S. Pearson, The use of confidence or fiducial limits illustrated
/// in the case of the binomial, Biometrika 26, 1934): each bound is the share at which as many hits,
/// or as extreme a number, have a probability of 2.5 %. It covers the true share at least as often as
/// it says, for few trials and for shares near 0 and 1 too, where ± 1.96 standard errors does not.
public struct BinomialInterval: Sendable, Equatable {
    /// The lower bound, from 0 to 1.
    public let low: Double
    /// The upper bound, from 0 to 1.
    public let high: Double

    /// - Parameter trials: at least 1 and at least `hits`, or taken as such.
    public init(hits: UInt64, of trials: UInt64) {
        let trials = Double(max(trials, hits, 1))
        let hits = Double(hits)
        // P(X >= hits) at share p is I_p(hits, trials - hits + 1) (Abramowitz and Stegun 26.5.24).
        low = hits == 0 ? 0 : Self.share(where: 0.025, hits, trials - hits + 1)
        // P(X <= hits) = 1 - I_p(hits + 1, trials - hits) = I_(1-p)(trials - hits, hits + 1): near 1 as fine.
        high = hits == trials ? 1 : 1 - Self.share(where: 0.025, trials - hits, hits + 1)
    }

    /// The share p with I_p(a, b) = probability, within a millionth of itself: I grows with p.
    private static func share(where probability: Double, _ a: Double, _ b: Double) -> Double {
        var (below, above) = (0.0, 1.0)
        for _ in 0..<200 where above - below > 1e-6 * above {
            let middle = (below + above) / 2
            if incompleteBeta(middle, a, b) < probability { below = middle } else { above = middle }
        }
        return (below + above) / 2
    }

    /// The regularised incomplete beta function I_x(a, b), for 0 < x < 1 and a, b >= 1: by its
    /// continued fraction (DLMF 8.17.22), on the side of the mean where that converges fast.
    static func incompleteBeta(_ x: Double, _ a: Double, _ b: Double) -> Double {
        x < (a + 1) / (a + b + 2) ? leftTail(x, 1 - x, a, b) : 1 - leftTail(1 - x, x, b, a)
    }

    private static func leftTail(_ x: Double, _ y: Double, _ a: Double, _ b: Double) -> Double {
        let front = exp(logGamma(a + b) - logGamma(a) - logGamma(b) + a * log(x) + b * log(y)) / a
        guard front > 0 else { return 0 }
        // Lentz's method; the fraction needs some square root of max(a, b) terms.
        let tiny = 1e-300
        func kept(_ value: Double) -> Double { abs(value) < tiny ? tiny : value }
        var (value, numerator, denominator) = (1.0, 1.0, 0.0)
        for term in 0..<100_000 {
            let m = Double(term / 2)
            let coefficient =
                term == 0
                ? 1
                : term % 2 == 0
                    ? m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m))
                    : -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))
            denominator = 1 / kept(1 + coefficient * denominator)
            numerator = kept(1 + coefficient / numerator)
            value *= numerator * denominator
            if term > 0 && abs(numerator * denominator - 1) < 1e-12 { break }
        }
        // Begun with 1 + 1/(…), of which the fraction is what comes after.
        return front * (value - 1)
    }

    /// ln Γ(x) for x > 0, by Stirling's series (DLMF 5.11.1), from x = 10 on, within 1e-12.
    static func logGamma(_ x: Double) -> Double {
        var (x, shift) = (x, 0.0)
        while x < 10 {
            shift -= log(x)
            x += 1
        }
        let inverse = 1 / x
        let square = inverse * inverse
        let series = inverse * (1.0 / 12 - square * (1.0 / 360 - square * (1.0 / 1260 - square / 1680)))
        return shift + (x - 0.5) * log(x) - x + 0.5 * log(2 * Double.pi) + series
    }
}
