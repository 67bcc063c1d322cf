// SPDX-License-Identifier: Apache-2.0
import ArgumentParser

/// A share as people write it: `1%` or `0.01`.
struct Fraction: ExpressibleByArgument {
    let value: Double

    init(_ value: Double) { self.value = value }

    init?(argument: String) {
        let isPercent = argument.hasSuffix("%")
        guard let number = Double(argument.dropLast(isPercent ? 1 : 0)) else { return nil }
        value = isPercent ? number / 100 : number
    }

    var defaultValueDescription: String { "\(value * 100)%" }
}
