// SPDX-License-Identifier: Apache-2.0
import Testing

@testable import Statistics

struct BinomialIntervalTests {
    /// P(X >= hits) for X of a binomial distribution, term by term.
    static func probability(ofAtLeast hits: Int, of trials: Int, at share: Double) -> Double {
        // From the other end, where the terms that count would vanish.
        if share > 0.5 { return 1 - probability(ofAtLeast: trials - hits + 1, of: trials, at: 1 - share) }
        var (term, sum) = (1.0, 0.0)
        for _ in 0..<trials { term *= 1 - share }
        for count in 0...trials {
            if count >= hits { sum += term }
            term *= Double(trials - count) / Double(count + 1) * share / (1 - share)
        }
        return sum
    }

    @Test(arguments: [(1, 1), (1, 2), (5, 10), (3, 100), (60, 100), (99, 100), (400, 1000)])
    func `at each bound so many hits have a probability of 2.5 %`(hits: Int, trials: Int) {
        let interval = BinomialInterval(hits: UInt64(hits), of: UInt64(trials))
        let atLow = Self.probability(ofAtLeast: hits, of: trials, at: interval.low)
        #expect(abs(atLow - 0.025) < 1e-5, "\(interval)")
        if hits < trials {
            let atHigh = 1 - Self.probability(ofAtLeast: hits + 1, of: trials, at: interval.high)
            #expect(abs(atHigh - 0.025) < 1e-5, "\(interval)")
        }
    }

    @Test func `no hit, and nothing but hits, have the bounds that follow from powers`() {
        // (1 - high)^10 = 0.025, and low^10 = 0.025.
        let none = BinomialInterval(hits: 0, of: 10)
        #expect(none.low == 0 && abs(none.high - 0.308_497) < 1e-6)
        let all = BinomialInterval(hits: 10, of: 10)
        #expect(all.high == 1 && abs(all.low - 0.691_503) < 1e-6)
    }

    @Test func `of many trials it is the normal approximation`() {
        let interval = BinomialInterval(hits: 500_000, of: 1_000_000)
        #expect(abs(interval.high - 0.500_980) < 2e-6 && abs(interval.low - 0.499_020) < 2e-6)
        let rare = BinomialInterval(hits: 999_999, of: 1_000_000)
        #expect(rare.low < 0.999_999 && rare.high > 0.999_999 && rare.high < 1)
    }

    @Test func `more hits than trials are as many trials`() {
        #expect(BinomialInterval(hits: 3, of: 2) == BinomialInterval(hits: 3, of: 3))
        #expect(BinomialInterval(hits: 0, of: 0) == BinomialInterval(hits: 0, of: 1))
    }
}
