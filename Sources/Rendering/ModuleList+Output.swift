// SPDX-License-Identifier: Apache-2.0
import Linux
public import Tracers

extension ModuleFormat {
    /// A table, in the kernel's order; with details the file, and who loaded it if that was seen.
    public func text(_ entries: [ModuleList.Entry]) -> String {
        var lines = [
            style.dim(
                "MODULE".padded(to: 18) + "SIZE".aligned(right: 10) + "REFS".aligned(right: 5)
                    + "  STATE     TAINT SIGNED VERSION  USED BY")
        ]
        for entry in entries {
            let row =
                entry.name.escapedForTerminal.padded(toAtLeast: 18) + String(entry.sizeBytes).aligned(right: 10)
                + (entry.references.map { String($0) } ?? "-").aligned(right: 5) + "  " + entry.state.padded(to: 10)
                + (entry.taints.isEmpty ? "-" : entry.taints).padded(to: 6)
                + (entry.isSigned.map { $0 ? "yes" : "no" } ?? "-").padded(to: 7)
                + (entry.version ?? "-").escapedForTerminal.padded(toAtMost: 8).padded(to: 9)
            let users = entry.usedBy + (entry.isPermanent ? ["[permanent]"] : [])
            let text = users.joined(separator: ",").escapedForTerminal
            lines.append(row.count + text.count <= 80 ? row + text : row)
            if row.count + text.count > 80 {
                lines.append(users.joined(separator: ", ").escapedForTerminal.wrapped(indent: 4))
            }
            guard isVerbose else { continue }
            if let file = entry.file { lines.append("    file \(file)".escapedForTerminal) }
            if let srcversion = entry.srcversion { lines.append("    srcversion \(srcversion)".escapedForTerminal) }
            if let seen = entry.seen {
                lines.append(
                    "    loaded \(Clock.localTimeOfDay(seen.time &+ realtimeOffset)) by "
                        + "\(seen.loader.command.escapedForTerminal) \(seen.loader.pid)")
            }
        }
        if entries.isEmpty { lines.append("no module is loaded") }
        return lines.map { $0.trimmedAtEnd }.joined(separator: "\n") + "\n"
    }

    /// One line of `apus.modules/1`, type `list`.
    public func json(_ entries: [ModuleList.Entry]) -> [UInt8] {
        var json = JSONWriter()
        json.object { json in
            json.header("apus.modules/1")
            json.value("type", "list")
            json.array("modules") { json in
                for entry in entries {
                    json.object { json in
                        json.value("name", entry.name)
                        json.value("size_bytes", entry.sizeBytes)
                        json.value("references", entry.references)
                        json.array("used_by") { json in entry.usedBy.forEach { json.value(nil, $0) } }
                        json.value("permanent", entry.isPermanent)
                        json.value("state", entry.state)
                        json.value("taints", entry.taints)
                        json.value("signed", entry.isSigned)
                        json.value("version", entry.version)
                        json.value("srcversion", entry.srcversion)
                        json.value("file", entry.file)
                        if let seen = entry.seen {
                            json.object("loaded") { json in
                                json.value("time", Clock.rfc3339(seen.time &+ realtimeOffset))
                                json.value("pid", seen.loader.pid)
                                json.value("command", seen.loader.command)
                            }
                        } else {
                            json.value("loaded", String?.none)
                        }
                    }
                }
            }
        }
        json.newline()
        return json.bytes
    }
}
