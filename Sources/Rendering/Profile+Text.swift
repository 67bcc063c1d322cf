// SPDX-License-Identifier: Apache-2.0
import Linux
import Symbols
public import Tracers

extension Profile {
    /// How to write a profile as text.
    public struct TextOptions: Sendable {
        /// Whether there are colours.
        public var style = TextStyle(isOn: false)
        /// Functions at most; nil: all.
        public var functionLimit: Int? = 15
        /// Lines of the tree at most; nil: all.
        public var pathLimit: Int? = 40
        /// What is not exact, and what observing cost.
        public var showsFooter = true

        /// The most of it, in plain text, and the footer.
        public init() {}
    }

    /// The functions in which most was spent, and the calls that lead to them; at most 80 columns wide.
    public func text(title: String, _ options: TextOptions) -> String {
        let tree = ProfileTree(self)
        let style = options.style
        var lines = [style.bold(title.escapedForTerminal.padded(toAtMost: 80)), " " + facts, ""]
        if tree.nodes[0].total == 0 {
            lines.append(
                kind == .onCPU
                    ? " It was never met on a CPU: too short, or idle; -F 999 samples more often."
                    : " No thread was blocked."
            )
        } else {
            lines += functionLines(tree, options) + [""] + pathLines(tree, options)
        }
        if options.showsFooter {
            lines += [""] + footer(tree, style)
        } else if !completeness.isExact {
            lines += ["", style.warning(completeness.warning)]
        }
        return lines.map { $0.trimmedAtEnd }.joined(separator: "\n") + "\n"
    }

    /// How much was measured, and how.
    var facts: String {
        let stackCount = stacks.count == 1 ? "1 stack" : "\(Format.count(UInt64(stacks.count))) stacks"
        guard kind == .onCPU else {
            let waits = stacks.reduce(0) { $0 + $1.count }
            return
                "blocked \(Format.duration(totalWeight)) in \(waits == 1 ? "1 wait" : "\(Format.count(waits)) waits"), "
                + stackCount + (openWaits > 0 ? "; \(openWaits) \(openWaits == 1 ? "goes" : "go") on" : "")
        }
        let how = "at \(frequency) Hz (\(clock?.rawValue ?? ""))"
        guard samples > 0 else { return "no sample \(how)" }
        return "\(samples == 1 ? "1 sample" : "\(Format.count(samples)) samples") \(how), "
            + "\(Format.percent(kernelSamples, of: samples)) % in the kernel, \(stackCount)"
    }

    // MARK: - Functions

    private func functionLines(_ tree: ProfileTree, _ options: TextOptions) -> [String] {
        let whole = tree.nodes[0].total
        let top = tree.topFunctions
        let shown = top.prefix(options.functionLimit ?? top.count)
        var lines = [options.style.dim("    self            total  function")]
        for label in shown {
            let (own, total) = (tree.own[label], tree.total[label])
            let bar = Self.bar(own, of: whole, width: 8)
            lines.append(
                (Format.percent(own, of: whole) + " %").aligned(right: 8) + " "
                    + options.style.colored(bar.padded(to: 8), Self.color(own, of: whole))
                    + (Format.percent(total, of: whole) + " %").aligned(right: 8) + "  "
                    + named(tree.labels[label], width: 80 - 27, options.style))
        }
        if shown.count < top.count {
            let rest = top.dropFirst(shown.count).reduce(0) { $0 + tree.own[$1] }
            lines.append(
                options.style.dim(
                    (Format.percent(rest, of: whole) + " %").aligned(right: 8)
                        + "                  in \(top.count - shown.count) more (-v)"))
        }
        return lines
    }

    /// A function and, dimmed, where it comes from, in so many columns.
    private func named(_ label: ProfileTree.Label, width: Int, _ style: TextStyle) -> String {
        let name = label.name.escapedForTerminal
        var origin = label.file.split(separator: "/").last.map { String($0) } ?? label.module
        if !name.contains(label.module) && !label.file.isEmpty { origin = "\(label.module) \(origin)" }
        origin = origin.escapedForTerminal
        // An unnamed one has its module in its name.
        if label.kind == .process || origin.isEmpty || name.hasPrefix(origin + "+") {
            return paint(name.shortened(to: width), label, style)
        }
        let room = max(width - origin.count - 2, width * 2 / 3)
        let shown = name.shortened(to: room)
        let rest = width - shown.count - 2
        return paint(shown, label, style) + (rest >= 4 ? "  " + style.dim(origin.shortened(to: rest)) : "")
    }

    private func paint(_ name: String, _ label: ProfileTree.Label, _ style: TextStyle) -> String {
        switch label.kind {
        case .kernel: style.colored(name, "36")
        case .mark: style.warning(name)
        case .process: style.bold(name)
        case .user: name
        }
    }

    /// Hot, warm or neither.
    private static func color(_ part: UInt64, of whole: UInt64) -> String {
        let share = Double(part) / Double(max(1, whole))
        return share >= 0.2 ? "31" : share >= 0.05 ? "33" : "32"
    }

    private static func bar(_ part: UInt64, of whole: UInt64, width: Int) -> String {
        let eighths = Int((Double(part) / Double(max(1, whole)) * Double(8 * width)).rounded())
        let rest = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"][eighths % 8]
        return String(repeating: "█", count: eighths / 8) + rest
    }

