// SPDX-License-Identifier: Apache-2.0
import CEvents

/// Where the time of a thread went, or of several threads summed. Times are nanoseconds.
public struct Ledger: Sendable {
    /// From first sight to the end; of several threads, the sum. The states partition it.
    public var wall: UInt64 = 0
    private var states = InlineArray<20, UInt64>(repeating: 0)
    /// Of the time in ``ThreadState/other``: by system call, by number; -1: in none; -2: in further ones.
    public var otherWaits: [Int32: UInt64] = [:]
    /// How often it gave up its CPU, to wait or to stop.
    public var voluntarySwitches: UInt64 = 0
    /// How often it was taken off its CPU, and could have run on.
    public var involuntarySwitches: UInt64 = 0
    /// How often it went to another CPU, by the kernel's own count.
    public var migrations: UInt64 = 0
    /// System calls that were seen to begin.
    public var syscalls: UInt64 = 0
    /// Page faults that read nothing from a disk, by the kernel's own count.
    public var minorFaults: UInt64 = 0
    /// Page faults that read from a disk, by the kernel's own count.
    public var majorFaults: UInt64 = 0
    /// How long it waited for a CPU, each time.
    public var runQueueLatency = LatencyHistogram()
    /// CPU times as the kernel accounts for them.
    public var kernelTimes = KernelTimes()
    /// Of interval counting, where that was asked for.
    public var samples = ModeSamples()

    /// Of no thread: all is 0.
    public init() {}

    /// Nanoseconds in a state.
    public subscript(state: ThreadState) -> UInt64 {
        get { states[state.rawValue] }
        set { states[state.rawValue] = newValue }
    }

    /// The sum over some states.
    public func sum(_ some: some Sequence<ThreadState>) -> UInt64 { some.reduce(0) { $0 &+ self[$1] } }

    /// Time on a CPU, the interrupts that struck included.
    public var onCPU: UInt64 { sum([.user, .system, .fault, .irq, .softirq]) }
    /// Time ready to run, and waiting for a CPU.
    public var runnable: UInt64 { self[.preempted] + self[.woken] }
    /// Time off the CPU until it was woken, whatever it waited for.
    public var blocked: UInt64 { sum(ThreadState.blocked) }

    /// What the states leave unexplained. Zero unless something is wrong.
    public var residual: Int64 { Int64(bitPattern: wall &- sum(ThreadState.allCases)) }

    /// Adds all times and counts of another.
    public static func += (sum: inout Ledger, other: Ledger) {
        sum.combine(other, &+)
        sum.runQueueLatency.add(other.runQueueLatency)
    }

    /// What has been added since an earlier reading of the same threads.
    public func since(_ earlier: Ledger) -> Ledger {
        var difference = self
        difference.combine(earlier, &-)
        difference.settle()
        difference.otherWaits = difference.otherWaits.filter { $0.value != 0 }
        difference.runQueueLatency = runQueueLatency.since(earlier.runQueueLatency)
        return difference
    }

    /// A thread that is read while a program has taken the time and not yet charged it gives some
    /// nanoseconds too many to the state that ends; the next reading has fewer. What a difference
    /// lacks in one state is taken from its largest, so that it balances and no time is negative.
    private mutating func settle() {
        for state in ThreadState.allCases where Int64(bitPattern: self[state]) < 0 {
            guard
                let largest = ThreadState.allCases.max(by: {
                    Int64(bitPattern: self[$0]) < Int64(bitPattern: self[$1])
                })
            else { return }
            self[largest] &+= self[state]
            self[state] = 0
        }
        for (call, ns) in otherWaits where Int64(bitPattern: ns) < 0 { otherWaits[call] = nil }
    }

    private mutating func combine(_ other: Ledger, _ with: (UInt64, UInt64) -> UInt64) {
        wall = with(wall, other.wall)
        for index in 0..<states.count { states[index] = with(states[index], other.states[index]) }
        for (call, ns) in other.otherWaits { otherWaits[call] = with(otherWaits[call] ?? 0, ns) }
        for field: WritableKeyPath<Ledger, UInt64> in [
            \.voluntarySwitches, \.involuntarySwitches, \.migrations, \.syscalls, \.minorFaults, \.majorFaults,
            \.kernelTimes.user, \.kernelTimes.system, \.kernelTimes.runtime,
            \.samples.user, \.samples.system,
        ] {
            self[keyPath: field] = with(self[keyPath: field], other[keyPath: field])
        }
    }
}

/// What the kernel's own accounting says, in nanoseconds (`utime`, `stime` and
/// `se.sum_exec_runtime` of `struct task_struct`), since the thread was seen first.
public struct KernelTimes: Sendable, Equatable {
    /// Raw: with tick accounting, whole ticks that found it in user mode.
    public var user: UInt64 = 0
    /// Raw: with tick accounting, whole ticks that found it in the kernel.
    public var system: UInt64 = 0
    /// Exact: measured by the scheduler at each switch, and up to date at the last one.
    public var runtime: UInt64 = 0

    /// Nothing accounted for.
    public init() {}

    /// As getrusage(2) and /proc show it: the exact run time in the proportion of the ticks
    /// (`cputime_adjust`, kernel/sched/cputime.c). If no tick fell in the kernel all is user time.
    public var adjusted: (user: UInt64, system: UInt64) {
        guard system > 0 else { return (runtime, 0) }
        guard user > 0 else { return (0, runtime) }
        let (high, low) = system.multipliedFullWidth(by: runtime)
        let sum = user + system
        let adjustedSystem = high < sum ? sum.dividingFullWidth((high, low)).quotient : runtime
        return (runtime - min(adjustedSystem, runtime), min(adjustedSystem, runtime))
    }
}
