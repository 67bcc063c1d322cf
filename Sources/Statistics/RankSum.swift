// SPDX-License-Identifier: Apache-2.0
import Glibc

/// Whether two samples differ, by the ranks of their values alone (Wilcoxon, Individual Comparisons by Ranking
/// Methods, Biometrics Bulletin 1, 1945; Mann and Whitney, Annals of Mathematical Statistics 18, 1947).
///
/// It supposes nothing of how measurements are distributed, and of few it claims no more than they can show:
/// intervals from resampling are too narrow there.
public enum RankSum {
    /// Beyond so many values together the sum of ranks is taken to be normal.
    private static let mostExact = 24

    /// With which probability two samples of one and the same distribution lie apart at least as far as these
    /// do, either way. Exact up to 24 values, equal ones included.
    public static func probability(_ one: Sample, _ other: Sample) -> Double {
        let all = (one.sorted + other.sorted).sorted()
        // Equal values have their mean rank; twice that is a whole number.
        var ranks: [Double: Int] = [:]
        var twice: [Int] = []
        var ties = 0.0
        var first = 0
        while first < all.count {
            var last = first
            while last + 1 < all.count && all[last + 1] == all[first] { last += 1 }
            ranks[all[first]] = first + last + 2
            let count = last - first + 1
            twice += Array(repeating: first + last + 2, count: count)
            ties += Double(count * count * count - count)
            first = last + 1
        }
        let sum = one.sorted.reduce(0) { $0 + (ranks[$1] ?? 0) }
        let (n, m) = (one.count, other.count)
        // Of twice the sum.
        let expected = n * (n + m + 1)
        let distance = abs(sum - expected)
        if n + m <= mostExact { return exact(twice, chosen: n) { abs($0 - expected) >= distance } }
        let total = Double(n + m)
        let variance = Double(n * m) / 12 * (total + 1 - ties / (total * (total - 1)))
        guard variance > 0 else { return 1 }
        // Half a rank for the continuity.
        return erfc(max(0, Double(distance) / 2 - 0.5) / (2 * variance).squareRoot())
    }

    /// The least that ``probability(_:_:)`` can be for samples of these sizes: no value of one lies among the
    /// other's.
    public static func least(_ n: Int, _ m: Int) -> Double {
        // Two of all the ways to choose n of n + m.
        2 / (0..<min(n, m)).reduce(1) { $0 * Double(n + m - $1) / Double($1 + 1) }
    }

    /// The share of the ways to choose so many of the numbers whose sum is such.
    private static func exact(_ numbers: [Int], chosen: Int, where isSuch: (Int) -> Bool) -> Double {
        let width = numbers.reduce(0, +) + 1
        // By how many have been chosen, and their sum.
        var ways = [Double](repeating: 0, count: (chosen + 1) * width)
        ways[0] = 1
        var largest = 0
        ways.withUnsafeMutableBufferPointer { ways in
            for (index, number) in numbers.enumerated() {
                largest += number
                for count in stride(from: min(chosen, index + 1), through: 1, by: -1) {
                    let (to, from) = (count * width, (count - 1) * width)
                    for sum in stride(from: largest, through: number, by: -1) {
                        ways[to + sum] += ways[from + sum - number]
                    }
                }
            }
        }
        var (such, all) = (0.0, 0.0)
        for sum in 0..<width {
            let count = ways[chosen * width + sum]
            all += count
            if count > 0 && isSuch(sum) { such += count }
        }
        return such / all
    }
}
