// SPDX-License-Identifier: Apache-2.0
import Glibc
import Linux
import Testing
import Tracers

/// Interval counting beside the ledger, of the same threads.
extension KernelTests {
    @Suite(.needs(.tracing, .btf, .ringBuffer, .taskIterator)) struct SamplingTests {
        /// On an emulated CPU timers come as late as the host is busy, and then strokes are lost, which is
        /// told: how many samples there are says nothing there, only where they go.
        static func expectComplete(_ report: TimeReport, sourceLocation: SourceLocation = #_sourceLocation) throws {
            let sampling = try #require(report.sampling, sourceLocation: sourceLocation)
            #expect(sampling.gaps.isEmpty == (sampling.missed == 0), sourceLocation: sourceLocation)
            // What the ledger measures is none the less for it.
            #expect(!report.completeness.reasons.contains { $0.contains("samples") }, sourceLocation: sourceLocation)
            #expect(sampling.taken > 0, sourceLocation: sourceLocation)
            if KernelTests.isGuest { return }
            let allowed = max(0.05 * Double(sampling.taken), 10)
            #expect(Double(sampling.missed) <= allowed, "\(sampling)", sourceLocation: sourceLocation)
        }

        @Test(arguments: [false, true])
        func `samples come at the rate asked for, and find the thread that runs`(isJittered: Bool) throws {
            var run: ObservedWorkload
            var tries = 0
            // What a host takes from a virtual machine takes strokes with it, which is told: a quiet run decides.
            repeat {
                run = try ObservedWorkload("spin", "1000") {
                    $0.sampling = .init(rate: 499, isJittered: isJittered)
                }
                tries += 1
            } while !KernelTests.isGuest && tries < 3 && run.report.sampling?.missed != 0
            try Self.expectComplete(run.report)
            let sampling = try #require(run.report.sampling)
            #expect(sampling.cpus == sysconf(Int32(_SC_NPROCESSORS_ONLN)))

            let ledger = try run.process().ledger
            let accounts = run.report.accounts(of: ledger)
            let onCPU = try #require(accounts.first { $0.mode == .onCPU })
            let count = Double(try #require(onCPU.sampled).count)
            // Each interval at random: the number in a second varies by 10 (of a renewal process with
            // intervals from 1/4 to 7/4 of the mean the variance is 499 × 3/16).
            // Each span on a CPU between two switches begins and ends between two samples.
            let switches = ledger.involuntarySwitches + ledger.voluntarySwitches
            let margin = (isJittered ? 45 : 4) + switches / 2
            let expected = 499 * Double(ledger.onCPU) / 1e9
            if KernelTests.isGuest {
                #expect(count < expected + Double(margin))
            } else {
                let slack = max(0.01 * expected, Double(margin))
                #expect(count <= expected + slack, "\(count) of \(expected)")
                #expect(count + Double(sampling.missed) >= expected - slack, "\(count) of \(expected): \(sampling)")
            }
            #expect(count > 0 && UInt64(count) <= sampling.taken)
            #expect(Double(ledger.samples.user) >= (KernelTests.isGuest ? 0.5 : 0.9) * count)
        }

        @Test(arguments: [false, true])
        func `user and system time are told apart by where samples land`(isJittered: Bool) throws {
            let run = try ObservedWorkload("split", "1000", "900", "400") {
                $0.sampling = .init(rate: 997, isJittered: isJittered)
            }
            let ledger = try run.process().ledger
            let samples = ledger.samples
            let all = Double(samples.user + samples.system)
            #expect(samples.user > 0 && samples.system > 0)
            if KernelTests.isGuest { return }
            #expect(all > 100)
            let system = Double(ledger[.system] + ledger[.fault]) / Double(ledger.onCPU)
            // Five standard errors, and what a page fault is to either: the work repeats itself after 1.3
            // intervals, so that samples hang together, and tell less than as many independent ones.
            let margin = 5 * (system * (1 - system) / all).squareRoot() + 0.02
            #expect(abs(Double(samples.system) / all - system) < margin, "\(samples) against \(system)")
        }

        @Test func `the samples of children and of threads are their own`() throws {
            let threads = try ObservedWorkload("spin", "200", "3") { $0.sampling = .init(rate: 997, isJittered: true) }
            #expect(threads.report.threads.count == 3)
            let least: UInt64 = KernelTests.isGuest ? 0 : 20
            for thread in threads.report.threads { #expect(thread.ledger.samples.user > least, "\(thread)") }
            let tree = try ObservedWorkload("preempt", "200") { $0.sampling = .init(rate: 997) }
            #expect(tree.report.processes.count == 2)
            for process in tree.report.processes { #expect(process.ledger.samples.user > least, "\(process)") }
            let sum = tree.report.threads.reduce(0) { $0 + $1.ledger.samples.user + $1.ledger.samples.system }
            #expect(sum == tree.report.total.samples.user + tree.report.total.samples.system)
            #expect(sum <= (try #require(tree.report.sampling)).taken)
        }

        @Test func `without being asked nothing is sampled`() throws {
            let run = try ObservedWorkload("spin", "50")
            #expect(run.report.sampling == nil && run.report.total.samples == ModeSamples())
            #expect(
                run.report.accounts(of: run.report.total).allSatisfy { $0.sampled == nil && $0.sampledAgrees == nil })
        }

        @Test func `a rate beyond what the kernel allows is refused with the limit`() {
            for (rate, isJittered) in [(0, false), (-1, false), (10_000_000, false), (SamplingClock.maxRate, true)] {
                #expect(throws: TracerError.self) {
                    var options = TimeTracer.Options(target: .launched)
                    options.sampling = .init(rate: rate, isJittered: isJittered)
                    _ = try TimeTracer.start(options)
                }
            }
        }

        /// The experiment: work that begins after each tick and is over before the next. A fixed period as
        /// long as the tick always meets it, or never, by where it began; only if it began at the very
        /// edge of the work is it something between, so that it is tried again. Random intervals measure it.
        @Test(.enabled(if: !KernelTests.isGuest, "an emulated CPU has no regular tick"))
        func `work in step with the tick deceives a fixed period, not a random one and not the ledger`() throws {
            let rate = Int(1_000_000_000 / Clock.tick)
            var fixed: TimeAccount?
            for _ in 0..<3 where fixed?.sampledAgrees != false {
                fixed = try Self.dodge(.init(rate: rate)).account
            }
            let deceived = try #require(fixed?.sampled)
            #expect(fixed?.sampledAgrees == false, "\(deceived) of \(fixed?.exact ?? 0)")
            let worked = Double(fixed?.exact ?? 0)
            #expect(abs(Double(deceived.time) - worked) > 0.2 * worked, "\(deceived) of \(worked)")

            // One run of twenty is out of a 95 % interval by chance.
            var random: TimeAccount?
            var missed: UInt64 = 0
            for _ in 0..<5 where random?.sampledAgrees != true {
                let run = try Self.dodge(.init(rate: 2 * rate, isJittered: true))
                (random, missed) = (run.account, run.sampling.missed)
            }
            let measured = try #require(random?.sampled)
            // A virtual CPU gets some strokes late or not at all, which is told.
            #expect(
                random?.sampledAgrees == true || missed > 0, "\(measured) of \(random?.exact ?? 0), \(missed) missed")
            let gap = Double(missed) * 1e9 / Double(2 * rate)
            let exact = Double(random?.exact ?? 0)
            expectClose(measured.time, exact, within: 0.15, or: 0.15 * exact + gap, "jittered")
            // The kernel's own ticks miss it, too, where it is accounted by ticks.
            if case .tick = KernelAccounting.current { #expect(random?.rawAgrees == false, "\(random?.raw ?? 0)") }
        }

        /// A CPU that idles at every tick: the kernel takes all strokes for those of one tick, and throttles
        /// the clock after 400 of them (kernel.perf_event_max_sample_rate / CONFIG_HZ).
        @Test(.enabled(if: !KernelTests.isGuest, "an emulated CPU has no regular tick"))
        func `samples that the kernel throttled are told`() throws {
            let rate = 7_001
            let (account, sampling) = try Self.dodge(.init(rate: rate))
            let sampled = try #require(account.sampled)
            let missed = Double(sampling.missed) * 1e9 / Double(rate)
            expectClose(UInt64(Double(sampled.time) + missed), Double(account.exact), within: 0.1, "\(sampling)")
        }

        /// The account of the time on a CPU of `dodge-tick`'s main thread, of which the ledger's part is
        /// checked against what the workload says that it worked.
        static func dodge(_ sampling: Sampling.Options) throws -> (account: TimeAccount, sampling: Sampling) {
            let run = try ObservedWorkload("dodge-tick", "1500") { $0.sampling = sampling }
            let ledger = try run.process().ledger
            let busy = try run.truth("busy_ns") + run.truth("gap_ns")
            // What it does beside: its start, and sleeping and waking.
            let beside = 0.1 * busy + 30_000_000
            // A gap in which another thread had the CPU is none of its own.
            #expect(Double(ledger.onCPU + ledger.runnable) > 0.98 * busy && Double(ledger.onCPU) < busy + beside)
            return (
                try #require(run.report.accounts(of: ledger).first { $0.mode == .onCPU }),
                try #require(run.report.sampling)
            )
        }
    }
}
