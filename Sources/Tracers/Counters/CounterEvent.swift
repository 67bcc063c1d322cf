// SPDX-License-Identifier: Apache-2.0
public import Linux

/// An event to count, under the name that it was asked for by.
public struct CounterEvent: Sendable, Equatable {
    /// As the user wrote it, with its modifier: `cycles:u`.
    public let name: String
    /// Without modifier, and the first of its names where it has several: `cpu-clock`, `cycles`.
    public let canonicalName: String
    /// How it is counted.
    public let source: Source
    /// Which modes were asked for: both, but for `:u` or `:k`.
    public let modes: Set<Mode>
    /// Events of one number are counted together or not at all; nil: on its own.
    public let group: Int?

    /// Where a thread is when something happens.
    public enum Mode: Sendable, Hashable, CaseIterable {
        /// In the program's own code; in the kernel: in calls, and what strikes it.
        case user, kernel
    }

    /// How its counts are had, exact in each way for the thread that they are charged to.
    public enum Source: Sendable, Equatable {
        /// The time on a CPU, between switches.
        case clock
        /// The kernel's own count of the thread's switches. (The perf event counts a switch after the
        /// tracepoint of it, when the next thread is being charged already.)
        case switches
        /// Counters that the kernel keeps for what it does itself, without limit of number: one that
        /// leaves out the kernel and one that leaves out user mode, read at switches alone.
        case software(PerfEventAttributes)
        /// A counter that goes on by itself: read wherever the mode changes.
        case counter(PerfEventAttributes)
    }

    /// Whether it is a time, in nanoseconds.
    public var isTime: Bool { source == .clock }

    /// Whether it takes a counter of the hardware, of which there are few.
    var isCounter: Bool { if case .counter = source { true } else { false } }

    /// Has to be charged whenever the mode changes.
    var needsModeChanges: Bool { isCounter || source == .clock }
}

/// Why a list of events is wrong, in one line that names what is near.
public struct CounterEventError: Error, Sendable, CustomStringConvertible {
    /// The whole line.
    public let description: String

    init(_ description: String) { self.description = description }

    init(unknown name: String, as what: String, among known: [String], hint: String = "") {
        let near = nearest(to: name, among: known)
        description =
            "\(what) '\(name)'"
            + (near.isEmpty ? hint : "; did you mean " + near.joined(separator: ", ") + "?")
    }
}

/// Up to three names that are written much the same, the nearest first.
func nearest(to name: String, among known: [String]) -> [String] {
    let wanted = Array(name.lowercased())
    let limit = max(2, wanted.count / 3)
    let close = known.compactMap { candidate -> (distance: Int, length: Int, name: String)? in
        let other = Array(candidate.lowercased())
        // Its beginning is as good as a slip, another part of it as two; of those the shortest name is the nearest.
        if wanted.count >= 3 && other.starts(with: wanted) { return (1, other.count, candidate) }
        if wanted.count >= 3 && candidate.lowercased().contains(name.lowercased()) {
            return (2, other.count, candidate)
        }
        let distance = editDistance(wanted, other)
        return distance <= limit && distance < wanted.count ? (distance, 0, candidate) : nil
    }
    return close.sorted { ($0.distance, $0.length, $0.name) < ($1.distance, $1.length, $1.name) }.prefix(3).map(\.name)
}

/// Insertions, deletions and exchanges of a character, and of two neighbours (optimal string alignment).
func editDistance(_ one: [Character], _ other: [Character]) -> Int {
    var before: [Int] = []
    var last = Array(0...other.count)
    for (i, a) in one.enumerated() {
        var row = [i + 1]
        for (j, b) in other.enumerated() {
            var best = min(last[j + 1] + 1, row[j] + 1, last[j] + (a == b ? 0 : 1))
            if i > 0, j > 0, a == other[j - 1], one[i - 1] == b { best = min(best, before[j - 1] + 1) }
            row.append(best)
        }
        (before, last) = (last, row)
    }
    return last[other.count]
}
