// SPDX-License-Identifier: Apache-2.0
import CEvents
import Testing

@testable import Linux
@testable import Tracers

@Suite struct CounterEventTests {
    @Test func `lists are read as perf writes them`() throws {
        let events = try CounterEvent.parse(["cycles:u,{instructions,cs}:k", "r1a8,L1-dcache-load-misses,faults"])
        #expect(
            events.map(\.name)
                == ["cycles:u", "instructions:k", "cs:k", "r1a8", "L1-dcache-load-misses", "faults"])
        #expect(
            events.map(\.canonicalName)
                == ["cycles", "instructions", "context-switches", "r1a8", "L1-dcache-load-misses", "page-faults"])
        #expect(events.map(\.modes) == [[.user], [.kernel], [.kernel]] + Array(repeating: [.user, .kernel], count: 3))
        #expect(events.map(\.group) == [nil, 1, 1, nil, nil, nil])
        #expect(events[3].source == .counter(PerfEventAttributes(type: 4, config: 0x1a8)))
        // PERF_COUNT_HW_CACHE_L1D, _OP_READ, _RESULT_MISS.
        #expect(events[4].source == .counter(PerfEventAttributes(type: 3, config: 0x10000)))
        #expect(events[5].source == .software(PerfEventAttributes(type: 1, config: 2)))
        #expect(
            try CounterEvent.parse(["LLC-stores"])[0].source == .counter(PerfEventAttributes(type: 3, config: 0x102)))
    }

    @Test(arguments: [
        ("cycels", "did you mean cycles"), ("page-fault", "page-faults"), ("branch-miss", "branch-misses"),
        ("qqqqqqqq", "perf list"), ("cycles:z", "u (user mode)"), ("cycles:", "no modifier"), ("{cycles", "no }"),
        ("", "without a name"), ("cycles,,cs", "without a name"), ("cycles}", "too much"), ("{cycles}x", "comma"),
        ("nosuchpmu/config=1/", "no event source"), ("msr/tsc", "is no event"), ("rxyz", "no event"),
    ])
    func `what is wrong is named, with what is near`(list: String, reason: String) {
        let error = #expect(throws: CounterEventError.self) { try CounterEvent.parse([list]) }
        #expect(error?.description.contains(reason) == true, "\(error?.description ?? "")")
        #expect(error?.description.contains("\n") == false)
    }

    @Test func `a slip costs one`() {
        #expect(editDistance(Array("cycles"), Array("cycels")) == 1)
        #expect(editDistance(Array("cycles"), Array("cycle")) == 1)
        #expect(editDistance(Array(""), Array("abc")) == 3)
        #expect(nearest(to: "L1-dcache", among: Array(CounterNames.all.keys)).allSatisfy { $0.hasPrefix("L1-dcache") })
        #expect(nearest(to: "a", among: ["cs"]).isEmpty)
    }

    @Test func `terms go into the bits that sysfs names`() throws {
        var attributes = PerfEventAttributes(type: 4, config: 0)
        let split = try #require(EventSource.Field(term: "event", format: "config:0-7,32-35"))
        #expect(attributes.set(split, to: 0x5c3) && attributes.config == 0x5_0000_00c3)
        let fits = attributes.set(split, to: 0x1000)
        #expect(!fits)
        let flag = try #require(EventSource.Field(term: "any", format: "config1:21"))
        #expect(attributes.set(flag, to: 1) && attributes.config1 == 1 << 21)
        #expect(EventSource.Field(term: "config2", format: nil)?.bits.count == 64)
        #expect(EventSource.Field(term: "bad", format: nil) == nil)
        #expect(EventSource.Field(term: "bad", format: "config:70") == nil)
        #expect(CPUs.list("0-2,5") == [0, 1, 2, 5] && CPUs.list("").isEmpty)
    }
}

@Suite struct CountTests {
    @Test func `a count is scaled by enabled over running`() {
        #expect(Count(counted: 100, enabled: 10, running: 10).estimate == 100)
        #expect(Count(counted: 100, enabled: 10, running: 5).estimate == 200)
        #expect(Count(counted: 0, enabled: 10, running: 0).estimate == nil)
        // It was never wanted: nothing happened.
        #expect(Count().estimate == 0)
    }

    @Test func `modes are scaled each by itself, and add up`() {
        var count = EventCount()
        #expect(count.total == nil)
        count.user = Count(counted: 100, enabled: 40, running: 20)
        count.kernel = Count(counted: 30, enabled: 10, running: 10)
        #expect(count.total == 230 && count.percentRunning == 60)
        #expect(count.sum.isScaled)
        // A mode that never had the counter: both together, as perf does it.
        count.kernel = Count(counted: 0, enabled: 10, running: 0)
        #expect(count.total == 250)
        #expect((count + count).total == 500 && count + count - count == count)
    }

    @Test func `the layout is that of the programs`() {
        #expect(MemoryLayout<counters_thread>.size % 128 == 64)
        #expect(MemoryLayout<counters_thread>.offset(of: \.ns) == 16)
        #expect(MemoryLayout<counters_event>.stride == 48)
        #expect(MemoryLayout<counters_sum>.offset(of: \.running_ns) == 16)
        #expect(MemoryLayout<counters_read>.stride == 4)
        #expect(MemoryLayout<counters_base>.offset(of: \.at) == 16)
    }
}
