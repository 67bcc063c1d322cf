// SPDX-License-Identifier: Apache-2.0
import BPF
import CEvents
import Glibc
import Linux

/// The way into the kernel and out of it.
extension TimeTracer {
    /// What a system call costs before its first program reads the clock, and after its last one has,
    /// in nanoseconds: entering the kernel, finding the tracepoint, and the same on the way back.
    ///
    /// No hook is there, so a ledger has it as user time. It is measured on this thread, which has a
    /// ledger for the moment: all user time of one that makes system calls and nothing else is that. The
    /// fastest of some rounds; in programs that leave the caches colder it is more, so that it is a
    /// lower bound.
    borrowing func measureBoundary() throws(BPFError) -> UInt64 {
        try table.object.set("measured_tid", to: UInt32(Host.threadID))
        guard let slot = try measuredSlot() else {
            try table.object.set("measured_tid", to: UInt32(0))
            return 0
        }
        var fastest = UInt64.max
        let begin = Clock.monotonic
        for round in 0..<20 where round < 4 || Clock.monotonic - begin < 500_000 {
            let before = userTime(slot)
            for _ in 0..<64 { getppid() }
            fastest = min(fastest, (userTime(slot) - before) / 64)
        }
        _ = try measuredSlot()
        try table.object.set("measured_tid", to: UInt32(0))
        threads.withValue(Int(slot)) { _ = memset($0, 0, MemoryLayout<time_thread>.size) }
        try table.free(slot)
        return fastest
    }

    /// Gives this thread a ledger, or takes it away. nil: the kernel did not list it.
    private borrowing func measuredSlot() throws(BPFError) -> UInt32? {
        try table.living().first.flatMap { $0 > 0 ? $0 : nil }
    }

    private borrowing func userTime(_ slot: UInt32) -> UInt64 {
        threads.withValue(Int(slot)) { $0.time(in: .user) }
    }
}
