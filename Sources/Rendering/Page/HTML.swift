// SPDX-License-Identifier: Apache-2.0

/// Markup, text in it escaped.
enum HTML {
    /// Text that may come from a target or a user, safe in an element and in a quoted attribute.
    static func escaped(_ text: String) -> String {
        var result = ""
        // By scalar: a quote with a mark on it is one Character, and still ends an attribute.
        for scalar in text.escapedForTerminal.unicodeScalars {
            switch scalar {
            case "&": result += "&amp;"
            case "<": result += "&lt;"
            case ">": result += "&gt;"
            case "\"": result += "&quot;"
            case "'": result += "&#39;"
            default: result.unicodeScalars.append(scalar)
            }
        }
        return result
    }

    /// JSON as the content of a script element: nothing in it can end that, or begin a comment.
    static func embedded(_ json: [UInt8]) -> String {
        var result: [UInt8] = []
        for byte in json {
            if byte == UInt8(ascii: "<") { result += "\\u003c".utf8 } else { result.append(byte) }
        }
        return String(decoding: result, as: UTF8.self)
    }

    static func element(_ name: String, _ attributes: String = "", _ content: String) -> String {
        "<\(name)\(attributes.isEmpty ? "" : " " + attributes)>\(content)</\(name)>"
    }

    /// A table that can be scrolled by keyboard where it is too wide.
    static func table(caption: String, head: [String], rows: [[String]]) -> String {
        // A column of words begins at the left, with its head.
        let header = head.enumerated().map { index, name in
            let isText = rows.contains { index < $0.count && $0[index].hasPrefix("<td class=\"text\"") }
            return "<th scope=\"col\"\(isText ? " class=\"text\"" : "")>\(escaped(name))</th>"
        }.joined()
        let body = rows.map { row in
            "<tr>"
                + row.enumerated().map { index, cell in
                    index == 0 ? "<th scope=\"row\">\(cell)</th>" : cell.hasPrefix("<td") ? cell : "<td>\(cell)</td>"
                }.joined() + "</tr>"
        }
        return
            "<div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\"\(escaped(caption))\"><table><caption>"
            + escaped(caption)
            + "</caption><thead><tr>\(header)</tr></thead><tbody>\(body.joined(separator: "\n"))</tbody></table></div>"
    }
}
