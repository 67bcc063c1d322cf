// SPDX-License-Identifier: Apache-2.0
import Glibc

/// Bytes to be written, in memory that is used again and again: no String, no array for a line.
public struct ByteBuffer: ~Copyable {
    /// Ours until deinit; `capacity` bytes, of which `count` are written.
    private var base: UnsafeMutablePointer<UInt8>
    private var capacity: Int
    /// How many bytes there are.
    public private(set) var count = 0

    /// - Parameter capacity: bytes that there is room for at first; 64 at least.
    public init(capacity: Int = 1 << 16) {
        self.capacity = max(64, capacity)
        base = .allocate(capacity: self.capacity)
    }

    deinit { base.deallocate() }

    /// What has been appended; valid during the call.
    public func withBytes<R, E: Error>(_ body: (UnsafeRawBufferPointer) throws(E) -> R) throws(E) -> R {
        try body(UnsafeRawBufferPointer(start: base, count: count))
    }

    /// Forgets what was appended, and keeps the memory.
    public mutating func removeAll() { count = 0 }
    /// Takes back what was appended after there were so many.
    public mutating func cut(to count: Int) { self.count = min(self.count, count) }

    @inline(__always)
    mutating func reserve(_ more: Int) {
        if count + more > capacity { grow(more) }
    }

    @inline(never)
    private mutating func grow(_ more: Int) {
        let larger = max(2 * capacity, count + more)
        let memory = UnsafeMutablePointer<UInt8>.allocate(capacity: larger)
        memory.update(from: base, count: count)
        base.deallocate()
        (base, capacity) = (memory, larger)
    }

    /// Appends a byte.
    @inline(__always)
    public mutating func append(_ byte: UInt8) {
        reserve(1)
        base[count] = byte
        count += 1
    }

    /// Appends a text, in UTF-8, as it is.
    @inline(__always)
    public mutating func append(_ text: StaticString) {
        let length = text.utf8CodeUnitCount
        reserve(length)
        (base + count).update(from: text.utf8Start, count: length)
        count += length
    }

    /// Appends bytes, as they are.
    @inline(__always)
    public mutating func append(_ bytes: UnsafeRawBufferPointer) {
        guard let start = bytes.baseAddress else { return }
        reserve(bytes.count)
        memcpy(base + count, start, bytes.count)
        count += bytes.count
    }

    /// Appends bytes, as they are.
    @inline(__always)
    public mutating func append(_ bytes: [UInt8]) {
        bytes.withUnsafeBytes { append($0) }
    }

    /// Appends a text, in UTF-8, as it is.
    public mutating func append(_ text: String) {
        for byte in text.utf8 { append(byte) }
    }

    /// Appends a number in decimal.
    public mutating func append(decimal value: UInt64) {
        reserve(20)
        if value < 10 {
            base[count] = 0x30 | UInt8(truncatingIfNeeded: value)
            count += 1
            return
        }
        var digits = 1
        var limit: UInt64 = 10
        while value >= limit {
            digits += 1
            if digits == 20 { break }
            limit *= 10
        }
        append(padded: value, digits: digits)
    }

    /// So many digits, zeros first.
    public mutating func append(padded value: UInt64, digits: Int) {
        reserve(digits)
        var rest = value
        var place = count + digits
        while place > count {
            place -= 1
            let (quotient, digit) = rest.quotientAndRemainder(dividingBy: 10)
            base[place] = 0x30 | UInt8(truncatingIfNeeded: digit)
            rest = quotient
        }
        count += digits
    }

    /// Appends a number in decimal, with its sign where it is below 0.
    public mutating func append(signed value: Int64) {
        if value < 0 { append(0x2d) }
        append(decimal: value.magnitude)
    }

    /// `0x7ffd3a`; 0 for 0.
    public mutating func append(hex value: UInt64) {
        guard value != 0 else { return append(0x30) }
        append("0x")
        let digits = (67 - value.leadingZeroBitCount) / 4
        append(value, digits: digits, bits: 4)
    }

    /// `0644`; 0 for 0.
    public mutating func append(octal value: UInt64) {
        append(0x30)
        guard value != 0 else { return }
        append(value, digits: (66 - value.leadingZeroBitCount) / 3, bits: 3)
    }

    private mutating func append(_ value: UInt64, digits: Int, bits: UInt64) {
        reserve(digits)
        for index in 0..<digits {
            let digit = UInt8(truncatingIfNeeded: value >> (UInt64(digits - 1 - index) * bits) & (1 << bits - 1))
            base[count + index] = digit < 10 ? 0x30 + digit : 0x57 + digit
        }
        count += digits
    }

    /// Bytes of a target as C writes them: what is not printable ASCII is escaped, so that they are safe
    /// on any terminal. An octal escape is as short as it can be; an octal digit after it would be part of it, so
    /// that it has three digits before one.
    public mutating func append(escaped bytes: UnsafeRawBufferPointer) {
        // Four for each, at most.
        reserve(4 * bytes.count)
        for (index, byte) in bytes.enumerated() {
            if byte >= 0x20 && byte < 0x7f && byte != 0x22 && byte != 0x5c {
                base[count] = byte
                count += 1
            } else {
                append(escape: byte, before: index + 1 < bytes.count ? bytes[index + 1] : 0)
            }
        }
    }

    private mutating func append(escape byte: UInt8, before next: UInt8) {
        append(0x5c)
        switch byte {
        case 0x22, 0x5c: append(byte)
        case 0x0a: append(0x6e)
        case 0x09: append(0x74)
        case 0x0d: append(0x72)
        case 0x0b: append(0x76)
        case 0x0c: append(0x66)
        default:
            let isFull = next & 0xf8 == 0x30
            if isFull || byte >= 0o100 { append(0x30 | byte >> 6) }
            if isFull || byte >= 0o10 { append(0x30 | byte >> 3 & 7) }
            append(0x30 | byte & 7)
        }
    }
}
