// SPDX-License-Identifier: Apache-2.0
import BPF
import CEvents
import Glibc
import Linux

/// Runs the program `sample` of `bpf/time.bpf.c` on a clock for each CPU, and tells what was missed.
struct Sampler {
    private struct CPUClock {
        let cpu: Int
        /// Nanoseconds between two strokes.
        let period: UInt64
    }

    private let options: Sampling.Options
    private var clocks: [CPUClock] = []

    /// A jittered clock strikes so many times as often as samples are due, and 2,000 times a second at
    /// least: samples fall on its strokes, so it has to be fine against what it measures.
    private static func strokes(_ options: Sampling.Options) -> Int {
        options.isJittered ? min(max(4 * options.rate, 2_000), SamplingClock.maxRate) : options.rate
    }

    /// - Parameter links: takes the links that keep the clocks going.
    init(_ options: Sampling.Options, _ object: borrowing Object, _ links: inout Links) throws(TracerError) {
        self.options = options
        let limit = Sampling.maxRate(jittered: options.isJittered)
        guard (1...limit).contains(options.rate) else {
            throw .unavailable("a sampling rate of \(options.rate) Hz is not from 1 to \(limit)")
        }
        PerfEvents.raiseDescriptorLimit()
        let period = 1e9 / Double(Self.strokes(options))
        for cpu in CPUs.online {
            // Of a jittered clock never the same twice: one in step with the work would come back.
            let factor = options.isJittered ? Double.random(in: 1...1.12) : 1
            let clock = UInt64((period * factor).rounded())
            let event: Int32
            do throws(SystemError) {
                event = try SamplingClock.open(cpu: cpu, period: clock)
            } catch {
                // Gone since it was listed.
                if error.errno == ENODEV { continue }
                throw error.errno == EACCES || error.errno == EPERM
                    ? .unavailable(
                        "\(error.description): sampling needs CAP_PERFMON, or kernel.perf_event_paranoid of 0 or less")
                    : .system(error)
            }
            do throws(BPFError) {
                try links.attach("sample", of: object, perfEvent: event)
                clocks.append(CPUClock(cpu: cpu, period: clock))
            } catch {
                close(event)
                throw .bpf(error)
            }
        }
    }

    /// What was sampled so far.
    func read(_ object: borrowing Object) throws(BPFError) -> Sampling {
        // Before the counts are read: a stroke in between ends the wait for it.
        let now = Clock.monotonic
        let counts = try object.values(of: "cpus", as: time_cpu.self)
        var strokes = counts.reduce(0) { $0 + $1.missed_strokes }
        for clock in clocks {
            // Those that are due since the last, as the program counts them.
            let cpu = counts[clock.cpu % counts.count]
            guard cpu.idle == 0, cpu.due_ns > 0, now > cpu.due_ns + 2 * clock.period else { continue }
            // The last of them can be on its way.
            strokes += (now - cpu.due_ns) / clock.period - 1
        }
        let perSample = Double(Self.strokes(options)) / Double(options.rate)
        return Sampling(
            options: options, cpus: clocks.count, taken: counts.reduce(0) { $0 + $1.samples },
            missed: UInt64((Double(strokes) / perSample).rounded(.up)), unsampledCPUs: unsampled)
    }

    private var unsampled: [Int] { CPUs.online.filter { cpu in !clocks.contains { $0.cpu == cpu } } }
}
