// SPDX-License-Identifier: Apache-2.0
public import Tracers

extension BestRuns {
    /// The document `apus.time.best/1`, one line, a newline at its end.
    ///
    /// - Parameter stop: why it ended before its time.
    public func json(
        command: [String], _ completeness: Completeness, _ observer: ObserverCost, stop: String?
    ) -> [UInt8] {
        var json = JSONWriter()
        json.object { json in
            json.header("apus.time.best/1")
            json.array("command") { json in command.forEach { json.value(nil, $0) } }
            json.value("best", repetition.count)
            json.value("within", repetition.within, decimals: 6)
            json.value("max", repetition.limit)
            json.value("warmups", warmups)
            json.value("converged", repetition.isConverged)
            json.value("stopped_by", stop)
            json.value("spread", repetition.spread, decimals: 6)
            json.value("best_net_ns", fastest?.net)
            json.value("best_elapsed_ns", fastest?.elapsed)
            json.value("best_run", fastest?.number)
            json.value("mean_elapsed_ns", mean)
            json.array("runs") { json in
                for run in runs {
                    json.object { json in
                        run.write(to: &json, measuresFaults: fastestReport?.measuresFaults ?? false)
                        json.array("disturbances") { json in
                            disturbances(of: run).forEach { $0.write(to: &json) }
                        }
                    }
                }
            }
            json.completeness(completeness)
            json.observer(observer)
        }
        json.newline()
        return json.bytes
    }
}

extension TimedRun {
    /// As members of the object that is open.
    func write(to json: inout JSONWriter, measuresFaults: Bool) {
        json.value("run", number)
        json.value("elapsed_ns", elapsed)
        json.value("net_ns", net)
        json.exit(exit)
        ledger.write(to: &json, measuresFaults: measuresFaults)
    }
}

extension TimedRun.Disturbance {
    fileprivate func write(to json: inout JSONWriter) {
        json.object { json in
            if case .state(let state) = cause {
                json.value("cause", state.key)
            } else {
                json.value("cause", name.split(separator: " ").joined(separator: "-"))
            }
            json.value("from_outside", isFromOutside)
            json.value("ns", nanoseconds)
            json.value("count", count)
        }
    }
}
