// SPDX-License-Identifier: Apache-2.0
public import Statistics

/// A hypothesis that an experiment can support or refute: `ptrace/ebpf-stream > 20 on getppid`.
///
/// `A/B > N`, or `A / B > N`, says that the workload takes more than N times as long under A as under B; without B,
/// than by itself. Without `on`, of the geometric mean over all workloads.
public struct Expectation: Sendable, Equatable {
    /// As it was written.
    public let text: String
    /// The name of observer A.
    public let numerator: String
    /// The name of observer B; `none` where only one is written.
    public let denominator: String
    /// `>` is expected, and not `<`.
    public let isGreater: Bool
    /// N, above 0.
    public let bound: Double
    /// Its name; nil: all of the design.
    public let workload: String?

    /// What the interval of the ratio says.
    public enum Verdict: String, Sendable {
        /// The whole interval lies on the side of the bound that was expected; on the other side.
        case supported, refuted
        /// The bound lies within the interval, or there is none.
        case undecided
    }

    /// An expectation, held against an experiment.
    public struct Finding: Sendable {
        /// What was expected.
        public let expectation: Expectation
        /// Over all settings in question; nil where one of them has no block with runs of both.
        public let ratio: Ratio?
        /// What the ratio says of it.
        public let verdict: Verdict
        /// The names of those of both that missed some of what there was to see: they may be faster for it.
        public let lossy: [String]
        /// Why there is no interval to decide by; nil: there is one.
        public var gap: String? {
            guard ratio?.interval == nil else { return nil }
            return ratio == nil
                ? "there are no runs to tell" : "for an interval there have to be \(Cell.leastRuns) blocks"
        }
    }

    /// - Throws: ``DesignError`` that says how it is written.
    public init(_ text: String) throws(DesignError) {
        func misread(_ why: String) -> DesignError {
            DesignError("--expect '\(text)': \(why); it is written OBSERVER[/OBSERVER] > NUMBER [on WORKLOAD]")
        }
        guard let sign = text.firstIndex(where: { $0 == ">" || $0 == "<" }) else { throw misread("there is no > or <") }
        // A name can have a / in it, of bpftrace:/path/FILE: then the one that parts them has spaces around it.
        let head = text[..<sign]
        let names =
            head.contains(" / ")
            ? head.split(separator: " / ").map(Self.trimmed)
            : head.contains("bpftrace:")
                ? [Self.trimmed(head)] : head.split(separator: "/", omittingEmptySubsequences: false).map(Self.trimmed)
        guard (1...2).contains(names.count), names.allSatisfy({ !$0.isEmpty && !$0.contains(" ") }) else {
            throw misread("before \(text[sign]) stand one observer, or two with / between")
        }
        let words = text[text.index(after: sign)...].split(separator: " ")
        guard let number = words.first, let bound = Double(number), bound > 0, bound.isFinite else {
            throw misread("after \(text[sign]) stands a number above 0")
        }
        guard words.count == 1 || words.count == 3 && words[1] == "on" else {
            throw misread("after the number there is only 'on WORKLOAD'")
        }
        self.text = text
        numerator = names[0]
        denominator = names.count > 1 ? names[1] : Observer.none.name
        isGreater = text[sign] == ">"
        self.bound = bound
        workload = words.count == 3 ? String(words[2]) : nil
    }

    private static func trimmed(_ text: Substring) -> String {
        text.split(separator: " ").joined(separator: " ")
    }

    /// What names in it a design does not have.
    public func unknownNames(in design: Design) -> [String] {
        let observers = [numerator, denominator].filter { name in !design.observers.contains { $0.name == name } }
        return observers + [workload].compactMap { $0 }.filter { !design.workloads.contains($0) }
    }

    /// Holds it against an experiment, in all settings of its workload; undecided where runs are missing.
    public func judge(_ comparison: ObserverComparison) -> Finding {
        let settings = comparison.data.design.settings.filter { workload == nil || $0.workload == workload }
        let lossy = [numerator, denominator].filter { name in
            settings.contains { comparison.cell($0, name)?.information.status == .lossy }
        }
        guard let ratio = comparison.ratio(of: numerator, to: denominator, in: settings) else {
            return Finding(expectation: self, ratio: nil, verdict: .undecided, lossy: lossy)
        }
        return Finding(expectation: self, ratio: ratio, verdict: verdict(for: ratio), lossy: lossy)
    }

    func verdict(for ratio: Ratio) -> Verdict {
        guard let interval = ratio.interval, !interval.contains(bound) else { return .undecided }
        return (interval.lower > bound) == isGreater ? .supported : .refuted
    }
}
