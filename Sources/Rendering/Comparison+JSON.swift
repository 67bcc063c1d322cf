// SPDX-License-Identifier: Apache-2.0
import Statistics
public import Tracers

extension Comparison {
    /// The document `apus.time.compare/1`, one line, a newline at its end.
    ///
    /// - Parameter stop: why it ended before its time.
    public func json(_ completeness: Completeness, _ observer: ObserverCost, stop: String?) -> [UInt8] {
        var json = JSONWriter()
        json.object { json in
            json.header("apus.time.compare/1")
            json.value("seed", seed)
            json.value("rounds", programs.map(\.runs.count).min())
            json.value("warmups", warmups)
            json.value("stopped_by", stop)
            json.array("commands") { json in
                for (index, program) in programs.enumerated() {
                    json.object { json in write(program, index, to: &json) }
                }
            }
            json.completeness(completeness)
            json.observer(observer)
        }
        json.newline()
        return json.bytes
    }

    private func write(_ program: Program, _ index: Int, to json: inout JSONWriter) {
        json.value("command", program.command)
        json.value("median_ns", program.elapsed?.median)
        json.value("mean_ns", program.elapsed?.mean)
        json.interval("median_interval_ns", program.elapsed?.medianInterval(), decimals: 1)
        if index == 0 {
            json.value("ratio_to_first", String?.none)
        } else {
            let ratio = ratio(of: index)
            json.object("ratio_to_first") { json in
                json.value("median", ratio?.value, decimals: 6)
                json.interval("interval", ratio?.interval, decimals: 6)
                json.value("difference_shown", ratio?.showsDifference)
                json.array("states") { json in
                    for (state, difference) in differences(of: index) {
                        json.object { json in
                            json.value("state", state.key)
                            json.value("mean_difference_ns", difference.value)
                            json.value("difference_shown", difference.isShown)
                            json.interval("interval_ns", difference.interval, decimals: 1)
                        }
                    }
                }
                json.value("thread_time_difference_ns", threadTimeDifference(of: index)?.value)
            }
        }
        json.array("runs") { json in
            for run in program.runs {
                json.object { json in run.write(to: &json, measuresFaults: measuresFaults ?? false) }
            }
        }
    }
}

extension JSONWriter {
    fileprivate mutating func interval(_ key: String, _ interval: Interval?, decimals: Int) {
        guard let interval else { return value(key, String?.none) }
        object(key) { json in
            json.value("lower", interval.lower, decimals: decimals)
            json.value("upper", interval.upper, decimals: decimals)
            json.value("confidence", interval.confidence, decimals: 3)
        }
    }
}
