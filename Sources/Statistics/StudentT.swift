// SPDX-License-Identifier: Apache-2.0
import Glibc

/// The distributions that intervals need.
enum StudentT {
    /// The probability that |T| is at most `t`, by the finite series of Abramowitz and Stegun (Handbook
    /// of Mathematical Functions, 26.7.3 and 26.7.4).
    static func probability(within t: Double, degreesOfFreedom: Int) -> Double {
        let angle = atan(t / Double(degreesOfFreedom).squareRoot())
        let (sine, cosine) = (sin(angle), cos(angle))
        let isOdd = degreesOfFreedom % 2 == 1
        var term = isOdd ? cosine : 1
        var sum = degreesOfFreedom == 1 ? 0 : term
        var power = isOdd ? 3 : 2
        while power <= degreesOfFreedom - 2 {
            term *= cosine * cosine * Double(power - 1) / Double(power)
            sum += term
            power += 2
        }
        return isOdd ? 2 / Double.pi * (angle + sine * sum) : sine * sum
    }

    /// The t that |T| exceeds with probability `1 - confidence`.
    static func critical(confidence: Double, degreesOfFreedom: Int) -> Double {
        var (low, high) = (0.0, 1.0)
        while probability(within: high, degreesOfFreedom: degreesOfFreedom) < confidence && high < 1e9 { high *= 2 }
        for _ in 0..<80 {
            let middle = (low + high) / 2
            if probability(within: middle, degreesOfFreedom: degreesOfFreedom) < confidence {
                low = middle
            } else {
                high = middle
            }
        }
        return high
    }

    /// The probability that a normal deviate is below `z`.
    static func normal(below z: Double) -> Double { erfc(-z / 2.0.squareRoot()) / 2 }
}
