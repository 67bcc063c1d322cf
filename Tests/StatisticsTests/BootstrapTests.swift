// SPDX-License-Identifier: Apache-2.0
import Foundation
import Testing

@testable import Statistics

struct BootstrapTests {
    /// Efron and Tibshirani 1993, table 2.2, for the treated mice and B = ∞: a standard error of 23.36
    /// for the mean and of 37.83 for the median.
    @Test(arguments: [(Bootstrap.Statistic.mean, 23.36), (.median, 37.83)])
    func `standard errors are those of the mouse data`(statistic: Bootstrap.Statistic, expected: Double) throws {
        let mice = try #require(Sample([94, 197, 16, 38, 99, 141, 23]))
        var random = SplitMix64(seed: 7)
        let replicates = Bootstrap(resamples: 40_000).replicates(of: statistic, in: mice, &random)
        let error = try #require(Sample(replicates)?.standardDeviation)
        // 40,000 resamples fix it to half a percent.
        #expect(abs(error / expected - 1) < 0.015)
    }

    @Test func `the same seed gives the same interval`() throws {
        let (a, b) = (try #require(Sample([5, 6, 7, 8, 9, 10])), try #require(Sample([4, 5, 6, 7, 8, 9])))
        let ratio = Bootstrap(seed: 4).ratio(of: a, to: b, by: .mean)
        #expect(ratio == Bootstrap(seed: 4).ratio(of: a, to: b, by: .mean))
        #expect(ratio != Bootstrap(seed: 5).ratio(of: a, to: b, by: .mean))
        #expect(abs(try #require(ratio).value - 45.0 / 39) < 1e-12)
    }

    @Test func `what differs is shown, and what does not is not`() throws {
        let a = try #require(Sample((0..<20).map { 100 + Double($0 * 7 % 11) }))
        let b = try #require(Sample((0..<20).map { 120 + Double($0 * 5 % 11) }))
        for statistic in [Bootstrap.Statistic.mean, .median] {
            #expect(try #require(Bootstrap().ratio(of: b, to: a, by: statistic)).showsDifference)
            let same = try #require(Bootstrap().ratio(of: a, to: a, by: statistic))
            #expect(!same.showsDifference && same.value == 1)
        }
    }

    /// Efron and Tibshirani 1993, section 2.1: treated mice lived 30.63 days longer, with a standard
    /// error of 28.93 by formula: far from shown.
    @Test func `the mice's difference is not shown, by means or by medians`() throws {
        let treated = try #require(Sample([94, 197, 16, 38, 99, 141, 23]))
        let control = try #require(Sample([52, 104, 146, 10, 51, 30, 40, 27, 46]))
        let means = Bootstrap().difference(of: treated, minus: control, by: .mean)
        #expect(abs(means.value - 30.63) < 0.005)
        #expect(!means.isShown)
        let interval = try #require(means.interval)
        #expect((interval.upper - interval.lower) / 28.93 > 3.5)
        let medians = Bootstrap().difference(of: treated, minus: control, by: .median)
        #expect(medians.value == 48 && !medians.isShown)
        let shifted = try #require(Sample(control.sorted.map { $0 + 300 }))
        #expect(Bootstrap().difference(of: shifted, minus: treated, by: .mean).isShown)
    }

    /// The example of the library's documentation, as it stands there.
    private func compare(_ a: [Double], _ b: [Double]) -> String? {
        guard let a = Sample(a), let b = Sample(b), let ratio = Bootstrap().ratio(of: b, to: a, by: .median)
        else { return nil }
        return ratio.showsDifference ? "B takes \(ratio.value) of A" : "no difference shown"
    }

    @Test func `the documentation's example says what it promises`() {
        let a = (0..<20).map { 100 + Double($0 % 7) }
        #expect(compare(a, a.map { 2 * $0 }) == "B takes 2.0 of A")
        #expect(compare(a, a.reversed()) == "no difference shown")
        #expect(compare(a, []) == nil)
    }

    @Test func `a ratio needs positive values, its interval five of them`() throws {
        let few = try #require(Sample([1, 2, 3, 4]))
        #expect(try #require(Bootstrap().ratio(of: few, to: few, by: .mean)).interval == nil)
        #expect(!(try #require(Bootstrap().ratio(of: few, to: few, by: .mean)).showsDifference))
        let zero = try #require(Sample([0, 1, 2, 3, 4]))
        #expect(Bootstrap().ratio(of: few, to: zero, by: .mean) == nil)
        #expect(Bootstrap().geometricMean(ofRatios: [], by: .mean) == nil)
    }

    /// Fleming and Wallace 1986, table I: three machines and two benchmarks. By arithmetic means of ratios
    /// each is slower than the one that it is divided by; none is.
    @Test func `geometric means do not depend on what is divided by what`() {
        let (x, y, z): ([Double], [Double], [Double]) = ([20, 40], [10, 80], [40, 20])
        for (one, other) in [(x, y), (y, x), (x, z), (z, x), (y, z), (z, y)] {
            let ratios = zip(one, other).map { $0 / $1 }
            #expect(ratios.reduce(0, +) / 2 > 1.2)
            #expect(abs((Ratio.geometricMean(ratios) ?? .nan) - 1) < 1e-12)
        }
        #expect(abs((Ratio.geometricMean([2, 8, 4]) ?? .nan) - 4) < 1e-12)
        #expect(Ratio.geometricMean([]) == nil)
        #expect(Ratio.geometricMean([1, 0]) == nil)
    }

    @Test func `the interval of a suite is narrower than that of a benchmark`() throws {
        let a = try #require(Sample((0..<20).map { 100 + Double($0 * 7 % 11) }))
        let b = try #require(Sample((0..<20).map { 110 + Double($0 * 5 % 11) }))
        let one = try #require(Bootstrap().ratio(of: b, to: a, by: .mean)?.interval)
        let all = try #require(
            Bootstrap().geometricMean(ofRatios: [(b, a), (b, a), (b, a), (b, a)], by: .mean)?.interval)
        #expect((all.upper - all.lower) / (one.upper - one.lower) < 0.65)
    }
}

