// SPDX-License-Identifier: Apache-2.0

/// Many tests at once (Y. Benjamini and Y. Hochberg, Controlling the False Discovery Rate, Journal of the Royal
/// Statistical Society B 57, 1995).
///
/// Of all differences that are shown, so small a share is expected to be by chance. Where nothing differs at
/// all, that is how often any is shown. It holds for comparisons with one and the same reference, too (Benjamini
/// and Yekutieli, The Annals of Statistics 29, 2001).
public enum FalseDiscovery {
    /// How improbable a difference has to be to be shown.
    ///
    /// - Parameters:
    ///   - probabilities: with which each comparison's measurements lie as far apart by chance.
    ///   - comparisons: how many are made, those included of which nothing is known.
    ///   - rate: the share of what is shown that may be wrong.
    public static func level(_ probabilities: [Double], of comparisons: Int, rate: Double = 0.05) -> Double {
        let step = rate / Double(max(comparisons, probabilities.count, 1))
        let shown = probabilities.sorted().enumerated().last { $1 <= step * Double($0 + 1) }.map { $0.offset + 1 }
        return step * Double(shown ?? 1)
    }
}
