// SPDX-License-Identifier: Apache-2.0
import Symbols
public import Tracers

extension Profile {
    /// One line a stack, `process;root;…;leaf count`, as flamegraph.pl and others read it: samples, or
    /// microseconds in which it was blocked. Kernel functions end in `_[k]`.
    public var folded: [UInt8] {
        let names = symbols.functions.map { function in
            function.name.folded + (symbols.modules[function.module].isKernel ? "_[k]" : "")
        }
        var lines: [String: UInt64] = [:]
        for stack in stacks {
            var line = processes[stack.process].command.folded
            if stack.isTruncated { line += ";[truncated]" }
            for frame in frames[stack.frames] {
                line += ";" + names[symbols.locations[Int(frame)].function]
            }
            lines[line, default: 0] += weight(of: stack)
        }
        var text = ""
        for line in lines.sorted(by: { $0.key < $1.key }) {
            let count = kind == .onCPU ? line.value : (line.value + 500) / 1_000
            if count > 0 { text += "\(line.key) \(count)\n" }
        }
        return Array(text.utf8)
    }
}

extension String {
    /// For a format in which `;` parts frames and a newline lines.
    fileprivate var folded: String {
        String(
            decoding: escapedForTerminal.utf8.map { $0 == UInt8(ascii: ";") ? UInt8(ascii: ":") : $0 }, as: UTF8.self)
    }
}
