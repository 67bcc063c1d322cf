// SPDX-License-Identifier: Apache-2.0
import CEvents
import Glibc
import Synchronization

/// Reading a thread's ledger out of the kernel's memory, `struct time_thread` of `bpf/time.h`.
extension ThreadLedger {
    /// Copies a ledger that programs may be writing. False: it changed meanwhile, try again.
    ///
    /// Its books prove that it was read whole: charged time equals the time since it was seen first.
    /// An update adds to a state before it moves `since_ns`, so a copy with parts from before and
    /// after one does not balance.
    static func copy(_ shared: UnsafeMutablePointer<time_thread>, to copy: UnsafeMutablePointer<time_thread>) -> Bool {
        let raw = UnsafeRawPointer(shared)
        // since_ns is the first field, aligned, and written by the kernel as one word.
        let since = raw.assumingMemoryBound(to: Atomic<UInt64>.self)
        let before = since.pointee.load(ordering: .acquiring)
        memcpy(copy, raw, MemoryLayout<time_thread>.size)
        atomicMemoryFence(ordering: .acquiring)
        guard since.pointee.load(ordering: .relaxed) == before, copy.pointee.since_ns == before else { return false }
        var charged = copy.pointee.stolen_ns
        for state in ThreadState.allCases where state != .irq && state != .softirq { charged &+= copy.time(in: state) }
        return charged == before &- copy.pointee.first_ns
    }

    /// Makes the value of a copied ledger. nil: the slot is free.
    ///
    /// - Parameters:
    ///   - now: CLOCK_MONOTONIC after it was copied, the end of the interval that is open.
    ///   - boundary: what of each system call, in nanoseconds, was charged as user time.
    init?(_ copy: UnsafeMutablePointer<time_thread>, now: UInt64, boundary: UInt64) {
        let kernel = copy.pointee
        guard kernel.life != THREAD_FREE.rawValue else { return nil }
        isAlive = kernel.life == THREAD_ALIVE.rawValue
        pid = kernel.pid
        tid = kernel.tid
        parentPID = kernel.parent_pid
        command = withUnsafeBytes(of: kernel.command) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
        processStart = kernel.process_start_ns
        first = kernel.first_ns
        end = isAlive ? max(now, kernel.since_ns) : kernel.since_ns

        var ledger = Ledger()
        ledger.wall = end - first
        for state in ThreadState.allCases { ledger[state] = copy.time(in: state) }
        for other in copy.others where other.ns > 0 { ledger.otherWaits[other.syscall, default: 0] += other.ns }

        // The open interval, less what interrupts took of it; those are in their states already.
        let stolen = ledger[.irq] &+ ledger[.softirq] &- kernel.stolen_ns
        let open = end &- kernel.since_ns &- stolen
        var state = ThreadState(rawValue: Int(kernel.state)) ?? .unattributed
        var call = copy.others[Int(kernel.other) % copy.others.count].syscall
        if state == .unattributed, let blocked = ThreadState(rawValue: Int(kernel.blocked_in)), blocked != .user {
            state = blocked
            call = kernel.blocked_syscall
        }
        if isAlive {
            ledger[state] &+= open
            if state == .other && open > 0 { ledger.otherWaits[call, default: 0] += open }
        } else {
            // Interrupts between the last charge and the end: none, they are off there.
            ledger[.system] &+= open
        }

        ledger.voluntarySwitches = kernel.voluntary_switches
        ledger.involuntarySwitches = kernel.involuntary_switches
        ledger.syscalls = kernel.syscalls
        let inKernel = min(ledger[.user], kernel.syscalls &* boundary)
        ledger[.user] -= inKernel
        ledger[.system] += inKernel
        let (now, first) = (kernel.counts, kernel.at_first)
        ledger.migrations = now.migrations &- first.migrations
        ledger.minorFaults = now.minor_faults &- first.minor_faults
        ledger.majorFaults = now.major_faults &- first.major_faults
        ledger.kernelTimes.user = now.utime_ns &- first.utime_ns
        ledger.kernelTimes.system = now.stime_ns &- first.stime_ns
        ledger.kernelTimes.runtime = now.runtime_ns &- first.runtime_ns
        ledger.samples.user = kernel.user_samples
        ledger.samples.system = kernel.system_samples
        ledger.runQueueLatency = withUnsafeBytes(of: kernel.latency) {
            LatencyHistogram(counts: $0.bindMemory(to: UInt32.self), max: kernel.latency_max_ns)
        }
        self.ledger = ledger
    }
}

/// C arrays are tuples in Swift; these read them as arrays. The pointer is to a whole value.
extension UnsafeMutablePointer<time_thread> {
    func time(in state: ThreadState) -> UInt64 {
        withUnsafeBytes(of: &pointee.ns) { $0.loadUnaligned(fromByteOffset: 8 * state.rawValue, as: UInt64.self) }
    }

    var others: [time_other] {
        withUnsafeBytes(of: &pointee.others) { Array($0.bindMemory(to: time_other.self)) }
    }
}
