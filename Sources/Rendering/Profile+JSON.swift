// SPDX-License-Identifier: Apache-2.0
public import Linux
import Symbols
public import Tracers

extension Profile {
    /// `apus.profile/1`: one object, and a newline.
    ///
    /// - Parameter exit: how the launched program ended, if one was launched and has ended.
    public func json(exit: LaunchedProcess.Exit? = nil) -> [UInt8] {
        var json = JSONWriter()
        json.object { json in
            json.header("apus.profile/1")
            json.value("kind", kind == .onCPU ? "on-cpu" : "off-cpu")
            json.value("clock", clock?.rawValue)
            json.value("frequency_hz", kind == .onCPU ? frequency : nil)
            json.value("elapsed_ns", elapsed)
            json.value("samples", kind == .onCPU ? samples : nil)
            json.value("kernel_samples", kind == .onCPU ? kernelSamples : nil)
            json.value("samples_missed", missedSamples)
            json.value("waits", kind == .offCPU ? stacks.reduce(0) { $0 + $1.count } : nil)
            json.value("open_waits", kind == .offCPU ? openWaits : nil)
            json.value("blocked_ns", kind == .offCPU ? totalWeight : nil)
            json.value("truncated_weight", stacks.reduce(0) { $0 + ($1.isTruncated ? weight(of: $1) : 0) })
            json.value("weight_unit", kind == .onCPU ? "samples" : "ns")
            json.value("depth_limit", depthLimit)
            json.value("symbolize_ns", symbolizing)
            json.array("processes") { json in
                for process in processes {
                    json.object { json in
                        json.value("pid", process.pid)
                        json.value("command", process.command)
                    }
                }
            }
            modules(&json)
            functions(&json)
            json.array("stacks") { json in
                for stack in stacks {
                    json.object { json in
                        json.value("process", stack.process)
                        json.value("count", stack.count)
                        json.value("weight", weight(of: stack))
                        json.value("truncated", stack.isTruncated)
                        // Indices of functions, the root first.
                        json.array("frames") { json in
                            for frame in frames[stack.frames] {
                                json.value(nil, symbols.locations[Int(frame)].function)
                            }
                        }
                    }
                }
            }
            json.exit(exit)
            json.completeness(completeness)
            json.observer(observer)
        }
        json.newline()
        return json.bytes
    }

    private func modules(_ json: inout JSONWriter) {
        json.array("modules") { json in
            for module in symbols.modules {
                json.object { json in
                    json.value("name", module.name)
                    json.value("build_id", module.buildID.isEmpty ? nil : module.buildID.hexadecimal)
                    json.value("kernel", module.isKernel)
                }
            }
        }
    }

    /// All of them, in the order that stacks refer to.
    private func functions(_ json: inout JSONWriter) {
        var weights = Array(repeating: (own: UInt64(0), total: UInt64(0)), count: symbols.functions.count)
        for stack in stacks {
            let functions = frames[stack.frames].map { symbols.locations[Int($0)].function }
            if let leaf = functions.last { weights[leaf].own += weight(of: stack) }
            for function in Set(functions) { weights[function].total += weight(of: stack) }
        }
        json.array("functions") { json in
            for (function, weight) in zip(symbols.functions, weights) {
                json.object { json in
                    json.value("name", function.name)
                    json.value("module", function.module)
                    json.value("file", function.file)
                    json.value("named", function.isNamed)
                    json.value("self_weight", weight.own)
                    json.value("total_weight", weight.total)
                }
            }
        }
    }
}
