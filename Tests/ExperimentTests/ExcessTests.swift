// SPDX-License-Identifier: Apache-2.0
import Testing

@testable import Experiment

struct ExcessTests {
    @Test func `what is within the error of measuring is not shown`() throws {
        let base: [Double] = [100, 101, 102, 99, 98, 103, 97, 100]
        let shown = try #require(Excess(base.map { $0 + 10 }, beyond: base))
        #expect(shown.difference == 10 && shown.value == 10)
        #expect((1...5).contains(try #require(shown.margin)))
        for small in [0, 0.5, -0.5, -10] as [Double] {
            let excess = try #require(Excess(base.map { $0 + small }, beyond: base))
            #expect(excess.value == nil && excess.difference == small)
        }
    }

    @Test func `one disturbed run does not hide what is there`() throws {
        let base: [Double] = [100, 101, 102, 99, 98, 103, 97, 100]
        #expect(try #require(Excess(base.dropLast().map { $0 + 10 } + [100_000], beyond: base)).value != nil)
    }

    @Test func `with nothing to subtract it is what was measured, with too few runs without a margin`() throws {
        #expect(Excess([], beyond: [1, 2]) == nil)
        #expect(try #require(Excess([5, 5, 5], beyond: [])) == Excess(difference: 5, margin: 0))
        #expect(try #require(Excess([5], beyond: [3])) == Excess(difference: 2, margin: nil))
    }

    @Test func `a part is at most the whole, and known at least as well`() {
        let whole = Excess(difference: 4, margin: 1)
        #expect(Excess(difference: 9, margin: 20).asPart(of: whole) == Excess(difference: 4, margin: 5))
        #expect(Excess(difference: -9, margin: 20).asPart(of: whole) == Excess(difference: 0, margin: 5))
        #expect(Excess(difference: 3, margin: 2).asPart(of: whole) == Excess(difference: 3, margin: 2))
    }

    @Test func `errors add as squares`() {
        let sum = Excess(difference: 5, margin: 3) + Excess(difference: 2, margin: 4)
        #expect(sum == Excess(difference: 7, margin: 5))
    }
}
