// SPDX-License-Identifier: Apache-2.0
import Experiment

// The parts of `apus.compare/1` that are read again: names are those of the properties.

extension ExperimentData.Machine {
    func write(to json: inout JSONWriter) {
        json.value("host", host)
        json.value("kernel", kernel)
        json.value("architecture", architecture)
        json.value("cpu", cpu)
        json.value("cpus", cpus)
        json.value("time", time)
        json.value("version", version)
    }
}

extension Design {
    func write(to json: inout JSONWriter) {
        json.array("workloads") { json in workloads.forEach { json.value(nil, $0) } }
        json.array("program") { json in program.forEach { json.value(nil, $0) } }
        json.array("observers") { json in
            for observer in observers {
                json.object { json in
                    json.value("name", observer.name)
                    json.array("command") { json in observer.command.forEach { json.value(nil, $0) } }
                    json.value("mechanism", observer.mechanism.rawValue)
                    json.array("sees") { json in
                        observer.sees.map(\.rawValue).sorted().forEach { json.value(nil, $0) }
                    }
                    json.value("summary", observer.summary)
                }
            }
        }
        json.array("threads") { json in threads.forEach { json.value(nil, $0) } }
        json.value("runs", runs)
        json.value("bare_runs", bareRuns)
        json.value("best", best)
        json.value("within", within, decimals: 6)
        json.value("seed", seed)
        json.value("target", target, decimals: 6)
        json.value("least_effect", leastEffect, decimals: 6)
        json.value("budget", budget, decimals: 6)
        json.value("limit", limit, decimals: 6)
        json.array("cpus") { json in cpus.forEach { json.value(nil, $0) } }
        json.array("counts") { json in
            for count in counts {
                json.object { json in
                    json.value("workload", count.workload)
                    json.value("threads", count.threads)
                    json.value("count", count.count)
                }
            }
        }
    }
}

extension ExperimentRun {
    func write(to json: inout JSONWriter) {
        json.value("phase", phase.rawValue)
        json.value("workload", workload)
        json.value("observer", observer)
        json.value("threads", threads)
        json.value("repetition", repetition)
        json.value("count", count)
        json.value("padding_bytes", paddingBytes)
        json.value("failure", failure)
        json.value("wall_ns", wallNs)
        json.value("cpu_ns", cpuNs)
        json.value("system_ns", systemNs)
        json.value("max_rss_bytes", maxRssBytes)
        json.value("section_ns", sectionNs)
        json.value("events", events)
        json.value("calls", calls)
        json.value("workload_cpu_ns", workloadCpuNs)
        json.value("voluntary_switches", voluntarySwitches)
        json.value("involuntary_switches", involuntarySwitches)
        json.value("faults", faults)
        json.value("delay_ns", delayNs)
        json.value("first_cpu", firstCpu)
        json.value("last_cpu", lastCpu)
        json.value("life_cpu_ns", lifeCpuNs)
        json.value("life_system_ns", lifeSystemNs)
        json.value("seen_calls", seenCalls)
        json.value("seen_faults", seenFaults)
        json.value("lost_events", lostEvents)
        json.value("program_ns", programNs)
        json.value("others_programs", othersPrograms)
        json.value("programs_cpu_ns", programsCpuNs)
        json.value("busiest_program", busiestProgram)
        json.value("others_cpu_ns", othersCpuNs)
        json.value("stolen_ns", stolenNs)
    }
}
