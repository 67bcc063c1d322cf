// SPDX-License-Identifier: Apache-2.0
import Testing

@testable import Statistics

struct SampleTests {
    /// NIST/SEMATECH e-Handbook of Statistical Methods, 7.2.6.2: the 90th percentile of these gauge
    /// measurements by R's definition 7 is 95.1957.
    @Test func `quantiles are those of the NIST handbook`() throws {
        let sample = try #require(
            Sample([
                95.1772, 95.1567, 95.1937, 95.1959, 95.1442, 95.0610, 95.1591, 95.1195, 95.1065, 95.0925, 95.1990,
                95.1682,
            ]))
        #expect(abs(sample.quantile(0.9) - 95.19568) < 1e-9)
        #expect(sample.quantile(0) == 95.0610)
        #expect(sample.quantile(1) == 95.1990)
        #expect(sample.quantile(0.5) == sample.median)
    }

    @Test func `a sample has values, and all are finite`() {
        #expect(Sample([]) == nil)
        #expect(Sample([1, .nan, 2]) == nil)
        #expect(Sample([1, .infinity]) == nil)
        #expect(Sample([7])?.median == 7)
        #expect(Sample([7])?.standardDeviation == nil)
        #expect(Sample([7])?.quantile(0.3) == 7)
    }

    @Test func `mean, median and deviation`() throws {
        // Efron and Tibshirani 1993, table 2.1: mice that were treated; mean 86.86, standard error 25.24.
        let mice = try #require(Sample([94, 197, 16, 38, 99, 141, 23]))
        #expect(abs(mice.mean - 86.857) < 0.001)
        #expect(mice.median == 94)
        #expect(abs(try #require(mice.standardDeviation) / 7.0.squareRoot() - 25.24) < 0.005)
        #expect(Sample([4, 1, 3, 2])?.median == 2.5)
    }

    /// For n = 10 the second and ninth values have 97.85 %, the third and eighth 89.06 % (any table of the
    /// sign test). Hettmansperger and Sheather's weight for 95 % is then (10 - 2) I / (2 + 6 I) with
    /// I = (97.85 - 95) / (97.85 - 89.06).
    @Test func `a median's interval lies between order statistics`() throws {
        let sample = try #require(Sample((1...10).map(Double.init)))
        let interval = try #require(sample.medianInterval())
        let share = (0.978_515_625 - 0.95) / (0.978_515_625 - 0.890_625)
        let weight = 8 * share / (2 + 6 * share)
        #expect(abs(interval.lower - (2 + weight)) < 1e-9)
        #expect(abs(interval.upper - (9 - weight)) < 1e-9)
        // Exactly an order statistic where the confidence is that of one.
        let exact = try #require(sample.medianInterval(confidence: 0.978_515_625))
        #expect(abs(exact.lower - 2) < 1e-6 && abs(exact.upper - 9) < 1e-6)
    }

    @Test func `five values are too few for 95 %`() {
        #expect(Sample([1, 2, 3, 4, 5])?.medianInterval() == nil)
        #expect(Sample([1, 2, 3, 4, 5])?.medianInterval(confidence: 0.9) != nil)
        #expect(Sample([1, 2, 3, 4, 5, 6])?.medianInterval() != nil)
        #expect(Sample([3, 3, 3, 3, 3, 3])?.medianInterval() == Interval(lower: 3, upper: 3, confidence: 0.95))
    }

    /// No overflow, no underflow to a wrong rank.
    @Test func `a median's interval of many values is that of the normal approximation`() throws {
        let sample = try #require(Sample((1...10_000).map(Double.init)))
        let interval = try #require(sample.medianInterval())
        // n / 2 ± 1.96 √n / 2.
        #expect(abs(interval.lower - 4902.5) < 1 && abs(interval.upper - 5098.5) < 1)
    }
}

struct StudentTTests {
    @Test(arguments: [(1, 12.706), (2, 4.303), (4, 2.776), (5, 2.571), (9, 2.262), (19, 2.093), (30, 2.042)])
    func `critical values are those of the tables`(freedom: Int, t: Double) {
        #expect(abs(StudentT.critical(confidence: 0.95, degreesOfFreedom: freedom) - t) < 0.0006)
    }

    @Test func `with many degrees of freedom it is the normal distribution`() {
        #expect(abs(StudentT.critical(confidence: 0.95, degreesOfFreedom: 100_000) - 1.95998) < 1e-4)
        #expect(abs(StudentT.normal(below: 1.959964) - 0.975) < 1e-6)
    }
}

struct SplitMix64Tests {
    /// The first values of Vigna's reference implementation for this seed, as widely published.
    @Test func `numbers are those of the reference`() {
        var random = SplitMix64(seed: 1_234_567)
        #expect(random.next() == 6_457_827_717_110_365_317)
        #expect(random.next() == 3_203_168_211_198_807_973)
        #expect(random.next() == 9_817_491_932_198_370_423)
    }

    @Test func `a shuffle keeps every value, and comes again with its seed`() {
        var (one, two, other) = (SplitMix64(seed: 9), SplitMix64(seed: 9), SplitMix64(seed: 10))
        let values = Array(0..<53)
        let shuffled = one.shuffled(values)
        #expect(shuffled.sorted() == values && shuffled != values)
        #expect(two.shuffled(values) == shuffled)
        #expect(other.shuffled(values) != shuffled)
        #expect(one.shuffled([Int]()) == [])
    }

    @Test func `every order of three is as likely`() {
        var random = SplitMix64(seed: 3)
        var counts: [[Int]: Int] = [:]
        for _ in 0..<6_000 { counts[random.shuffled([1, 2, 3]), default: 0] += 1 }
        #expect(counts.count == 6)
        // Expected 1,000, deviation 29.
        #expect(counts.values.allSatisfy { (880...1_120).contains($0) })
    }
}
