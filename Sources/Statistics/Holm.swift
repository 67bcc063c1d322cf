// SPDX-License-Identifier: Apache-2.0

/// Many tests at once (S. Holm, A Simple Sequentially Rejective Multiple Test Procedure, Scandinavian Journal of
/// Statistics 6, 1979).
///
/// Each difference that is shown leaves fewer comparisons that could be wrong: the others may be less improbable
/// than where all are compared as if none differed (Bonferroni), with the same certainty.
public enum Holm {
    /// How improbable a difference has to be to be shown: so much that of all comparisons not one is shown by
    /// chance alone, but for one such family in 1 / `risk`.
    ///
    /// - Parameters:
    ///   - probabilities: with which each comparison's samples lie as far apart by chance.
    ///   - comparisons: how many are made, those included of which nothing is known.
    ///   - risk: of one wrong among all.
    public static func level(_ probabilities: [Double], of comparisons: Int, risk: Double = 0.05) -> Double {
        var left = max(comparisons, probabilities.count, 1)
        for probability in probabilities.sorted() {
            guard left > 1, probability <= risk / Double(left) else { break }
            left -= 1
        }
        return risk / Double(left)
    }
}
