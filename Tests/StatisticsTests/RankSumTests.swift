// SPDX-License-Identifier: Apache-2.0
import Testing

@testable import Statistics

struct RankSumTests {
    private func probability(_ one: [Double], _ other: [Double]) throws -> Double {
        RankSum.probability(try #require(Sample(one)), try #require(Sample(other)))
    }

    /// Hollander and Wolfe, Nonparametric Statistical Methods, 1973, page 69: permeability of membranes.
    @Test func `the example of the textbook`() throws {
        let term = [0.80, 0.83, 1.89, 1.04, 1.45, 1.38, 1.91, 1.64, 0.73, 1.46]
        let early = [1.15, 0.88, 0.90, 0.74, 1.21]
        #expect(abs(try probability(term, early) - 0.2544) < 0.0001)
        #expect(try probability(term, early) == probability(early, term))
    }

    @Test func `small samples are counted out`() throws {
        // 2 of 70 ways; 8 of 252.
        #expect(abs(try probability([1, 2, 3, 4], [5, 6, 7, 8]) - 2 / 70) < 1e-12)
        #expect(abs(try probability([1, 2, 3, 4, 7], [5, 6, 8, 9, 10]) - 8 / 252) < 1e-12)
        #expect(abs(RankSum.least(4, 4) - 2 / 70) < 1e-12 && abs(RankSum.least(7, 7) - 2 / 3432) < 1e-12)
        #expect(try probability([1, 1, 1], [1, 1, 1]) == 1)
        // Of six ways to choose two of 1, 2, 2, 3 none is further from the mean than 1, 2 and 2, 3: four are.
        #expect(abs(try probability([1, 2], [2, 3]) - 4.0 / 6) < 1e-12)
    }

    @Test func `of many values the normal distribution is near enough`() throws {
        // 36 of the 169 pairs are the other way: by hand z is (84.5 - 36 - 0.5) / 19.5.
        let (one, other) = ((0..<13).map { Double($0) }, (0..<13).map { Double($0) + 4.5 })
        #expect(abs(try probability(one, other) - 0.013834) < 1e-6)
        #expect(try probability((0..<100).map { Double($0) }, (0..<100).map { Double($0) + 200 }) < 1e-20)
        #expect(try probability(Array(repeating: 3, count: 30), Array(repeating: 3, count: 30)) == 1)
    }
}
