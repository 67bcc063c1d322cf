// SPDX-License-Identifier: Apache-2.0
import CEvents
import Tracers

/// Records that are whole, one after another in memory that is used again and again. They are handed
/// on once the thread that made them runs again.
final class RecordQueue {
    private var bytes: UnsafeMutableRawPointer
    private var capacity = 64 << 10
    private var end = 0

    init() { bytes = .allocate(byteCount: capacity, alignment: 8) }

    deinit { bytes.deallocate() }

    var isEmpty: Bool { end == 0 }

    func append(_ record: UnsafeRawBufferPointer) {
        reserve(record.count)
        (bytes + end).copyMemory(from: record)
        end += (record.count + 7) & ~7
    }

    /// A record without captures.
    func append(_ header: syscall_record) {
        withUnsafeBytes(of: header) { append($0) }
    }

    /// Gives each one, and forgets them all, even if `body` throws.
    func drain<E: Error>(_ body: (SyscallRecord) throws(E) -> Void) throws(E) {
        defer { end = 0 }
        var at = 0
        while at < end, let record = SyscallRecord(UnsafeRawBufferPointer(start: bytes + at, count: end - at)) {
            try body(record)
            at += (Int(record.header.size) + 7) & ~7
        }
    }

    private func reserve(_ size: Int) {
        guard end + size + 8 > capacity else { return }
        capacity = 2 * (capacity + size)
        let larger = UnsafeMutableRawPointer.allocate(byteCount: capacity, alignment: 8)
        larger.copyMemory(from: bytes, byteCount: end)
        bytes.deallocate()
        bytes = larger
    }
}

extension UnsafeMutableRawPointer {
    fileprivate func copyMemory(from buffer: UnsafeRawBufferPointer) {
        guard let base = buffer.baseAddress else { return }
        copyMemory(from: base, byteCount: buffer.count)
    }
}
