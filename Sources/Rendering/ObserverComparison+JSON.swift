// SPDX-License-Identifier: Apache-2.0
public import Experiment
import Statistics

extension ObserverComparison {
    /// The document `apus.compare/1`: the design, every run, and what follows from them. One line, a
    /// newline at its end.
    public func json(_ findings: [Expectation.Finding]) -> [UInt8] {
        var json = JSONWriter()
        json.object { json in
            write(to: &json, findings)
        }
        json.newline()
        return json.bytes
    }

    private func write(to json: inout JSONWriter, _ findings: [Expectation.Finding]) {
        json.value("schema", ExperimentData.schema)
        json.value("host", data.machine.host)
        json.value("kernel", data.machine.kernel)
        json.value("time", data.machine.time)
        json.object("machine") { data.machine.write(to: &$0) }
        json.value("interruption", data.interruption)
        json.object("design") { data.design.write(to: &$0) }
        json.value("significance", significance, decimals: 6)
        json.array("cells") { json in
            for cell in cells { json.object { json in cell.write(to: &json) } }
        }
        json.array("overall") { json in
            for observer in data.design.observers where observer.mechanism != .none {
                json.object { json in
                    json.value("observer", observer.name)
                    json.ratio("slowdown", overall(observer.name))
                }
            }
        }
        json.array("ranking") { json in
            for setting in data.design.settings {
                json.object { json in
                    json.value("workload", setting.workload)
                    json.value("threads", setting.threads)
                    json.array("places") { json in
                        for (place, cell) in ranking(setting) {
                            json.object { json in
                                json.value("place", place)
                                json.value("observer", cell.observer.name)
                            }
                        }
                    }
                }
            }
        }
        json.object("model") { model.write(to: &$0) }
        writeEffects(to: &json)
        json.array("expectations") { json in
            for finding in findings {
                json.object { json in
                    json.value("expectation", finding.expectation.text)
                    json.value("verdict", finding.verdict.rawValue)
                    json.ratio("ratio", finding.ratio)
                    json.value("gap", finding.gap)
                    json.array("lossy") { json in finding.lossy.forEach { json.value(nil, $0) } }
                }
            }
        }
        json.object("completeness") { json in
            json.value("exact", reasons.isEmpty)
            json.array("reasons") { json in reasons.forEach { json.value(nil, $0) } }
            // What observers said they lost, all runs together.
            let lost = data.runs.compactMap(\.lostEvents)
            json.value(
                "lost_events",
                lost.isEmpty ? nil : lost.reduce(0) { $0.addingReportingOverflow($1).overflow ? .max : $0 + $1 })
            json.value("missed_runs", Int?.none)
        }
        json.object("observer") { json in
            // It has no programs; its observers' are in the cells.
            json.value("bpf_run_ns", 0)
            json.value("bpf_run_count", 0)
            json.value("cpu_ns", data.observer?.cpuNs)
            json.value("max_rss_bytes", data.observer?.maxRssBytes)
        }
        json.array("runs") { json in
            for run in data.runs { json.object { json in run.write(to: &json) } }
        }
    }

    private func writeEffects(to json: inout JSONWriter) {
        guard let effects else { return json.value("effects", String?.none) }
        json.array("effects") { json in
            for effect in effects.effects {
                json.object { json in
                    json.value("factors", effect.factors.map { effects.factors[$0].name }.joined(separator: " × "))
                    json.value("share", effect.share, decimals: 6)
                    json.value("margin", effect.margin, decimals: 6)
                }
            }
            json.object { json in
                json.value("factors", "repetitions")
                json.value(
                    "share",
                    effects.totalSumOfSquares > 0 ? effects.errorSumOfSquares / effects.totalSumOfSquares : 0,
                    decimals: 6)
                json.value("margin", Double?.none)
            }
        }
    }
}

