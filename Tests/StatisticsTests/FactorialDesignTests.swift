// SPDX-License-Identifier: Apache-2.0
import Statistics
import Testing

/// Worked examples of Jain, The Art of Computer Systems Performance Analysis, 1991.
struct FactorialDesignTests {
    private func factor(_ name: String, _ levels: Int = 2) -> FactorialDesign.Factor {
        .init(name, levels: (0..<levels).map { "\($0)" })
    }

    /// Example 17.1: memory size and cache size of a workstation.
    @Test func `a 2 by 2 design`() throws {
        let design = try #require(
            FactorialDesign(factors: [factor("memory"), factor("cache")], responses: [[15], [25], [45], [75]]))
        #expect(design.mean == 40)
        #expect(design.effect(of: "memory")?.values == [-20, 20])
        #expect(design.effect(of: "cache")?.values == [-10, 10])
        #expect(design.effect(of: "cache", "memory")?.values == [5, -5, -5, 5])
        #expect(design.totalSumOfSquares == 2100)
        #expect(abs(try #require(design.effect(of: "memory")).share - 1600.0 / 2100) < 1e-12)
        #expect(design.effect(of: "memory")?.margin == nil)
    }

    /// Section 17.4: memory, cache and number of processors.
    @Test func `a 2 by 2 by 2 design`() throws {
        let y: [Double] = [14, 22, 10, 34, 46, 58, 50, 86]
        // Jain's table changes the first factor fastest.
        let responses = [0, 4, 2, 6, 1, 5, 3, 7].map { [y[$0]] }
        let design = try #require(
            FactorialDesign(factors: [factor("A"), factor("B"), factor("C")], responses: responses))
        #expect(design.mean == 40)
        let q = design.effects.map { $0.values[$0.values.count - 1] }
        #expect(q == [10, 5, 20, 5, 2, 3, 1])
        #expect(design.effects.map(\.factors) == [[0], [1], [2], [0, 1], [0, 2], [1, 2], [0, 1, 2]])
        #expect(design.totalSumOfSquares == 4512)
        let percent = design.effects.map { Int(($0.share * 100).rounded()) }
        #expect(percent == [18, 4, 71, 4, 1, 2, 0])
    }

    /// Examples 18.1 to 18.4: the first one, three times over.
    @Test func `a 2 by 2 design with three repetitions`() throws {
        let design = try #require(
            FactorialDesign(
                factors: [factor("memory"), factor("cache")],
                responses: [[15, 18, 12], [25, 28, 19], [45, 48, 51], [75, 75, 81]]))
        #expect(abs(design.mean - 41) < 1e-9)
        #expect(abs(try #require(design.effect(of: "memory")).values[1] - 21.5) < 1e-9)
        #expect(abs(try #require(design.effect(of: "cache")).values[1] - 9.5) < 1e-9)
        #expect(abs(try #require(design.effect(of: "memory", "cache")).values[3] - 5) < 1e-9)
        #expect(abs(design.errorSumOfSquares - 102) < 1e-9)
        #expect(design.errorDegreesOfFreedom == 8)
        #expect(abs(design.totalSumOfSquares - 7032) < 1e-9)
        #expect(abs(try #require(design.effect(of: "memory")).share - 0.7888) < 1e-3)
        // s_e = 3.57, s_q = 1.03; t[0.975; 8] = 2.306.
        #expect(abs(try #require(design.effect(of: "memory")?.margin) - 2.306 * 1.0308) < 1e-3)
    }

    /// Example 21.1: five workloads with two caches, one, and none. The interaction is Jain's error.
    @Test func `a 5 by 3 design`() throws {
        let design = try #require(
            FactorialDesign(
                factors: [factor("workload", 5), factor("cache", 3)],
                responses: [54, 55, 106, 60, 60, 123, 43, 43, 120, 49, 52, 111, 49, 50, 108].map { [$0] }))
        #expect(abs(design.mean - 72.2) < 1e-9)
        let caches = try #require(design.effect(of: "cache"))
        #expect(zip(caches.values, [-21.2, -20.2, 41.4]).allSatisfy { abs($0 - $1) < 1e-9 })
        let workloads = try #require(design.effect(of: "workload"))
        #expect(zip(workloads.values, [-0.5, 8.8, -3.5, -1.5, -3.2]).allSatisfy { abs($0 - $1) < 0.05 })
        #expect(abs(caches.sumOfSquares - 12_857.2) < 0.1)
        #expect(abs(workloads.sumOfSquares - 308.4) < 0.1)
        let interaction = try #require(design.effect(of: "workload", "cache"))
        #expect(abs(interaction.sumOfSquares - 236.8) < 0.1)
        #expect(interaction.degreesOfFreedom == 8)
        #expect(abs(design.effects.reduce(0) { $0 + $1.share } - 1) < 1e-12)
    }

    @Test func `shapes have to fit`() {
        #expect(FactorialDesign(factors: [], responses: [[1]]) == nil)
        #expect(FactorialDesign(factors: [factor("A", 1)], responses: [[1]]) == nil)
        #expect(FactorialDesign(factors: [factor("A")], responses: [[1], [1, 2]]) == nil)
        #expect(FactorialDesign(factors: [factor("A")], responses: [[1], [2], [3]]) == nil)
        #expect(FactorialDesign(factors: [factor("A")], responses: [[], []]) == nil)
        #expect(FactorialDesign(factors: [factor("A")], responses: [[1], [.nan]]) == nil)
        #expect(FactorialDesign(factors: [factor("A")], responses: [[1], [1]])?.effects[0].share == 0)
    }
}
