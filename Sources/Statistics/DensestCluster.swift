// SPDX-License-Identifier: Apache-2.0

/// Where most measurements lie close together, and their mean: for measurements whose errors can be
/// negative as well as positive, as after an overhead was subtracted. The K fastest would then be those with
/// the luckiest error (Bryant and O'Hallaron, section 9.4.3, where timer compensation makes
/// measurements too low).
public struct DensestCluster: Sendable, Equatable {
    /// Its members, ascending.
    public let members: [Double]
    /// How many of all measurements are in it.
    public let share: Double

    /// The arithmetic mean of its members.
    public var mean: Double { members.reduce(0, +) / Double(members.count) }

    /// Finds the range of a given width that holds the most values; of several, the
    /// narrowest, of those the lowest.
    ///
    /// - Parameter within: the range's width, relative to the median's magnitude; positive.
    /// - Returns: nil where `within` is not positive.
    public init?(of sample: Sample, within: Double = 0.01) {
        guard within > 0 else { return nil }
        let values = sample.sorted
        let width = within * abs(sample.median)
        var best = 0...0
        var end = 0
        for start in values.indices {
            end = max(end, start)
            while end + 1 < values.count, values[end + 1] - values[start] <= width { end += 1 }
            let isNarrower =
                end - start == best.count - 1
                && values[end] - values[start] < values[best.upperBound] - values[best.lowerBound]
            if end - start > best.count - 1 || isNarrower { best = start...end }
        }
        members = Array(values[best])
        share = Double(members.count) / Double(values.count)
    }
}
