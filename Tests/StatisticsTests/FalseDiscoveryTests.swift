// SPDX-License-Identifier: Apache-2.0
import Statistics
import Testing

struct FalseDiscoveryTests {
    /// Benjamini and Hochberg 1995, section 4.1: 15 comparisons of two treatments of infarction, of which the first
    /// four are shown, and by Bonferroni's level three.
    @Test func `the example of the article`() {
        let probabilities = [
            0.0001, 0.0004, 0.0019, 0.0095, 0.0201, 0.0278, 0.0298, 0.0344, 0.0459, 0.3240, 0.4262, 0.5719, 0.6528,
            0.7590, 1.0000,
        ]
        let level = FalseDiscovery.level(probabilities.reversed(), of: 15)
        #expect(abs(level - 4 * 0.05 / 15) < 1e-12)
        #expect(probabilities.count { $0 <= level } == 4)
    }

    @Test func `one that is improbable enough takes those below it along`() {
        // 0.03 is above 2/3 of 0.04, and 0.039 not above 3/3.
        #expect(FalseDiscovery.level([0.03, 0.039, 0.001], of: 3, rate: 0.04) == 0.04)
        #expect(FalseDiscovery.level([0.6, 0.5], of: 2) == 0.025)
    }

    @Test func `comparisons of which nothing is known count`() {
        #expect(FalseDiscovery.level([0.001], of: 10) == 0.005)
        #expect(FalseDiscovery.level([], of: 10) == 0.005 && FalseDiscovery.level([], of: 0) == 0.05)
        #expect(FalseDiscovery.level([0, 0, 0], of: 3) == 0.05)
    }
}
