// SPDX-License-Identifier: Apache-2.0
import Linux

/// Interval counting beside the ledger: how the samples of a ``TimeReport`` were taken.
public struct Sampling: Sendable, Equatable {
    /// What is asked for.
    public struct Options: Sendable, Equatable {
        /// Samples a second on each CPU, on average.
        public var rate: Int
        /// Draw each interval between two samples at random, rather than take the same.
        public var isJittered: Bool

        /// - Parameters:
        ///   - rate: samples a second on each CPU, on average.
        ///   - isJittered: draw each interval at random.
        public init(rate: Int, isJittered: Bool = false) {
            self.rate = rate
            self.isJittered = isJittered
        }
    }

    /// The highest rate that this kernel allows, samples a second: see ``Linux/SamplingClock/maxRate``.
    /// The clock behind jittered samples strikes at least four times as often.
    public static func maxRate(jittered: Bool) -> Int { max(1, SamplingClock.maxRate / (jittered ? 4 : 1)) }

    /// As they were asked for.
    public let options: Options
    /// CPUs that were sampled.
    public let cpus: Int
    /// Samples on all CPUs, those that found another's thread included. An idle CPU is not sampled.
    public var taken: UInt64
    /// Samples that were due and not taken, at least: the kernel throttled the clock, or the CPU was
    /// away, as a virtual one can be.
    public var missed: UInt64
    /// CPUs on which nothing was sampled, as they came when sampling was under way.
    public var unsampledCPUs: [Int] = []

    /// Why there are fewer samples than there should be, each a clause; empty: they are all there.
    public var gaps: [String] {
        var gaps: [String] = []
        if missed > 0 { gaps.append("\(missed) of \(taken + missed) samples were due and not taken") }
        if !unsampledCPUs.isEmpty {
            gaps.append("CPUs that came later were not: \(unsampledCPUs.map { String($0) }.joined(separator: ", "))")
        }
        return gaps
    }

    /// What a sample stands for, in nanoseconds.
    public var interval: Double { 1e9 / Double(options.rate) }

    func since(_ earlier: Sampling?) -> Sampling {
        var difference = self
        difference.taken -= min(taken, earlier?.taken ?? 0)
        difference.missed -= min(missed, earlier?.missed ?? 0)
        return difference
    }
}

/// Samples that found a thread on a CPU, by mode.
public struct ModeSamples: Sendable, Equatable {
    /// Samples in user mode.
    public var user: UInt64 = 0
    /// Samples in kernel mode.
    public var system: UInt64 = 0

    /// No samples.
    public init() {}
}
