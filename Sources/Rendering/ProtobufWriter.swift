// SPDX-License-Identifier: Apache-2.0

/// Writes protocol buffers (protobuf.dev/programming-guides/encoding): what profile.proto needs.
struct ProtobufWriter {
    private(set) var bytes: [UInt8] = []

    /// A number; 0 is the default, and left out.
    mutating func number(_ field: Int, _ value: UInt64) {
        guard value != 0 else { return }
        varint(UInt64(field << 3))
        varint(value)
    }

    mutating func text(_ field: Int, _ value: String) { bytes(field, Array(value.utf8)) }

    mutating func message(_ field: Int, _ body: (inout ProtobufWriter) -> Void) {
        var inner = ProtobufWriter()
        body(&inner)
        bytes(field, inner.bytes)
    }

    /// Several numbers in one field, zeros among them.
    mutating func packed(_ field: Int, _ values: [UInt64]) {
        var inner = ProtobufWriter()
        values.forEach { inner.varint($0) }
        bytes(field, inner.bytes)
    }

    private mutating func bytes(_ field: Int, _ value: [UInt8]) {
        varint(UInt64(field << 3 | 2))
        varint(UInt64(value.count))
        bytes += value
    }

    private mutating func varint(_ value: UInt64) {
        var rest = value
        while rest >= 0x80 {
            bytes.append(UInt8(rest & 0x7f) | 0x80)
            rest >>= 7
        }
        bytes.append(UInt8(rest))
    }
}
