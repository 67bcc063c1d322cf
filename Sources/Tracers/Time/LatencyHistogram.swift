// SPDX-License-Identifier: Apache-2.0
import CEvents

/// Counts of durations in four buckets an octave, as `bpf/time_ledger.bpf.h` keeps them. Of most threads
/// few buckets are in use, so only those are held.
public struct LatencyHistogram: Sendable, Equatable {
    /// Ascending by bucket.
    private var buckets: [(index: UInt8, count: UInt64)] = []
    /// The largest duration in nanoseconds, exact.
    public private(set) var max: UInt64 = 0

    /// Of no duration.
    public init() {}

    /// - Parameter counts: one for each bucket, up to 256 of them.
    public init(counts: some Sequence<some FixedWidthInteger>, max: UInt64) {
        for (index, count) in counts.enumerated() where count > 0 { buckets.append((UInt8(index), UInt64(count))) }
        self.max = max
    }

    public static func == (one: Self, other: Self) -> Bool {
        one.max == other.max && one.buckets.elementsEqual(other.buckets, by: ==)
    }

    /// How many durations there are.
    public var count: UInt64 { buckets.reduce(0) { $0 + $1.count } }

    /// The duration in nanoseconds that a fraction of all do not exceed; nil when there are none.
    ///
    /// It is the middle of its bucket, so within 12.5 % of the true value (64 ns below 256 ns).
    public func quantile(_ fraction: Double) -> UInt64? {
        let count = count
        guard count > 0 else { return nil }
        // The only one is known.
        if count == 1 { return max }
        let rank = Swift.max(1, UInt64((fraction * Double(count)).rounded(.up)))
        var seen: UInt64 = 0
        for bucket in buckets {
            seen += bucket.count
            if seen >= rank { return min(Self.middle(of: bucket.index), max) }
        }
        return max
    }

    /// Inverse of count_latency() in bpf/time_ledger.bpf.h.
    static func middle(of bucket: UInt8) -> UInt64 {
        let unit = UInt64(1) << UInt64(TIME_LATENCY_SHIFT)
        let index = UInt64(bucket)
        guard index >= 4 else { return index * unit + unit / 2 }
        let width = unit << (index / 4 - 1)
        return (4 + index % 4) * width + width / 2
    }

    /// The bucket of a duration: count_latency() in bpf/time_ledger.bpf.h.
    static func bucket(of nanoseconds: UInt64) -> UInt8 {
        let units = nanoseconds >> UInt64(TIME_LATENCY_SHIFT)
        guard units >= 4 else { return UInt8(units) }
        let octave = UInt64(63 - units.leadingZeroBitCount)
        return UInt8(clamping: 4 * (octave - 1) + (units >> (octave - 2) & 3))
    }

    /// Counts one duration, in nanoseconds.
    public mutating func add(_ duration: UInt64) {
        max = Swift.max(max, duration)
        let index = Self.bucket(of: duration)
        let place = buckets.firstIndex { $0.index >= index } ?? buckets.endIndex
        if place < buckets.endIndex && buckets[place].index == index {
            buckets[place].count += 1
        } else {
            buckets.insert((index, 1), at: place)
        }
    }

    mutating func add(_ other: Self) {
        max = Swift.max(max, other.max)
        merge(other) { $0 + $1 }
    }

    /// The maximum since an earlier reading is known only if it grew; else the highest bucket's middle.
    func since(_ earlier: Self) -> Self {
        var difference = self
        difference.merge(earlier) { $0 - $1 }
        difference.buckets.removeAll { $0.count == 0 }
        if max == earlier.max {
            difference.max = difference.buckets.last.map { min(Self.middle(of: $0.index), max) } ?? 0
        }
        return difference
    }

    private mutating func merge(_ other: Self, _ combine: (UInt64, UInt64) -> UInt64) {
        guard !other.buckets.isEmpty else { return }
        var merged: [(index: UInt8, count: UInt64)] = []
        merged.reserveCapacity(buckets.count + other.buckets.count)
        var mine = buckets[...]
        var theirs = other.buckets[...]
        while let next = [mine.first?.index, theirs.first?.index].compactMap({ $0 }).min() {
            var count: UInt64 = 0
            if mine.first?.index == next { count = mine.removeFirst().count }
            if theirs.first?.index == next { count = combine(count, theirs.removeFirst().count) }
            merged.append((next, count))
        }
        buckets = merged
    }
}
