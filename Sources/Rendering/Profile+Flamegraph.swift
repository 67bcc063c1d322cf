// SPDX-License-Identifier: Apache-2.0
public import Tracers

extension Profile {
    /// A flame graph as one HTML file that needs nothing else: it zooms, searches, and says shares.
    public func flamegraph(title: String) -> [UInt8] {
        let tree = ProfileTree(self)
        let title = HTML.escaped(title)
        var json = JSONWriter()
        json.object { json in
            json.value("unit", kind == .onCPU ? "samples" : "us")
            json.array("labels") { json in
                for label in tree.labels {
                    json.array { json in
                        json.value(nil, label.name.escapedForTerminal)
                        json.value(nil, Int(label.kind.rawValue))
                        json.value(nil, label.module.escapedForTerminal)
                        json.value(nil, label.file.escapedForTerminal)
                    }
                }
            }
            json.array("frames") { frames(&$0, tree) }
        }
        var notes = [facts]
        if tree.truncated > 0 {
            notes.append(
                "\(Format.percent(tree.truncated, of: tree.nodes[0].total)) % is in stacks that look truncated: "
                    + "code without frame pointers, or deeper than \(depthLimit) frames.")
        }
        notes += completeness.reasons.isEmpty ? [] : ["A lower bound: " + completeness.reasons.joined(separator: "; ")]
        var page = Array((FlamegraphPage.beforeTitle + title + FlamegraphPage.afterTitle).utf8)
        page += "<h1>\(title)</h1>\n".utf8
        for note in notes { page += "<p>\(HTML.escaped(note))</p>\n".utf8 }
        page += #"<script id="data" type="application/json">"#.utf8
        // So that no name ends the element; JSON's strings are the only place where it can be.
        page += json.bytes.flatMap { $0 == UInt8(ascii: "<") ? Array(#"\u003c"#.utf8) : [$0] }
        page += "</script>\n".utf8
        page += FlamegraphPage.script.utf8
        return page
    }

    /// Label, depth, start and width of each node, parents first. Off the CPU in microseconds.
    private func frames(_ json: inout JSONWriter, _ tree: ProfileTree) {
        let unit: UInt64 = kind == .onCPU ? 1 : 1_000
        var waiting = [(node: 0, depth: 0, start: UInt64(0))]
        while let (node, depth, start) = waiting.popLast() {
            json.value(nil, tree.nodes[node].label)
            json.value(nil, depth)
            json.value(nil, start / unit)
            json.value(nil, tree.nodes[node].total / unit)
            var next = start
            var children: [(Int, Int, UInt64)] = []
            for child in tree.nodes[node].children {
                children.append((child, depth + 1, next))
                next += tree.nodes[child].total
            }
            waiting += children.reversed().map { (node: $0.0, depth: $0.1, start: $0.2) }
        }
    }
}
