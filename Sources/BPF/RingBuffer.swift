// SPDX-License-Identifier: Apache-2.0
import CLibbpf
import Glibc
import Synchronization

/// The reading end of a BPF ring buffer.
///
/// Records are borrowed: the closure of ``drain(_:)`` sees each where the kernel wrote it, during
/// the call alone. The layout is that of kernel/bpf/ringbuf.c: a consumer page, a producer page,
/// then the data twice over, so that no record is ever split.
public struct RingBuffer: ~Copyable {
    /// Readable for `poll`, `epoll`: there are records.
    public let descriptor: Int32
    private let size: Int
    private let page: Int
    // Both mappings are ours until deinit. Only we write the consumer's position.
    private let consumer: UnsafeMutableRawPointer
    private let producer: UnsafeMutableRawPointer

    /// - Throws: ``BPFError`` where the map is no ring buffer.
    public init(_ map: borrowing Map) throws(BPFError) {
        guard map.type == BPF_MAP_TYPE_RINGBUF.rawValue else { throw BPFError(.mismatch, "read the ring", map.name) }
        let page = Int(getpagesize())
        let descriptor = fcntl(map.descriptor, F_DUPFD_CLOEXEC, 0)
        let consumer = mmap(nil, page, PROT_READ | PROT_WRITE, MAP_SHARED, descriptor, 0)
        let producer = mmap(nil, page + 2 * map.capacity, PROT_READ, MAP_SHARED, descriptor, page)
        guard let consumer, consumer != MAP_FAILED, let producer, producer != MAP_FAILED else {
            let error = errno
            if consumer != MAP_FAILED { munmap(consumer, page) }
            close(descriptor)
            throw BPFError("map the ring", map.name, errno: error)
        }
        (self.page, size, self.descriptor) = (page, map.capacity, descriptor)
        (self.consumer, self.producer) = (consumer, producer)
    }

    deinit {
        munmap(consumer, page)
        munmap(producer, page + 2 * size)
        close(descriptor)
    }

    /// Hands each record that is there to `body`, in order, and gives how many there were.
    ///
    /// It returns when it has caught up with the programs; it does not wait.
    @discardableResult
    public func drain<E: Error>(_ body: (RawSpan) throws(E) -> Void) throws(E) -> Int {
        var records = 0
        var position = self.position(of: consumer).pointee.load(ordering: .relaxed)
        while true {
            let end = self.position(of: producer).pointee.load(ordering: .acquiring)
            guard position < end else { return records }
            while position < end {
                let header = producer + page + Int(position & UInt64(size - 1))
                // A record that a program is still writing: the next ones wait behind it.
                let word = length(at: header).pointee.load(ordering: .acquiring)
                if word & Self.busy != 0 { return records }
                let length = Int(word & ~(Self.busy | Self.discarded))
                position += UInt64((length + Self.headerSize + 7) & ~7)
                // Even if body throws, this record has been consumed.
                defer { self.position(of: consumer).pointee.store(position, ordering: .releasing) }
                if word & Self.discarded == 0 {
                    records += 1
                    try body(
                        RawSpan(_unsafeBytes: UnsafeRawBufferPointer(start: header + Self.headerSize, count: length)))
                }
            }
        }
    }

    // include/uapi/linux/bpf.h: BPF_RINGBUF_BUSY_BIT, _DISCARD_BIT, _HDR_SZ.
    private static let busy: UInt32 = 1 << 31
    private static let discarded: UInt32 = 1 << 30
    private static let headerSize = 8

    /// The kernel's and our positions: 8-byte words at the start of their pages, shared with the
    /// kernel, valid as long as the mappings are. `Atomic` has the layout of its value.
    private func position(of page: UnsafeMutableRawPointer) -> UnsafeMutablePointer<Atomic<UInt64>> {
        page.assumingMemoryBound(to: Atomic<UInt64>.self)
    }

    private func length(at header: UnsafeMutableRawPointer) -> UnsafeMutablePointer<Atomic<UInt32>> {
        header.assumingMemoryBound(to: Atomic<UInt32>.self)
    }
}
