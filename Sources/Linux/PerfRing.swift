// SPDX-License-Identifier: Apache-2.0
import CLinux
import Glibc
import Synchronization

/// The kernel's records of one CPU in a perf event's ring buffer (perf_event_open(2), "MMAP layout").
///
/// Only the kernel moves the head, only we the tail.
final class PerfRing {
    let descriptor: Int32
    /// A page of control, then `size` bytes of data. Mapped until deinit.
    private let base: UnsafeMutableRawPointer
    private let page: Int
    private let size: Int
    private var scratch: [UInt8] = []

    /// Takes the descriptor over.
    init(descriptor: Int32, size: Int) throws(SystemError) {
        let page = Int(getpagesize())
        guard let base = mmap(nil, page + size, PROT_READ | PROT_WRITE, MAP_SHARED, descriptor, 0), base != MAP_FAILED
        else {
            let error = errno
            close(descriptor)
            throw SystemError("map", "the ring of a perf event", errno: error)
        }
        (self.descriptor, self.base, self.page, self.size) = (descriptor, base, page, size)
    }

    deinit {
        munmap(base, page + size)
        close(descriptor)
    }

    /// Hands each record to `body`, its header included, valid during the call.
    func drain(_ body: (UnsafeRawBufferPointer) -> Void) {
        // struct perf_event_mmap_page: data_head at 1024, data_tail after it.
        let control = (base + 1024).assumingMemoryBound(to: Atomic<UInt64>.self)
        let head = control[0].load(ordering: .acquiring)
        var tail = control[1].load(ordering: .relaxed)
        let data = base + page
        while tail < head {
            let offset = Int(tail % UInt64(size))
            let header = data.loadUnaligned(fromByteOffset: offset, as: perf_event_header.self)
            let length = Int(header.size)
            guard length >= MemoryLayout<perf_event_header>.size, UInt64(length) <= head - tail else { break }
            if offset + length <= size {
                body(UnsafeRawBufferPointer(start: data + offset, count: length))
            } else {
                // It goes on at the beginning.
                scratch.removeAll(keepingCapacity: true)
                scratch.append(contentsOf: UnsafeRawBufferPointer(start: data + offset, count: size - offset))
                scratch.append(contentsOf: UnsafeRawBufferPointer(start: data, count: length - (size - offset)))
                scratch.withUnsafeBytes { body($0) }
            }
            tail += UInt64(length)
        }
        control[1].store(head, ordering: .releasing)
    }
}
