// SPDX-License-Identifier: Apache-2.0
import Glibc
import Linux
import Statistics
import Testing

@testable import Tracers

extension KernelTests {
    @Suite(.needs(.tracing, .btf)) struct ClockTests {
        /// Clocksources that the vDSO of x86 can read (arch/x86/include/asm/vdso/clocksource.h).
        static let isInVDSO = ["tsc", "kvm-clock", "hyperv_clocksource_tsc_page"].contains(
            Procfs.text("/sys/devices/system/clocksource/clocksource0/current_clocksource") ?? "")

        @Test(arguments: [
            (ReadableClock.systemCall, true), (.threadCPU, true), (.processCPU, true), (.getrusage, true),
            (.monotonic, !Self.isInVDSO), (.gettimeofday, !Self.isInVDSO), (.monotonicCoarse, false),
            (.rdtsc, false),
        ])
        func `each reading that is a system call is counted, and no other`(clock: ReadableClock, isCall: Bool) throws {
            let tracer = try ClockTracer.start()
            let calls = try tracer.syscalls { for _ in 0..<53 { _ = clock.read() } }
            #expect(calls == (isCall ? 53 : 0))
        }

        @Test func `a sleep is a disturbance, and another thread's is not`() throws {
            let tracer = try ClockTracer.start()
            let before = try tracer.disturbances()
            usleep(2_000)
            let after = try tracer.disturbances()
            #expect(after > before)
        }

        @Test func `every clock of this machine is measured`() throws {
            let allowed = try #require(CPUSet(ofThread: 0))
            let repetition = try #require(KBest(count: 3, within: 0.01, limit: 20))
            let report = try ClockExamination.run(.init(repetition: repetition))
            #expect(CPUSet(ofThread: 0) == allowed)
            expectSoundness(report.completeness)
            #expect(report.rows.map(\.source) == TimeSource.allCases)
            #expect(report.observer.runCount > 0)

            func row(_ source: TimeSource) throws -> ClockReport.Row {
                let row = try #require(report.rows.first { $0.source == source })
                #expect(row.unavailable == nil, "\(source)")
                return row
            }
            // 5.10 has neither helper, 6.1 and later have both.
            for row in report.rows where row.unavailable != nil {
                #expect([TimeSource.bpfCoarse, .bpfTAI].contains(row.source), "\(row)")
            }
            for row in report.rows where row.unavailable == nil {
                // An emulated CPU is interrupted often, and long.
                guard let cost = row.cost else {
                    #expect(KernelTests.isGuest, "\(row.source) was never undisturbed")
                    continue
                }
                #expect(cost.nanoseconds > 0.1 && cost.reads > 0)
                #expect(cost.runs <= 20 && (cost.disturbed ?? 0) < cost.runs)
                #expect(cost.isConverged == (cost.spread.map { $0 <= 0.01 } ?? false))
                // A coarse clock's step is seen within one run of a program alone; an emulated CPU has few of those.
                let isSeen = row.source != .systemCall && !(KernelTests.isGuest && row.source == .bpfCoarse)
                if isSeen { #expect((row.resolution ?? 0) > 0, "\(row.source)") }
            }
            #expect(try row(.rdtsc).way == .instruction)
            #expect(try row(.monotonic).way == (Self.isInVDSO ? .vdso : .systemCall))
            #expect(try row(.threadCPU).way == .systemCall)
            #expect(try row(.systemCall).way == .systemCall)
            #expect(try row(.bpf).way == .helper)
            #expect(try row(.systemCall).resolution == nil)
            // Coarse clocks move with the tick; one that is late moves them by several.
            let step = try #require(try row(.monotonicCoarse).resolution)
            #expect(step > 0.99 * Double(Clock.tick))
            if let step = report.rows.first(where: { $0.source == .bpfCoarse })?.resolution {
                #expect(step > 0.99 * Double(Clock.tick))
            }
            if allowed.all.count > 1 {
                for source in [TimeSource.monotonic, .monotonicRaw, .boottime] {
                    let across = try #require(try row(source).acrossCPUs)
                    #expect(across.isMonotonic && across.pairs == allowed.all.count - 1, "\(across)")
                    #expect(across.readings > 0 || KernelTests.isGuest, "\(across)")
                }
            }
            #expect(try row(.threadCPU).acrossCPUs == nil)
            let counter = try #require(report.counter)
            #expect(counter.hertz > 1e8 && counter.errorHertz < counter.hertz / 1_000)
            #expect(counter.over >= 200_000_000)
        }
    }
}
