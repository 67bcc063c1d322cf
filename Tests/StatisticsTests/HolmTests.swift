// SPDX-License-Identifier: Apache-2.0
import Statistics
import Testing

struct HolmTests {
    @Test func `each difference that is shown leaves fewer comparisons`() {
        // 0.005 is below 0.05 / 4, 0.01 below 0.05 / 3, and 0.03 not below 0.05 / 2.
        #expect(Holm.level([0.01, 0.04, 0.03, 0.005], of: 4) == 0.025)
        #expect(Holm.level([0.02, 0.5], of: 2) == 0.05 / 1)
        #expect(Holm.level([0.03, 0.5], of: 2) == 0.025)
    }

    @Test func `comparisons of which nothing is known count`() {
        #expect(Holm.level([0.001], of: 10) == 0.05 / 9)
        #expect(Holm.level([], of: 10) == 0.005)
        #expect(Holm.level([], of: 0) == 0.05)
        #expect(Holm.level([0, 0, 0], of: 3) == 0.05)
    }
}
