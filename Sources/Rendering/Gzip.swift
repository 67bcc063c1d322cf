// SPDX-License-Identifier: Apache-2.0
import CZlib

/// Compresses as gzip(1) does; nil where zlib finds no memory.
func gzipped(_ bytes: [UInt8]) -> [UInt8]? {
    var stream = z_stream()
    // 15 bits of window, and 16 for gzip's header (zlib.h, deflateInit2).
    guard
        deflateInit2_(
            &stream, Z_DEFAULT_COMPRESSION, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY, ZLIB_VERSION,
            Int32(MemoryLayout<z_stream>.size)) == Z_OK
    else { return nil }
    defer { deflateEnd(&stream) }
    var status = Z_OK
    let output = bytes.withUnsafeBufferPointer { input in
        // deflate() does not write to its input; the type is not const.
        stream.next_in = UnsafeMutablePointer(mutating: input.baseAddress)
        stream.avail_in = UInt32(input.count)
        let bound = Int(deflateBound(&stream, UInt(input.count)))
        return [UInt8](unsafeUninitializedCapacity: bound) { buffer, count in
            stream.next_out = buffer.baseAddress
            stream.avail_out = UInt32(buffer.count)
            status = deflate(&stream, Z_FINISH)
            count = Int(stream.total_out)
        }
    }
    return status == Z_STREAM_END ? output : nil
}
