// SPDX-License-Identifier: Apache-2.0
import Statistics
import Testing

struct SignedRankTests {
    /// Hollander and Wolfe, Nonparametric Statistical Methods, 1973, page 29: depression before and after a
    /// tranquiliser, in nine patients; V = 5, and one-sided 0.019.
    @Test func `the example of the textbook`() {
        let first = [1.83, 0.50, 1.62, 2.48, 1.68, 1.88, 1.55, 3.06, 1.30]
        let second = [0.878, 0.647, 0.598, 2.05, 1.06, 1.29, 1.06, 3.14, 1.29]
        let differences = zip(first, second).map { $0 - $1 }
        #expect(abs(SignedRank.probability(differences) - 0.0390625) < 1e-12)
        #expect(SignedRank.probability(differences) == SignedRank.probability(differences.map { -$0 }))
    }

    @Test func `small samples are counted out`() {
        #expect(SignedRank.probability([1, 2, 3, 4, 5]) == 2.0 / 32)
        #expect(SignedRank.least(5) == 2.0 / 32 && SignedRank.least(0) == 1)
        // Sums up to 2, of 1, 2 and none: 3 of 64 ways, and as many above.
        #expect(SignedRank.probability([1, -2, 3, 4, 5, 6]) == 6.0 / 64)
        // Zeros say nothing.
        #expect(SignedRank.probability([0, 1, 0, 2, 3, 4, 5]) == 2.0 / 32)
        #expect(SignedRank.probability([]) == 1 && SignedRank.probability([0, 0]) == 1)
        // Ranks 1.5, 1.5 and 3: up to 1.5 are none, and either of two, of 8 ways.
        #expect(SignedRank.probability([1, -1, 2]) == 6.0 / 8)
        #expect(SignedRank.probability([1, -1]) == 1)
    }

    @Test func `of many values the normal distribution is near enough`() {
        // By hand: ranks 1 to 100, the negative ones 1 to 50 have the sum 1275; (2525 - 1275 - 0.5) / 290.84.
        let differences = (1...100).map { Double($0 <= 50 ? -$0 : $0) }
        #expect(abs(SignedRank.probability(differences) - 1.7376e-5) < 1e-8)
        #expect(SignedRank.probability((1...100).map { Double($0) }) < 1e-17)
    }
}
