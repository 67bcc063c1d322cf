// SPDX-License-Identifier: Apache-2.0

/// What the whole gains when a part becomes faster (Amdahl, Validity of the Single Processor Approach,
/// AFIPS 1967).
public struct Amdahl: Sendable, Equatable {
    /// The part's share of the time, from 0 to 1.
    public let share: Double

    /// nil unless the share is from 0 to 1.
    public init?(share: Double) {
        guard (0...1).contains(share) else { return nil }
        self.share = share
    }

    /// How many times as fast the whole becomes when the part becomes `factor` times as fast; below 1
    /// when it becomes slower. nil unless the factor is positive.
    public func speedup(ofPart factor: Double) -> Double? {
        factor > 0 ? 1 / (1 - share + share / factor) : nil
    }

    /// The most that making the part faster can ever give: as if it took no time. Infinite where
    /// the part is everything.
    public var limit: Double { 1 / (1 - share) }
}
