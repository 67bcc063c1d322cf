// SPDX-License-Identifier: Apache-2.0
import Glibc

/// Whether pairs of measurements differ, by the ranks of their differences alone (Wilcoxon, Individual Comparisons
/// by Ranking Methods, Biometrics Bulletin 1, 1945).
///
/// What a pair has in common, as the state that the machine was in, is in neither of its differences. Where the
/// order within each pair was drawn, as within a randomised block, it supposes nothing of how measurements
/// are distributed.
public enum SignedRank {
    /// Beyond so many differences the sum of ranks is taken to be normal.
    private static let mostExact = 64

    /// With which probability differences that are as often positive as negative lie apart from 0 at least as
    /// far as these do, either way. Exact up to 64 differences, equal ones included; those that are 0 say nothing,
    /// and are left out.
    public static func probability(_ differences: some Sequence<Double>) -> Double {
        let values = differences.filter { $0 != 0 }.sorted { abs($0) < abs($1) }
        // Equal ones have their mean rank; twice that is a whole number.
        var twice: [Int] = []
        while twice.count < values.count {
            let first = twice.count
            var last = first
            while last + 1 < values.count && abs(values[last + 1]) == abs(values[first]) { last += 1 }
            twice += Array(repeating: first + last + 2, count: last + 1 - first)
        }
        let all = twice.reduce(0, +)
        let positive = zip(twice, values).reduce(0) { $1.1 > 0 ? $0 + $1.0 : $0 }
        let smaller = min(positive, all - positive)
        if values.count <= mostExact { return min(1, 2 * share(of: twice, upTo: smaller)) }
        // Of twice the sum; half a rank for the continuity.
        let variance = twice.reduce(0) { $0 + Double($1 * $1) } / 4
        return erfc(max(0, Double(all) / 2 - Double(smaller) - 1) / (2 * variance).squareRoot())
    }

    /// The least that ``probability(_:)`` can be of so many: all have the same sign.
    public static func least(_ count: Int) -> Double { min(1, 2 * exp2(-Double(count))) }

    /// The share of the ways to choose any of the numbers whose sum is at most that.
    private static func share(of numbers: [Int], upTo limit: Int) -> Double {
        // By sum.
        var ways = [Double](repeating: 0, count: limit + 1)
        ways[0] = 1
        for number in numbers where number <= limit {
            for sum in stride(from: limit, through: number, by: -1) { ways[sum] += ways[sum - number] }
        }
        return ways.reduce(0, +) * exp2(-Double(numbers.count))
    }
}
