// SPDX-License-Identifier: Apache-2.0
import CEvents
public import Linux
public import Tracers

extension PtraceObserver {
    /// At which calls a thread stops.
    public enum Stops: Sendable, Equatable {
        /// At each, entry and return.
        case everyCall
        /// At those that are asked for, by a filter in the program: ``Options/seccompFilter``. For a program
        /// that is launched. The filter stays with it, so it is observed to its end: see
        /// ``PtraceObserver/relay(until:)``.
        case wantedCalls
    }

    /// Whether the target and this process are kept on one CPU, which makes stops several times faster.
    public enum Sharing: String, Sendable, CaseIterable {
        /// While no more than one of the target's threads is at work.
        case whileAlone = "auto"
        /// Always, however many of them are at work; or never.
        case always, never
    }

    /// What is observed, and how.
    public struct Options: Sendable {
        /// What is observed, as for the observer in the kernel; what concerns its buffer is of no use here.
        public var common: SyscallTracer.Options
        /// At which calls threads of the target stop.
        public var stops: Stops
        /// Whether the target and this process share a CPU; with ``Stops/wantedCalls``, `whileAlone` is `never`.
        public var sharing = Sharing.whileAlone

        /// - Parameters:
        ///   - common: what is observed.
        ///   - stops: with ``Stops/wantedCalls`` the program is to be launched under ``seccompFilter``.
        public init(_ common: SyscallTracer.Options, stops: Stops = .everyCall) {
            self.common = common
            self.stops = stops
        }

        var seesAll: Bool { stops == .everyCall }

        /// What is captured of calls: nothing where they are summed, but paths to filter by.
        var rules: [syscall_rules] {
            common.result == .records || !common.filter.patterns.isEmpty ? SyscallRules.table : []
        }

        /// What a program is to be launched under for ``Stops/wantedCalls``; nil: nothing.
        public var seccompFilter: SeccompFilter? {
            guard !seesAll else { return nil }
            let filter = common.filter
            let count = Int(SYSCALL_NUMBERS)
            // Besides: by its exec a program begins to be observed, and a call can be made again by another.
            var others = ["execve", "execveat", "restart_syscall"].compactMap(SyscallTable.number)
            if sharing == .always { others += PtraceObserver.placing }
            return SeccompFilter(
                tracing: Set(others + (0..<count).filter { filter.contains(key: $0) }),
                compat: Set((0..<count).filter { filter.contains(key: count + $0) }),
                others: filter.contains(key: count - 1))
        }
    }
}
