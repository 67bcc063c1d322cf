// SPDX-License-Identifier: Apache-2.0
import Linux

/// Where the target and its tracer run.
///
/// At a stop one of them waits for the other. On one CPU the switch between them is direct; on two, an
/// idle CPU has to be woken for each: several times as long. So while one thread of the target is at
/// work, it and we are kept on one CPU; with more, each runs where it likes, as before.
final class Placement {
    enum Policy { case whileAlone, always, never }

    private let policy: Policy
    private let own: CPUSet?
    /// The sets of CPUs that threads had before, by thread; empty: nobody is kept anywhere.
    private var before: [Int32: CPUSet] = [:]
    private var isTogether = false
    /// Threads in a call that reads or sets the set of CPUs: they are to see, and to set, the true one.
    private var suspensions = 0
    /// The CPU that was shared, if ever one was.
    private(set) var sharedCPU: Int?

    init(_ policy: Policy) {
        self.policy = policy
        own = CPUSet(ofThread: 0)
    }

    /// Decides anew. `active`: how many threads do not wait for a child.
    func update(_ tracees: [Int32: Tracee], active: Int) {
        let isWanted: Bool
        switch policy {
        case .whileAlone: isWanted = active <= 1 && suspensions == 0
        case .always: isWanted = suspensions == 0
        case .never: isWanted = false
        }
        if isWanted != isTogether { isWanted ? join(tracees) : part() }
    }

    private func join(_ tracees: [Int32: Tracee]) {
        guard let own, !tracees.isEmpty else { return }
        for tid in tracees.keys { before[tid] = CPUSet(ofThread: tid) }
        // One that all of us may use: best the one where we are.
        let candidates = (sharedCPU.map { [$0] } ?? []) + [CPUSet.currentCPU] + own.all
        let cpu = candidates.first { cpu in own.contains(cpu) && before.values.allSatisfy { $0.contains(cpu) } }
        guard let cpu else { return before.removeAll(keepingCapacity: true) }
        let one = CPUSet(only: cpu)
        for tid in before.keys { one.apply(toThread: tid) }
        one.apply(toThread: 0)
        (isTogether, sharedCPU) = (true, cpu)
    }

    /// Gives every thread its own set of CPUs back, and us ours.
    func part() {
        for (tid, set) in before { set.apply(toThread: tid) }
        before.removeAll(keepingCapacity: true)
        if isTogether { own?.apply(toThread: 0) }
        isTogether = false
    }

    func suspend() {
        suspensions += 1
        part()
    }

    func resume() { suspensions -= 1 }

    /// A new thread has the set of the one that made it.
    func add(_ tid: Int32, madeBy parent: Int32) {
        if isTogether, let set = before[parent] { before[tid] = set }
    }

    func remove(_ tid: Int32) { before[tid] = nil }

    /// An exec gives the thread another number.
    func rename(_ old: Int32, to tid: Int32) {
        if let set = before.removeValue(forKey: old) { before[tid] = set }
    }
}
