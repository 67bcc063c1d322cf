// SPDX-License-Identifier: Apache-2.0
import Symbols
import Tracers

/// A profile as a tree of calls: one node for each path of functions, the process at its root.
struct ProfileTree {
    struct Node {
        /// An index into ``ProfileTree/labels``.
        let label: Int
        var total: UInt64 = 0
        var children: [Int] = []
    }

    /// What stands for a function, a process or a mark.
    struct Label: Hashable {
        enum Kind: UInt8, Hashable { case process, mark, user, kernel }

        let name: String
        let kind: Kind
        /// The base name of its file; empty for a process or a mark.
        let module: String
        /// The source file; empty where it is not known.
        let file: String
    }

    /// In the order of their making: parents before children. The first is the whole.
    private(set) var nodes = [Node(label: 0)]
    private(set) var labels = [Label(name: "all", kind: .mark, module: "", file: "")]
    /// By label: spent in it, and in it or below.
    private(set) var own: [UInt64] = []
    private(set) var total: [UInt64] = []
    /// The weight of stacks that are cut short.
    private(set) var truncated: UInt64 = 0

    private struct Edge: Hashable {
        let parent: Int
        let label: Int
    }

    init(_ profile: Profile) {
        var known: [Label: Int] = [:]
        var labels = self.labels
        func number(_ label: Label) -> Int {
            if let index = known[label] { return index }
            known[label] = labels.count
            labels.append(label)
            return labels.count - 1
        }
        let functions = profile.symbols.functions.map { function in
            let module = profile.symbols.modules[function.module]
            return number(
                Label(
                    name: function.name, kind: module.isKernel ? .kernel : .user, module: module.baseName,
                    file: function.file ?? ""))
        }
        let processes = profile.processes.map { number(Label(name: $0.command, kind: .process, module: "", file: "")) }
        let mark = number(Label(name: "[truncated]", kind: .mark, module: "", file: ""))
        own = Array(repeating: 0, count: labels.count)
        total = own
        self.labels = labels

        var edges: [Edge: Int] = [:]
        // The last stack in which a label was counted: recursion counts once.
        var counted = Array(repeating: -1, count: labels.count)
        for (index, stack) in profile.stacks.enumerated() {
            let weight = profile.weight(of: stack)
            guard weight > 0 else { continue }
            var node = 0
            nodes[0].total += weight
            func descend(_ label: Int) {
                let edge = Edge(parent: node, label: label)
                if let child = edges[edge] {
                    node = child
                } else {
                    nodes.append(Node(label: label))
                    nodes[node].children.append(nodes.count - 1)
                    node = nodes.count - 1
                    edges[edge] = node
                }
                nodes[node].total += weight
                if counted[label] != index { total[label] += weight }
                counted[label] = index
            }
            descend(processes[stack.process])
            if stack.isTruncated {
                descend(mark)
                truncated += weight
            }
            for frame in profile.frames[stack.frames] {
                descend(functions[profile.symbols.locations[Int(frame)].function])
            }
            own[nodes[node].label] += weight
        }
        for index in nodes.indices {
            let sorted = nodes[index].children.sorted { (nodes[$0].total, $1) > (nodes[$1].total, $0) }
            nodes[index].children = sorted
        }
    }

    func label(of node: Int) -> Label { labels[nodes[node].label] }

    /// Labels of functions, what was spent most in first.
    var topFunctions: [Int] {
        labels.indices.filter { own[$0] > 0 }
            .sorted { (own[$0], total[$0], $1) > (own[$1], total[$1], $0) }
    }
}
