// SPDX-License-Identifier: Apache-2.0
import Testing

@testable import Rendering

@Suite struct ProfileRenderingTests {
    @Test func `numbers, text and messages are as protocol buffers have them`() {
        // The examples of protobuf.dev/programming-guides/encoding.
        var out = ProtobufWriter()
        out.number(1, 150)
        #expect(out.bytes == [0x08, 0x96, 0x01])
        out = ProtobufWriter()
        out.text(2, "testing")
        #expect(out.bytes == [0x12, 0x07] + Array("testing".utf8))
        out = ProtobufWriter()
        out.message(3) { $0.number(1, 150) }
        #expect(out.bytes == [0x1a, 0x03, 0x08, 0x96, 0x01])
        out = ProtobufWriter()
        out.packed(6, [3, 270, 86_942])
        #expect(out.bytes == [0x32, 0x06, 0x03, 0x8e, 0x02, 0x9e, 0xa7, 0x05])
        out = ProtobufWriter()
        out.number(1, .max)
        #expect(out.bytes == [0x08] + Array(repeating: 0xff, count: 9) + [0x01])
    }

    @Test func `what is compressed begins as gzip does, and is smaller`() throws {
        let bytes = try #require(gzipped(Array(repeating: 7, count: 100_000)))
        #expect(bytes.prefix(3) == [0x1f, 0x8b, 8] && bytes.count < 1_000)
        #expect(try #require(gzipped([])).count == 20)
    }

    @Test func `a name is cut in its middle`() {
        #expect("abcdefghij".shortened(to: 10) == "abcdefghij")
        #expect("abcdefghijk".shortened(to: 10) == "abcdef…ijk")
        #expect("abcdefghijk".shortened(to: 1) == "a")
    }

    @Test func `no name is a tag`() {
        #expect(HTML.escaped(#"<a href="x">'&"#) == "&lt;a href=&quot;x&quot;&gt;&#39;&amp;")
        #expect(HTML.escaped("\"\u{301}x") == "&quot;\u{301}x")
    }
}