    // MARK: - Paths

    /// The tree, as deep as its lines are worth it. A path that does not fork goes on in its line.
    private func pathLines(_ tree: ProfileTree, _ options: TextOptions) -> [String] {
        let whole = tree.nodes[0].total
        var threshold = options.pathLimit == nil ? 1 : max(1, whole / 100)
        var lines = paths(tree, threshold, options.style)
        while let limit = options.pathLimit, lines.count > limit {
            threshold += threshold / 2 + 1
            lines = paths(tree, threshold, options.style)
        }
        if tree.nodes.dropFirst().contains(where: { $0.total < threshold }) {
            lines.append(
                options.style.dim("          paths below \(Format.percent(threshold, of: whole)) % are left out (-v)"))
        }
        return [options.style.dim("   total  call path")] + lines
    }

    private func paths(_ tree: ProfileTree, _ threshold: UInt64, _ style: TextStyle) -> [String] {
        let whole = tree.nodes[0].total
        var lines: [String] = []
        func visible(_ node: Int) -> [Int] { tree.nodes[node].children.filter { tree.nodes[$0].total >= threshold } }
        func visit(_ node: Int, _ indent: String, _ branch: String, _ below: String) {
            var chain = [node]
            // As long as nothing that is worth a figure is left behind.
            while let last = chain.last, let child = visible(last).first, visible(last).count == 1,
                tree.nodes[child].total * 100 >= tree.nodes[last].total * 99
            {
                chain.append(child)
            }
            let total = tree.nodes[node].total
            let share = style.colored(
                (Format.percent(total, of: whole) + " %").aligned(right: 8), Self.color(total, of: whole))
            for (index, line) in wrapped(chain, tree, width: max(24, 70 - indent.count - 2), style).enumerated() {
                lines.append(
                    (index == 0 ? share : String(repeating: " ", count: 8)) + "  "
                        + style.dim((indent + (index == 0 ? branch : below)).padded(toAtMost: 46)) + line)
            }
            let next = chain.last ?? node
            let children = visible(next)
            for child in children {
                let isLast = child == children.last
                visit(child, indent + below, isLast ? "└ " : "├ ", isLast ? "  " : "│ ")
            }
        }
        for child in visible(0) { visit(child, "", "", "") }
        return lines
    }

    /// Functions that call one another, as many in a line as fit.
    private func wrapped(_ chain: [Int], _ tree: ProfileTree, width: Int, _ style: TextStyle) -> [String] {
        var lines: [String] = []
        var line = ""
        var used = 0
        for (index, node) in chain.enumerated() {
            let label = tree.label(of: node)
            let name = label.name.escapedForTerminal.shortened(to: width - 2)
            let mark = index + 1 < chain.count ? " ›" : ""
            if used > 0 && used + 1 + name.count + mark.count > width {
                lines.append(line)
                (line, used) = ("", 0)
            }
            line += (used > 0 ? " " : "") + paint(name, label, style) + style.dim(mark)
            used += (used > 0 ? 1 : 0) + name.count + mark.count
        }
        return lines + [line]
    }

    // MARK: - What to know of it

    private func footer(_ tree: ProfileTree, _ style: TextStyle) -> [String] {
        var lines: [String] = []
        if tree.truncated > 0 {
            let share = Format.percent(tree.truncated, of: tree.nodes[0].total)
            lines.append(
                style.warning(
                    ("\(share) % is in stacks that look truncated: the kernel walks frame pointers, "
                        + "which -fno-omit-frame-pointer keeps, \(depthLimit) frames deep").wrapped(indent: 2, first: 1)
                ))
        }
        if completeness.isExact {
            lines.append(
                style.dim(kind == .onCPU ? " every sample was counted" : " every wait was counted, open ones included"))
        } else {
            lines.append(style.warning(completeness.warning))
        }
        let kernel = symbols.functions.filter { symbols.modules[$0.module].isKernel }
        if !kernel.isEmpty && !kernel.contains(where: \.isNamed) {
            lines.append(style.dim(" the kernel hides the names of its functions: CAP_SYSLOG, see apus doctor"))
        }
        let cost =
            observer.runNanoseconds.map { "\(Format.duration($0)) within" }
            ?? "not timed (\(observer.untimedReason ?? "")):"
        let runs = observer.runCount == 1 ? "1 program run" : "\(Format.count(observer.runCount)) program runs"
        lines.append(style.dim("observing cost \(cost) \(runs)".wrapped(indent: 3, first: 1)))
        lines.append(
            style.dim(
                ("Apus itself: CPU \(Format.duration(observer.cpuNanoseconds)), "
                    + "memory \(Format.bytes(observer.maxResidentBytes)), "
                    + "maps in the kernel \(Format.bytes(observer.mapBytes)); "
                    + "the names took \(Format.duration(symbolizing))").wrapped(indent: 5, first: 3)))
        return lines
    }
}

extension String {
    /// Cut in the middle to so many columns: the beginning and the end of a name tell most.
    func shortened(to width: Int) -> String {
        guard count > width, width > 1 else { return count > width ? String(prefix(width)) : self }
        let tail = (width - 1) / 3
        return prefix(width - 1 - tail) + "…" + suffix(tail)
    }
}