/// How often 95 % intervals cover the truth, over experiments with data whose truth is known: times
/// with a floor and a tail, and times that spread by factors.
struct CoverageTests {
    enum Distribution: CaseIterable {
        /// 100 + an exponential with mean 20.
        case exponential
        /// exp of a normal with deviation 0.5, times 100.
        case logNormal

        func draw(_ random: inout SplitMix64) -> Double {
            let uniform = { (random: inout SplitMix64) in 1 - Double(random.next() >> 11) * 0x1p-53 }
            switch self {
            case .exponential: return 100 - 20 * log(uniform(&random))
            case .logNormal:
                // Box and Muller.
                let radius = (-2 * log(uniform(&random))).squareRoot()
                return 100 * exp(0.5 * radius * cos(2 * .pi * uniform(&random)))
            }
        }

        var median: Double { self == .exponential ? 100 + 20 * log(2) : 100 }

        func sample(_ count: Int, _ random: inout SplitMix64) -> Sample? {
            Sample((0..<count).map { _ in draw(&random) })
        }
    }

    private let experiments = 2_000

    @Test(arguments: Distribution.allCases, [6, 10, 20])
    func `a median's interval covers it`(distribution: Distribution, count: Int) throws {
        var random = SplitMix64(seed: 11)
        var covered = 0
        for _ in 0..<experiments {
            let sample = try #require(distribution.sample(count, &random))
            if try #require(sample.medianInterval()).contains(distribution.median) { covered += 1 }
        }
        #expect((0.93...0.97).contains(Double(covered) / Double(experiments)))
    }

    @Test(arguments: Distribution.allCases)
    func `a mean difference's interval covers it`(distribution: Distribution) throws {
        var random = SplitMix64(seed: 14)
        var covered = 0
        for experiment in 0..<experiments {
            // Of pairs that have more in common than they differ by.
            let differences = (0..<20).map { _ in
                let common = 50 * distribution.draw(&random)
                return (common + distribution.draw(&random) + 7) - (common + distribution.draw(&random))
            }
            let difference = Bootstrap(resamples: 300, seed: UInt64(experiment)).meanDifference(
                try #require(Sample(differences)))
            if try #require(difference.interval).contains(7) { covered += 1 }
        }
        #expect((0.93...0.97).contains(Double(covered) / Double(experiments)), "\(covered)")
        #expect(
            Bootstrap().meanDifference(try #require(Sample([1, 2, 3, 4]))) == Difference(value: 2.5, interval: nil))
    }

    @Test(arguments: Distribution.allCases)
    func `a geometric mean of medians has an interval that covers it`(distribution: Distribution) throws {
        var random = SplitMix64(seed: 13)
        var covered = 0
        for _ in 0..<experiments {
            let samples = try (0..<3).map { _ in try #require(distribution.sample(20, &random)) }
            let mean = try #require(Bootstrap().geometricMean(ofMedians: samples))
            let product = samples.reduce(1) { $0 * $1.median }
            #expect(abs(mean.value * mean.value * mean.value / product - 1) < 1e-9)
            if try #require(mean.interval).contains(distribution.median) { covered += 1 }
        }
        // Rather too wide, and not by much.
        #expect((0.95...0.985).contains(Double(covered) / Double(experiments)), "\(covered)")
        // Of too few there is none, and of what is not positive nothing at all.
        let (few, many) = (try #require(Sample([1, 2, 3, 4, 5])), try #require(Sample([1, 2, 3, 4, 5, 6])))
        #expect(try #require(Bootstrap().geometricMean(ofMedians: [few, many])).interval == nil)
        let (one, whole) = (Bootstrap().geometricMean(ofMedians: [many])?.interval, many.medianInterval())
        #expect(try abs(#require(one).lower - #require(whole).lower) < 1e-12)
        #expect(try abs(#require(one).upper - #require(whole).upper) < 1e-12)
        #expect(Bootstrap().geometricMean(ofMedians: [try #require(Sample([0, 1]))]) == nil)
    }

    @Test(arguments: Distribution.allCases, [Bootstrap.Statistic.mean, .median])
    func `a ratio's interval covers it`(distribution: Distribution, statistic: Bootstrap.Statistic) throws {
        var random = SplitMix64(seed: 12)
        var covered = 0
        for experiment in 0..<experiments {
            // Twice as much by every statistic.
            let one = try #require(Sample((0..<20).map { _ in 2 * distribution.draw(&random) }))
            let other = try #require(distribution.sample(20, &random))
            let bootstrap = Bootstrap(resamples: 300, seed: UInt64(experiment))
            if try #require(bootstrap.ratio(of: one, to: other, by: statistic)?.interval).contains(2) { covered += 1 }
        }
        #expect((0.93...0.97).contains(Double(covered) / Double(experiments)))
    }
}
