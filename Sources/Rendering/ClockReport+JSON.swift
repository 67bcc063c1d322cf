// SPDX-License-Identifier: Apache-2.0
public import Tracers

extension ClockReport {
    /// The document `apus.clock/1`, one line, a newline at its end.
    public var json: [UInt8] {
        var json = JSONWriter()
        json.object { json in
            json.header("apus.clock/1")
            json.value("clocksource", clocksource)
            json.array("available_clocksources") { json in clocksources.forEach { json.value(nil, $0) } }
            json.value("cpu", cpu)
            if let counter {
                json.object("tsc") { json in
                    json.value("hz", counter.hertz)
                    json.value("error_hz", counter.errorHertz)
                    json.value("over_ns", counter.over)
                    json.value("invariant", counter.isInvariant)
                }
            } else {
                json.value("tsc", String?.none)
            }
            json.array("sources") { json in
                for row in rows { json.object { json in row.write(to: &json) } }
            }
            json.value("advice", advice)
            json.completeness(completeness)
            json.observer(observer)
        }
        json.newline()
        return json.bytes
    }
}

extension ClockReport.Row {
    fileprivate func write(to json: inout JSONWriter) {
        json.value("source", source.name)
        json.value("unavailable", unavailable)
        json.value("cost_ns", cost?.nanoseconds, decimals: 3)
        json.value("spread", cost?.spread, decimals: 6)
        json.value("converged", cost?.isConverged)
        json.value("runs", cost?.runs)
        json.value("disturbed_runs", cost?.disturbed)
        json.value("reads_per_run", cost?.reads)
        json.value("step_ns", resolution, decimals: 3)
        json.value("way", way?.rawValue)
        guard let acrossCPUs else { return json.value("across_cpus", String?.none) }
        json.object("across_cpus") { json in
            json.value("monotonic", acrossCPUs.isMonotonic)
            json.value("pairs", acrossCPUs.pairs)
            json.value("readings", acrossCPUs.readings)
            json.value("backward_readings", acrossCPUs.backward)
            json.value("worst_ns", acrossCPUs.worstNanoseconds, decimals: 3)
        }
    }
}
