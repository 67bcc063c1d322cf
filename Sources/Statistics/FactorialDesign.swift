// SPDX-License-Identifier: Apache-2.0

/// A full factorial design: every combination of the levels of some factors was measured, each
/// equally often. Tells how much of the variation is due to each factor, and to their
/// interactions (Jain, The Art of Computer Systems Performance Analysis, 1991, chapters 17 to 23).
///
/// The model is additive. Where effects multiply, as most do in performance, give it the logarithms
/// of what was measured (section 18.7).
public struct FactorialDesign: Sendable {
    /// What was varied.
    public struct Factor: Sendable, Equatable {
        /// By which ``FactorialDesign/effect(of:)`` finds its effects; unique in a design.
        public let name: String
        /// At least two.
        public let levels: [String]

        /// - Parameter levels: the values that it took, two at least.
        public init(_ name: String, levels: [String]) {
            self.name = name
            self.levels = levels
        }
    }

    /// What a factor does by itself, or several beyond what each does by itself.
    public struct Effect: Sendable, Equatable {
        /// Indices into ``FactorialDesign/factors``, ascending: one for a main effect.
        public let factors: [Int]
        /// One for each combination of the levels of these factors, the last factor's level changing
        /// fastest; they add up to zero along each factor. Of factors with two levels, the last
        /// value is Jain's q.
        public let values: [Double]
        /// The variation that it explains.
        public let sumOfSquares: Double
        /// Of the total variation, from 0 to 1; 0 where nothing varies.
        public let share: Double
        /// The product of its factors' levels, each less one.
        public let degreesOfFreedom: Int
        /// What each value may be off by, up or down, at 95 % confidence; nil without repetitions, as
        /// then errors and the highest interaction cannot be told apart.
        public let margin: Double?
    }

    /// In the order in which responses are laid out.
    public let factors: [Factor]
    /// Of all responses.
    public let mean: Double
    /// Main effects first, then interactions of two factors, of three, …
    public let effects: [Effect]
    /// The variation among all measurements, around their mean.
    public let totalSumOfSquares: Double
    /// The variation among repetitions of the same combination.
    public let errorSumOfSquares: Double
    /// Combinations times repetitions less one; 0 without repetitions.
    public let errorDegreesOfFreedom: Int

    /// - Parameters:
    ///   - factors: up to 16, each with two levels or more.
    ///   - responses: a row for each combination of levels, the last factor's level changing fastest; in
    ///     each row, one value for each repetition.
    /// - Returns: nil where the shapes do not fit, or a value is not finite.
    public init?(factors: [Factor], responses: [[Double]]) {
        guard (1...16).contains(factors.count), factors.allSatisfy({ $0.levels.count >= 2 }) else { return nil }
        var cells = 1
        for factor in factors {
            let (product, overflows) = cells.multipliedReportingOverflow(by: factor.levels.count)
            guard !overflows else { return nil }
            cells = product
        }
        guard responses.count == cells, let repetitions = responses.first?.count, repetitions > 0,
            responses.allSatisfy({ $0.count == repetitions && $0.allSatisfy(\.isFinite) })
        else { return nil }
        self.factors = factors
        let all = responses.joined()
        let size = Double(all.count)
        let mean = all.reduce(0, +) / size
        let means = responses.map { $0.reduce(0, +) / Double(repetitions) }
        let total = all.reduce(0) { $0 + ($1 - mean) * ($1 - mean) }
        let error = zip(responses, means).reduce(0) { sum, row in
            row.0.reduce(sum) { $0 + ($1 - row.1) * ($1 - row.1) }
        }
        let freedom = cells * (repetitions - 1)
        self.mean = mean
        (totalSumOfSquares, errorSumOfSquares, errorDegreesOfFreedom) = (total, error, freedom)

        let shape = factors.map(\.levels.count)
        let subsets = (1..<1 << factors.count).map { bits in factors.indices.filter { bits >> $0 & 1 == 1 } }
            .sorted { ($0.count, $0) < ($1.count, $1) }
        var known: [(factors: [Int], values: [Double])] = [([], [mean])]
        for subset in subsets {
            var values = Self.average(means, shape: shape, over: subset)
            // Less what smaller sets of its factors explain.
            for part in known where part.factors.allSatisfy(subset.contains) {
                for index in values.indices {
                    let levels = Self.levels(of: index, shape: subset.map { shape[$0] })
                    let place = zip(subset, levels).reduce(0) { place, pair in
                        part.factors.contains(pair.0) ? place * shape[pair.0] + pair.1 : place
                    }
                    values[index] -= part.values[place]
                }
            }
            known.append((subset, values))
        }
        effects = known.dropFirst().map { subset, values in
            let squares = values.reduce(0) { $0 + $1 * $1 } * size / Double(values.count)
            let freedoms = subset.reduce(1) { $0 * (shape[$1] - 1) }
            return Effect(
                factors: subset, values: values, sumOfSquares: squares, share: total > 0 ? squares / total : 0,
                degreesOfFreedom: freedoms,
                margin: freedom == 0
                    ? nil
                    : StudentT.critical(confidence: 0.95, degreesOfFreedom: freedom)
                        * (error / Double(freedom) * Double(freedoms) / size).squareRoot())
        }
    }

    /// The effect of some factors together, by name in any order; of one, its main effect.
    public func effect(of names: String...) -> Effect? {
        effects.first { Set($0.factors.map { factors[$0].name }) == Set(names) }
    }

    /// Means over all but some factors; one for each combination of those.
    private static func average(_ means: [Double], shape: [Int], over subset: [Int]) -> [Double] {
        let count = subset.reduce(1) { $0 * shape[$1] }
        var sums = [Double](repeating: 0, count: count)
        for (cell, value) in means.enumerated() {
            let levels = levels(of: cell, shape: shape)
            sums[subset.reduce(0) { $0 * shape[$1] + levels[$1] }] += value
        }
        return sums.map { $0 * Double(count) / Double(means.count) }
    }

    /// The level of each factor in a combination.
    private static func levels(of index: Int, shape: [Int]) -> [Int] {
        var rest = index
        var levels = [Int](repeating: 0, count: shape.count)
        for factor in shape.indices.reversed() {
            levels[factor] = rest % shape[factor]
            rest /= shape[factor]
        }
        return levels
    }
}

/// Lexicographic: for arrays there is no `<` in the language.
private func < (one: (Int, [Int]), other: (Int, [Int])) -> Bool {
    one.0 != other.0 ? one.0 < other.0 : one.1.lexicographicallyPrecedes(other.1)
}
