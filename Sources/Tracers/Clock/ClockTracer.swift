// SPDX-License-Identifier: Apache-2.0
import BPF
import BPFObjects
import CEvents

/// The programs of `bpf/clock.bpf.c`: what strikes the thread that measures, which of its readings are
/// system calls, and BPF's own clocks. The thread that starts it is the one that it is about.
///
/// A class, as Swift cannot yet borrow a noncopyable optional.
final class ClockTracer {
    private let object: Object
    private let links: Links

    static func start() throws(BPFError) -> ClockTracer {
        // The array is static, so its bytes outlive the call.
        let opened = try OpenObject(
            name: "clock",
            bytes: UnsafeRawBufferPointer(start: apus_clock_object.bytes, count: apus_clock_object.size))
        for interrupt in interrupts where !Feature.hasTracepoint(interrupt) { try opened.omit(program: interrupt) }
        for (feature, helper) in [(Feature.coarseClock, "ktime_get_coarse_ns"), (.taiClock, "ktime_get_tai_ns")]
        where !feature.isAvailable {
            try opened.omit(program: "read_\(helper)")
            try opened.omit(program: "step_\(helper)")
        }
        let object = try opened.load()
        try object.call("introduce")
        var links = Links()
        for program in ["sched_switch", "softirq_entry"] + interrupts where object.programs.contains(program) {
            try links.attach(program, of: object)
        }
        return ClockTracer(object: object, links: links)
    }

    /// Tracepoints that a kernel can be built without.
    private static let interrupts = [
        "irq_handler_entry", "local_timer_entry", "reschedule_entry", "call_function_entry",
        "call_function_single_entry", "irq_work_entry",
    ]

    private init(object: consuming Object, links: consuming Links) {
        self.object = object
        self.links = links
    }

    /// Context switches, interrupts and deferred interrupt work that struck the thread so far. Read
    /// from mapped memory, without a system call.
    func disturbances() throws(BPFError) -> UInt64 {
        let counts = try object.value(of: "counts", as: clock_counts.self)
        return counts.switches + counts.interrupts + counts.softirqs
    }

    /// How many system calls the thread makes meanwhile.
    func syscalls(during body: () -> Void) throws(BPFError) -> UInt64 {
        let link = try object.attach("sys_enter")
        let before = try object.value(of: "counts", as: clock_counts.self).syscalls
        body()
        let after = try object.value(of: "counts", as: clock_counts.self).syscalls
        _ = consume link
        return after - before
    }

    func has(helper: String) -> Bool { object.programs.contains("read_\(helper)") }

    /// Reads a clock of BPF's, `calls` times ``CLOCK_READS`` times. Nanoseconds for all of them.
    func readLoop(helper: String, calls: Int) throws(BPFError) -> UInt64 {
        try object.set("readings", to: clock_readings())
        for _ in 0..<calls { try object.call("read_\(helper)") }
        return try object.value(of: "readings", as: clock_readings.self).elapsed_ns
    }

    /// The smallest step of a clock of BPF's in so many calls, nil: it did not move.
    func step(helper: String, while goesOn: (UInt64) -> Bool) throws(BPFError) -> UInt64? {
        try object.set("readings", to: clock_readings())
        var step: UInt64 = 0
        repeat {
            try object.call("step_\(helper)")
            step = try object.value(of: "readings", as: clock_readings.self).step_ns
        } while goesOn(step)
        return step > 0 ? step : nil
    }

    func takeCost(_ cost: inout ObserverCost, _ completeness: inout Completeness) throws(BPFError) {
        let statistics = try object.statistics()
        cost.runCount = try object.value(of: "runs", as: UInt64.self)
        cost.untimedReason = "its programs are not timed: that would disturb what it measures"
        // Programs that are called read their clock often, and on purpose: they are not in the count.
        completeness.takeSkippedRuns(statistics)
    }
}
