// SPDX-License-Identifier: Apache-2.0

/// Repeats a measurement until its K fastest runs agree, and takes the fastest (Bryant and O'Hallaron,
/// Computer Systems: A Programmer's Perspective, first edition, section 9.4.3).
///
/// What disturbs a run can only make it longer. So the fastest ones are near the true time, and that
/// K of them lie close together shows it. Where errors can be negative, as when a correction
/// is subtracted, the fastest is the luckiest: see ``DensestCluster``.
///
/// ```swift
/// guard var best = KBest(count: 3, within: 0.01, limit: 20) else { return }
/// while !best.isFinished { best.add(measure()) }
/// print(best.fastest.first ?? .nan, best.isConverged)
/// ```
public struct KBest: Sendable {
    /// K: how many have to agree.
    public let count: Int
    /// E: how far the slowest of them may lie above the fastest, relative to that.
    public let within: Double
    /// N: the most runs.
    public let limit: Int
    /// The runs so far, those that were set aside included.
    public private(set) var runs = 0
    /// Of them, those that were set aside.
    public private(set) var setAside = 0
    /// The K fastest runs so far, ascending; fewer while there are fewer.
    public private(set) var fastest: [Double] = []

    /// The defaults are those of the book. nil unless 1 ≤ K ≤ N and E is positive.
    public init?(count: Int = 3, within: Double = 0.01, limit: Int = 20) {
        guard count >= 1, count <= limit, within > 0 else { return nil }
        self.count = count
        self.within = within
        self.limit = limit
    }

    /// Takes in a run.
    ///
    /// - Parameters:
    ///   - value: what it took; not negative.
    ///   - setAside: it is known to be disturbed: it counts as a run, and not for the result.
    public mutating func add(_ value: Double, setAside isSetAside: Bool = false) {
        runs += 1
        guard !isSetAside, value.isFinite, value >= 0 else { return setAside += 1 }
        let place = fastest.firstIndex { $0 > value } ?? fastest.count
        fastest.insert(value, at: place)
        if fastest.count > count { fastest.removeLast() }
    }

    /// How far the slowest of the K fastest lies above the fastest, relative to it; nil while there
    /// are fewer than K.
    public var spread: Double? {
        guard fastest.count == count else { return nil }
        let (first, last) = (fastest[0], fastest[count - 1])
        return last == first ? 0 : (last - first) / first
    }

    /// The K fastest agree.
    public var isConverged: Bool { spread.map { $0 <= within } ?? false }

    /// They agree, or there were as many runs as are allowed.
    public var isFinished: Bool { isConverged || runs >= limit }
}