extension JSONWriter {
    mutating func ratio(_ key: String, _ ratio: Ratio?) {
        guard let ratio else { return value(key, String?.none) }
        object(key) { json in
            json.value("value", ratio.value, decimals: 6)
            json.value("lower", ratio.interval?.lower, decimals: 6)
            json.value("upper", ratio.interval?.upper, decimals: 6)
            json.value("confidence", ratio.interval?.confidence, decimals: 6)
        }
    }
}

extension Cell {
    fileprivate func write(to json: inout JSONWriter) {
        json.value("workload", setting.workload)
        json.value("threads", setting.threads)
        json.value("observer", observer.name)
        json.value("verdict", verdict.rawValue)
        json.value("runs", runs)
        json.value("disturbed_runs", disturbed)
        json.array("failures") { json in failures.forEach { json.value(nil, $0) } }
        json.value("section_median_ns", section?.median)
        json.value("section_min_ns", section?.min)
        json.value("section_max_ns", section?.max)
        json.ratio("slowdown", slowdown)
        json.value("signed_rank_probability", probability, decimals: 9)
        json.value("slowdown_by_best", slowdownByBest, decimals: 6)
        json.value("watching_share", watching?.share, decimals: 6)
        json.value("speedup_at_half_cost", watching?.speedup(ofPart: 2), decimals: 6)
        json.value("speedup_at_no_cost", watching?.limit, decimals: 6)
        json.value("best_spread", best?.spread, decimals: 6)
        json.value("best_converged", best?.isConverged)
        json.value("unit", workload.unit.rawValue)
        json.value("units", costs.units)
        json.value("units_per_second", rate)
        json.value("added_ns_per_unit", costs.addedPerUnit, decimals: 3)
        json.value("added_ns_per_unit_lower", addedPerUnitInterval?.lower, decimals: 3)
        json.value("added_ns_per_unit_upper", addedPerUnitInterval?.upper, decimals: 3)
        json.object("information") { json in
            json.value("status", information.status.rawValue)
            json.value("gap", information.gap?.rawValue)
            json.value("expected", information.expected)
            json.value("seen", information.seen)
            json.value("lost", information.lost)
            json.value("missing", information.missing)
        }
        json.object("costs") { json in
            json.value("start_ns", costs.start)
            json.value("added_ns", costs.added)
            json.value("workload_cpu_ns", costs.workloadCPU)
            json.value("added_cpu_ns", costs.addedCPU?.value)
            json.value("added_cpu_margin_ns", costs.addedCPU?.margin)
            json.value("observer_cpu_ns", costs.observerCPU?.value)
            json.value("observer_cpu_margin_ns", costs.observerCPU?.margin)
            json.value("kernel_cpu_ns", costs.kernelCPU?.value)
            json.value("kernel_cpu_margin_ns", costs.kernelCPU?.margin)
            json.value("bpf_run_ns", costs.programs)
            json.value("voluntary_switches", costs.voluntarySwitches)
            json.value("involuntary_switches", costs.involuntarySwitches)
        }
    }
}

extension CostModel {
    fileprivate func write(to json: inout JSONWriter) {
        json.array("fits") { json in
            for fit in fits {
                json.object { json in
                    json.value("observer", fit.observer)
                    json.value("ns_per_call", fit.cost, decimals: 3)
                    json.value("least_ns_per_call", fit.range?.lowerBound, decimals: 3)
                    json.value("most_ns_per_call", fit.range?.upperBound, decimals: 3)
                    json.value("settings", fit.settings)
                }
            }
        }
        json.array("predictions") { json in
            for prediction in predictions {
                json.object { json in
                    json.value("workload", prediction.setting.workload)
                    json.value("threads", prediction.setting.threads)
                    json.value("observer", prediction.observer)
                    json.value("calls_per_second", prediction.rate)
                    json.value("predicted", prediction.predicted, decimals: 6)
                    json.value("predicted_least", prediction.range?.lowerBound, decimals: 6)
                    json.value("predicted_most", prediction.range?.upperBound, decimals: 6)
                    json.ratio("measured", prediction.measured)
                    json.value("residual", prediction.residual, decimals: 6)
                }
            }
        }
    }
}
