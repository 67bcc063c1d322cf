// SPDX-License-Identifier: Apache-2.0

/// What a counter counted, and for how long it was wanted and was had: nanoseconds on a CPU.
public struct Count: Sendable, Equatable {
    /// As counted; in nanoseconds for a time.
    public var counted: UInt64 = 0
    /// For how long it was wanted, in nanoseconds on a CPU.
    public var enabled: UInt64 = 0
    /// For how long of that the counter ran, in nanoseconds.
    public var running: UInt64 = 0

    /// Nothing counted, and never wanted.
    public init() {}

    init(counted: UInt64, enabled: UInt64, running: UInt64) {
        (self.counted, self.enabled, self.running) = (counted, enabled, running)
    }

    /// Counted for a part of the time only: what is said of all of it is an estimate.
    public var isScaled: Bool { running < enabled && running > 0 }

    /// Counted times enabled over running, as perf stat scales; nil if it never ran while it was wanted.
    public var estimate: Double? {
        if running == enabled { return Double(counted) }
        return running > 0 ? Double(counted) * Double(enabled) / Double(running) : nil
    }

    static func + (one: Count, other: Count) -> Count { one.combined(other, &+) }
    static func - (one: Count, other: Count) -> Count { one.combined(other, &-) }

    private func combined(_ other: Count, _ with: (UInt64, UInt64) -> UInt64) -> Count {
        Count(
            counted: with(counted, other.counted), enabled: with(enabled, other.enabled),
            running: with(running, other.running))
    }
}

/// An event's counts of a thread, or of several summed, by mode.
public struct EventCount: Sendable, Equatable {
    /// In user mode.
    public var user = Count()
    /// In the kernel.
    public var kernel = Count()

    /// Nothing counted in either mode.
    public init() {}

    /// Both together, as they were counted.
    public var sum: Count { user + kernel }

    /// Whether its counter ran at all.
    public var isCounted: Bool { sum.running > 0 }

    /// The estimate for both modes; where nothing was scaled it is exact. nil: not counted.
    ///
    /// Each mode is scaled by its own times, and their estimates are added: counters are given by turns
    /// that know nothing of modes, so that the share of the turns differs between them by chance. Where
    /// one mode never had the counter, both are scaled together, as perf stat does.
    public var total: Double? {
        guard isCounted else { return nil }
        if let user = user.estimate, let kernel = kernel.estimate { return user + kernel }
        return sum.estimate
    }

    /// What part of the time it was wanted the counter ran, in percent, 100 if it never was wanted.
    public var percentRunning: Double {
        sum.enabled > 0 ? 100 * Double(sum.running) / Double(sum.enabled) : 100
    }

    static func + (one: EventCount, other: EventCount) -> EventCount {
        var sum = one
        (sum.user, sum.kernel) = (one.user + other.user, one.kernel + other.kernel)
        return sum
    }

    static func - (one: EventCount, other: EventCount) -> EventCount {
        var difference = one
        (difference.user, difference.kernel) = (one.user - other.user, one.kernel - other.kernel)
        return difference
    }
}
