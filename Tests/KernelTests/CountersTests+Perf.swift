// SPDX-License-Identifier: Apache-2.0
import BPF
import Glibc
import Testing
import Tracers

/// The kernel's own events, of one run under both.
extension KernelTests.CountersTests {
    static let events = [
        "page-faults", "page-faults:u", "page-faults:k", "minor-faults", "major-faults", "context-switches",
        "cpu-migrations",
    ]

    static let workloads =
        KernelTests.isGuest
        ? [["forks", "5"], ["pipe-ping-pong", "23"]]
        : [
            ["fault", "1000"], ["forks", "10"], ["sleep", "1", "20"], ["tree", "2", "3"], ["pipe-ping-pong", "101"],
            ["page-in", "1"],
        ]

    @Test(.needsPerf, .needsUndisturbed, arguments: workloads)
    func `perf stat of the same run counts the same, to the last one`(workload: [String]) throws {
        let run = try BesidePerf.exact(workload, Self.events, undisturbed: true)
        expectSoundness(run.report.completeness)
        #expect(run.ours == run.theirs, "\(Self.events): \(run.report.completeness.reasons)")
        #expect(run.ours[0] > 100 && run.ours[0] == run.ours[1] + run.ours[2])
        #expect(run.ours[0] == run.ours[3] + run.ours[4])
        // And so does getrusage(2).
        let own = try run.ownSwitches(), children = try run.childrenSwitches()
        let parent = try #require(run.report.processes.first { $0.parentPID == UInt32(getpid()) })
        let ours = Int(parent.counts.events[5].sum.counted), theirs = Int(run.ours[5]) - ours
        #expect(ours == own.all)
        // Of a child it has what comes after its exit, too: nothing until its last switch, or, since 6.16, where
        // perf's counters go first of all, a wait for what it leaves behind.
        let ended = run.report.threads.count + run.report.earlierThreads - 1
        #expect(theirs <= children.all - ended, "\(theirs): \(children)")
        if workload[0] == "pipe-ping-pong", let trips = Int(workload[1]) {
            // A trip is a wait of each, and there is one trip more, after which the child waits for nothing.
            #expect(ours >= trips + 1 && theirs >= trips)
        }
    }

    /// Threads that wander between the CPUs, and are preempted.
    @Test(.needsPerf, arguments: workloads + (KernelTests.isGuest ? [] : [["migrate", "101"], ["preempt", "50"]]))
    func `where others take the CPU perf stat counts the same`(workload: [String]) throws {
        let run = try BesidePerf.exact(workload, Self.events)
        expectSoundness(run.report.completeness)
        #expect(run.ours.prefix(5) == run.theirs.prefix(5), "\(Self.events): \(run.report.completeness.reasons)")
        // One that is preempted between sched_process_exit and where perf's counters go (perf_event_exit_task,
        // before 6.16 between that and its last switch) is told of by one of the two alone: as often as threads
        // end. Nor need both have seen the first move, on its way from the stop to its exec.
        let ended = run.report.threads.count + run.report.earlierThreads
        for event in 5...6 {
            #expect(
                abs(Int(run.ours[event]) - Int(run.theirs[event])) <= ended + 1,
                "\(Self.events[event]): \(run.ours[event]), not \(run.theirs[event])")
        }
    }
}
