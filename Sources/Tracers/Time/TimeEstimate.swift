// SPDX-License-Identifier: Apache-2.0
import Statistics

/// A time that was counted in samples or ticks, each of which stands for an interval.
public struct TimeEstimate: Sendable, Equatable {
    /// How many found it so.
    public let count: UInt64
    /// Nanoseconds.
    public let time: UInt64
    /// Where the true time lies with 95 % confidence if what was counted does not move in step with the
    /// counting, in nanoseconds.
    public let interval: ClosedRange<UInt64>

    /// Of a thread that was on CPUs for a share of its life: each sample in that life is a trial.
    ///
    /// - Parameters:
    ///   - life: nanoseconds, of several threads the sum.
    ///   - each: what one stands for, in nanoseconds.
    init(count: UInt64, life: UInt64, each: Double) {
        let trials = max(Double(count), (Double(life) / each).rounded(.up), 1)
        let share = BinomialInterval(hits: count, of: UInt64(trials))
        self.init(count: count, time: Double(count) * each, share: share, of: trials * each)
    }

    /// A known time that was split by the mode which so many of the counted were in. With none counted
    /// nothing is known of the split.
    init(count: UInt64, of all: UInt64, splitting whole: UInt64, as time: UInt64) {
        guard all > 0 else {
            self.init(count: 0, time: time, interval: 0...whole)
            return
        }
        let share = BinomialInterval(hits: count, of: all)
        self.init(count: count, time: Double(time), share: share, of: Double(whole))
    }

    private init(count: UInt64, time: UInt64, interval: ClosedRange<UInt64>) {
        self.count = count
        self.time = time
        self.interval = interval
    }

    private init(count: UInt64, time: Double, share: BinomialInterval, of whole: Double) {
        self.init(
            count: count, time: UInt64(time.rounded()),
            interval: UInt64((share.low * whole).rounded(.down))...UInt64((share.high * whole).rounded(.up)))
    }

    /// False: chance explains the difference from the exact figure in one case of twenty or fewer.
    public func explains(_ exact: ClosedRange<UInt64>) -> Bool { interval.overlaps(exact) }
}
