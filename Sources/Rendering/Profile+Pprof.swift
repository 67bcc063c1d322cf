// SPDX-License-Identifier: Apache-2.0
import Linux
import Symbols
public import Tracers

extension Profile {
    /// The profile as `go tool pprof` reads it: gzipped profile.proto
    /// (github.com/google/pprof/blob/main/proto/profile.proto), with mappings and build ids.
    ///
    /// - Returns: nil where there is no memory to compress it.
    public var pprof: [UInt8]? {
        var strings = StringTable()
        var out = ProtobufWriter()
        let isOnCPU = kind == .onCPU
        let period = isOnCPU && frequency > 0 ? 1_000_000_000 / UInt64(frequency) : 1
        for (type, unit) in [(isOnCPU ? "samples" : "waits", "count"), (isOnCPU ? "cpu" : "blocked", "nanoseconds")] {
            out.message(1) {
                $0.number(1, strings.number(type))
                $0.number(2, strings.number(unit))
            }
        }
        samples(to: &out, &strings, period)
        mappings(to: &out, &strings)
        for (index, location) in symbols.locations.enumerated() {
            out.message(4) {
                $0.number(1, UInt64(index + 1))
                $0.number(2, UInt64(symbols.functions[location.function].module + 1))
                $0.number(3, location.address)
                $0.message(4) {
                    $0.number(1, UInt64(location.function + 1))
                    $0.number(2, UInt64(location.line))
                }
            }
        }
        for (index, function) in symbols.functions.enumerated() {
            out.message(5) {
                $0.number(1, UInt64(index + 1))
                $0.number(2, strings.number(function.name))
                $0.number(3, strings.number(function.name))
                $0.number(4, strings.number(function.file ?? ""))
            }
        }
        out.number(9, Clock.realtime - elapsed)
        out.number(10, elapsed)
        out.message(11) {
            $0.number(1, strings.number(isOnCPU ? "cpu" : "blocked"))
            $0.number(2, strings.number("nanoseconds"))
        }
        out.number(12, period)
        for reason in completeness.reasons { out.packed(13, [strings.number(reason)]) }
        for text in strings.all { out.text(6, text) }
        return gzipped(out.bytes)
    }

    private func samples(to out: inout ProtobufWriter, _ strings: inout StringTable, _ period: UInt64) {
        let (command, pid) = (strings.number("process"), strings.number("pid"))
        let (callers, missing) = (strings.number("callers"), strings.number("missing"))
        for stack in stacks {
            let process = processes[stack.process]
            let name = strings.number(process.command)
            out.message(2) {
                // The leaf first.
                $0.packed(1, frames[stack.frames].reversed().map { UInt64($0) + 1 })
                $0.packed(2, [stack.count, kind == .onCPU ? stack.count * period : stack.blockedNanoseconds])
                $0.message(3) {
                    $0.number(1, command)
                    $0.number(2, name)
                }
                $0.message(3) {
                    $0.number(1, pid)
                    $0.number(3, UInt64(process.pid))
                }
                if stack.isTruncated {
                    $0.message(3) {
                        $0.number(1, callers)
                        $0.number(2, missing)
                    }
                }
            }
        }
    }

    /// One for each module, in addresses of its own file: many processes can have it, at other places each.
    /// That has no end that is known, so what was met gives one.
    private func mappings(to out: inout ProtobufWriter, _ strings: inout StringTable) {
        var ends = Array(repeating: UInt64(0), count: symbols.modules.count)
        var isNamed = Array(repeating: true, count: symbols.modules.count)
        var hasLines = Array(repeating: false, count: symbols.modules.count)
        for location in symbols.locations {
            let function = symbols.functions[location.function]
            ends[function.module] = max(ends[function.module], location.address)
            if !function.isNamed { isNamed[function.module] = false }
            if location.line > 0 { hasLines[function.module] = true }
        }
        for (index, module) in symbols.modules.enumerated() {
            out.message(3) {
                $0.number(1, UInt64(index + 1))
                $0.number(3, ends[index] == .max ? .max : ends[index] + 1)
                $0.number(5, strings.number(module.name))
                $0.number(6, strings.number(module.buildID.hexadecimal))
                $0.number(7, 1)
                $0.number(8, hasLines[index] ? 1 : 0)
                $0.number(9, hasLines[index] && isNamed[index] ? 1 : 0)
            }
        }
    }
}

/// The strings of a profile.proto, each by its number; 0 is the empty one.
private struct StringTable {
    private(set) var all = [""]
    private var numbers = ["": UInt64(0)]

    mutating func number(_ text: String) -> UInt64 {
        if let known = numbers[text] { return known }
        let number = UInt64(all.count)
        all.append(text)
        numbers[text] = number
        return number
    }
}

extension [UInt8] {
    /// Two digits a byte.
    var hexadecimal: String {
        reduce(into: "") { $0 += ($1 < 16 ? "0" : "") + String($1, radix: 16) }
    }
}
