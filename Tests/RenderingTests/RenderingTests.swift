// SPDX-License-Identifier: Apache-2.0
import Foundation
import Testing

@testable import Rendering

struct FormatTests {
    @Test(arguments: [
        (0, "0"), (1, "1 ns"), (999, "999 ns"), (1_000, "1.00 µs"), (9_994, "9.99 µs"), (9_996, "10.0 µs"),
        (99_940, "99.9 µs"), (99_960, "100 µs"), (999_960, "1.00 ms"), (12_400_000, "12.4 ms"), (412_000_000, "412 ms"),
        (999_960_000, "1.00 s"), (12_345_678_901, "12.35 s"), (3_600_000_000_000, "3600 s"),
        (360_000_000_000_000, "100 h"),
    ])
    func `durations have a unit and three figures`(nanoseconds: UInt64, text: String) {
        #expect(Format.duration(nanoseconds) == text)
    }

    @Test func `shares that are there are never shown as nothing`() {
        #expect(Format.percent(0, of: 100) == "0.0")
        #expect(Format.percent(1, of: 1_000_000) == "<0.1")
        #expect(Format.percent(1, of: 3) == "33.3")
        #expect(Format.percent(3, of: 3) == "100.0")
        #expect(Format.percent(0, of: 0) == "-")
    }

    @Test func `numbers keep their digits`() {
        #expect(Format.count(0) == "0")
        #expect(Format.count(999) == "999")
        #expect(Format.count(1_234_567) == "1,234,567")
        #expect(Format.count(9_999, columns: 5) == "9,999" && Format.count(10_000, columns: 5) == "10k")
        #expect(Format.count(150_499, columns: 4) == "150k" && Format.count(999_500, columns: 4) == "1M")
        #expect(Format.count(1_999_999, columns: 8) == "2,000k" && Format.count(.max, columns: 5) == "18E")
        #expect(Format.fixed(1e13, 6) == "10000000000000.000000" && Format.fixed(-1e30, 1) == "-1e+30")
        #expect(Format.fixed(-0.05, 1) == "-0.1")
        #expect(Format.fixed(2.5, 0) == "3")
        #expect(Format.fixed(0.004, 2) == "0.00")
    }
}

struct HostileTextTests {
    static let hostile = "\u{1b}[31mred\u{7}\r\n\u{9b}2J\u{202e}gpj.exe\u{7f}\0é鳥"

    @Test func `nothing that a terminal acts on is left`() {
        let safe = Self.hostile.escapedForTerminal
        #expect(
            safe.unicodeScalars.allSatisfy {
                $0.value >= 0x20 && !(0x7f...0x9f).contains($0.value) && $0.value != 0x202e
            })
        #expect(safe.hasPrefix("\\x1b[31mred\\x07\\x0d\\x0a\\x9b2J\\u{202e}gpj"))
        #expect(safe.hasSuffix("é鳥"))
    }

    @Test func `harmless text is left alone`() { #expect("kworker/0:1-ev 鳥".escapedForTerminal == "kworker/0:1-ev 鳥") }

    @Test func `JSON gives the text back exactly`() throws {
        var json = JSONWriter()
        json.object { json in json.value("text", Self.hostile) }
        #expect(json.bytes.allSatisfy { $0 >= 0x20 && $0 != 0x7f })
        let object = try #require(try JSONSerialization.jsonObject(with: Data(json.bytes)) as? [String: String])
        #expect(object["text"] == Self.hostile)
    }
}

struct JSONWriterTests {
    @Test func `values, arrays and objects nest in the order they are told`() {
        var json = JSONWriter()
        json.object { json in
            json.value("a", 1)
            json.value("b", UInt64?.none)
            json.value("c", true)
            json.array("d") { json in
                json.value(nil, 1.25)
                json.value(nil, Double.nan)
                json.object { _ in }
            }
            json.value("e", "x\"\\\n")
        }
        json.newline()
        json.object { $0.value("second", -1) }
        #expect(
            String(decoding: json.bytes, as: UTF8.self)
                == #"{"a":1,"b":null,"c":true,"d":[1.3,null,{}],"e":"x\"\\\n"}"# + "\n" + #"{"second":-1}"#)
    }
}

struct ColumnTests {
    @Test func `text is padded, aligned and cut to columns`() {
        #expect("abc".padded(to: 5) == "abc  ")
        #expect("abcdef".padded(to: 3) == "abc")
        #expect("abc".aligned(right: 5) == "  abc")
        #expect("abcdef".padded(toAtMost: 4) == "abc…")
        #expect("abc".padded(toAtMost: 4) == "abc")
    }
}
