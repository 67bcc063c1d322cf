// SPDX-License-Identifier: Apache-2.0

/// A generator of random numbers that gives the same ones for the same seed, on every machine.
///
/// The finalizer of Steele, Lea and Flood over a Weyl sequence (Fast Splittable Pseudorandom Number
/// Generators, OOPSLA 2014): 64 bits of state, every value once in its period of 2^64.
public struct SplitMix64: RandomNumberGenerator, Sendable {
    private var state: UInt64

    /// Every seed is as good as another, 0 included.
    public init(seed: UInt64) { state = seed }

    /// The next 64 random bits.
    public mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var bits = state
        bits = (bits ^ (bits >> 30)) &* 0xbf58_476d_1ce4_e5b9
        bits = (bits ^ (bits >> 27)) &* 0x94d0_49bb_1331_11eb
        return bits ^ (bits >> 31)
    }

    /// A number from 0 to `count - 1`.
    ///
    /// The high half of a product; so long as `count` is below 2^32, no number is preferred by more
    /// than 1 part in 2^32.
    mutating func index(below count: Int) -> Int {
        Int(truncatingIfNeeded: next().multipliedFullWidth(by: UInt64(count)).high)
    }

    /// The same values in a random order, the same for the same seed (Fisher and Yates).
    public mutating func shuffled<Value>(_ values: [Value]) -> [Value] {
        var values = values
        for last in values.indices.dropFirst().reversed() { values.swapAt(last, index(below: last + 1)) }
        return values
    }
}
