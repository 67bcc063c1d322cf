// SPDX-License-Identifier: Apache-2.0
import Linux
public import Tracers

extension Doctor.Examination {
    /// A line for each finding, and under what is missing what that costs and what would bring it back.
    public func text(style: TextStyle) -> String {
        var lines: [String] = []
        for finding in findings {
            let mark =
                switch finding.verdict {
                case .yes: style.colored("yes", "32")
                case .no: finding.costs.isEmpty ? "no " : style.warning("no ")
                case .unknown: style.warning("?  ")
                }
            let head = " \(mark)  " + finding.subject.padded(to: 26)
            lines.append(head + finding.detail.wrapped(indent: 32).dropFirst(32))
            for (word, text) in [("costs", finding.costs), ("to get it", finding.remedy)] where !text.isEmpty {
                lines.append("\(word): \(text)".wrapped(indent: 10, first: 8))
            }
        }
        lines += [
            "", canTime ? " apus time can run." : style.warning(" apus time cannot run: see the lines that cost it."),
        ]
        return lines.map { $0.trimmedAtEnd }.joined(separator: "\n") + "\n"
    }

    /// The document `apus.doctor/1`.
    public var json: [UInt8] {
        var json = JSONWriter()
        json.object { json in
            json.header("apus.doctor/1")
            json.value("can_time", canTime)
            json.array("findings") { json in
                for finding in findings {
                    json.object { json in
                        json.value("id", finding.id)
                        json.value("subject", finding.subject)
                        json.value("verdict", finding.verdict.rawValue)
                        json.value("detail", finding.detail)
                        json.value("costs", finding.costs)
                        json.value("remedy", finding.remedy)
                    }
                }
            }
        }
        json.newline()
        return json.bytes
    }
}
