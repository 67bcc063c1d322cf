// SPDX-License-Identifier: Apache-2.0
public import Linux

/// One of several runs of a program.
public struct TimedRun: Sendable {
    /// From 1, in the order in which they ran; warm-ups do not count.
    public let number: Int
    /// From its execution to its end, in nanoseconds.
    public let elapsed: UInt64
    /// The same without what its first thread waited for a CPU and was interrupted: what it would have
    /// taken with a CPU of its own. Waits for other threads, which may have been disturbed as well, are in it.
    public let net: UInt64
    /// Of its threads and those of its children, summed.
    public let ledger: Ledger
    /// How the program ended; nil: it is not known.
    public let exit: LaunchedProcess.Exit?

    /// nil: the kernel did not tell of its execution.
    ///
    /// - Parameters:
    ///   - pid: the process that was launched.
    ///   - report: of this run alone.
    public init?(number: Int, pid: Int32, exit: LaunchedProcess.Exit?, report: TimeReport) {
        guard let process = report.processes.first(where: { $0.pid == UInt32(pid) }) else { return nil }
        let first = report.threads.first { $0.pid == process.pid && $0.tid == process.pid }
        let lost = (first?.ledger ?? Ledger()).sum([.preempted, .woken, .irq, .softirq])
        self.init(
            number: number, elapsed: process.elapsed, net: process.elapsed - min(lost, process.elapsed),
            ledger: report.total, exit: exit)
    }

    init(number: Int, elapsed: UInt64, net: UInt64, ledger: Ledger, exit: LaunchedProcess.Exit? = .code(0)) {
        self.number = number
        self.elapsed = elapsed
        self.net = net
        self.ledger = ledger
        self.exit = exit
    }
}

extension TimedRun {
    /// What disturbed a run, or what it had more of than the fastest one.
    public struct Disturbance: Sendable, Equatable {
        /// What took the time.
        public enum Cause: Sendable, Equatable {
            /// Taken from its CPU for another thread.
            case preempted
            /// Woken, and the CPUs were busy.
            case otherLoad
            /// Interrupts, and deferred interrupt work, that struck its threads.
            case interrupts
            /// Pages that were read from a disk.
            case pageIns
            /// Taken to other CPUs more often.
            case migrated
            /// Not from outside: more time in some state.
            case state(ThreadState)
        }

        /// What took the time.
        public let cause: Cause
        /// How much time that took, of a state how much more; nil: that is not known.
        public let nanoseconds: UInt64?
        /// How many more there were, of page-ins and migrations.
        public let count: UInt64?

        /// From outside the program.
        public var isFromOutside: Bool {
            if case .state = cause { return false }
            return true
        }
    }

    /// What took this run's time from outside, and the states that it spent more time in than another, the
    /// most time first.
    ///
    /// - Parameter threshold: nanoseconds; less than that is no disturbance.
    public func disturbances(against fastest: TimedRun, above threshold: UInt64) -> [Disturbance] {
        func more(_ states: ThreadState...) -> UInt64 {
            let (mine, theirs) = (ledger.sum(states), fastest.ledger.sum(states))
            return mine > theirs ? mine - theirs : 0
        }
        var found: [Disturbance] = []
        func take(_ cause: Disturbance.Cause, _ nanoseconds: UInt64) {
            guard nanoseconds > threshold else { return }
            found.append(Disturbance(cause: cause, nanoseconds: nanoseconds, count: nil))
        }
        take(.preempted, ledger[.preempted])
        take(.otherLoad, ledger[.woken])
        take(.interrupts, ledger[.irq] + ledger[.softirq])
        let others: [ThreadState] = [.user, .system, .fault, .unattributed] + ThreadState.blocked
        let hasPageIns = ledger.majorFaults > fastest.ledger.majorFaults
        for state in others where !(hasPageIns && state == .pageFault) { take(.state(state), more(state)) }
        found.sort { $0.nanoseconds ?? 0 > $1.nanoseconds ?? 0 }
        if hasPageIns {
            found.append(
                Disturbance(
                    cause: .pageIns, nanoseconds: more(.pageFault),
                    count: ledger.majorFaults - fastest.ledger.majorFaults))
        }
        if ledger.migrations > fastest.ledger.migrations {
            found.append(
                Disturbance(
                    cause: .migrated, nanoseconds: nil, count: ledger.migrations - fastest.ledger.migrations))
        }
        return found
    }
}
