// SPDX-License-Identifier: Apache-2.0
import CLibbpf
import Glibc
public import Synchronization

/// The reading end of a BPF ring buffer.
///
/// Records are borrowed: the closure of ``drain(_:)`` sees each where the kernel wrote it, during
/// the call alone. The layout is that of kernel/bpf/ringbuf.c: a consumer page, a producer page,
/// then the data twice over, so that no record is ever split.
public struct RingBuffer: ~Copyable {
    /// Readable for `poll`, `epoll`: there are records; or the reader has been woken, see
    /// ``init(_:onWakeup:)``.
    public var descriptor: Int32 { wakeups >= 0 ? wakeups : mapDescriptor }
    /// The ring itself, for a reader in another process.
    public let mapDescriptor: Int32
    private let wakeups: Int32
    @usableFromInline let size: Int
    @usableFromInline let page: Int
    // Both mappings are ours until deinit. Only we write the consumer's position.
    @usableFromInline let consumer: UnsafeMutableRawPointer
    @usableFromInline let producer: UnsafeMutableRawPointer

    /// - Parameter onWakeup: false: ``descriptor`` is readable as long as there are records. true: only
    ///   once the programs have woken the reader, until the next ``drain(_:)``; for programs that wake it
    ///   when there is enough to read. A reader that is faster than they are would else return for every
    ///   single record.
    /// - Throws: ``BPFError`` where the map is no ring buffer.
    public init(_ map: borrowing Map, onWakeup: Bool = false) throws(BPFError) {
        guard map.type == BPF_MAP_TYPE_RINGBUF.rawValue else { throw BPFError(.mismatch, "read the ring", map.name) }
        let descriptor = fcntl(map.descriptor, F_DUPFD_CLOEXEC, 0)
        guard descriptor >= 0 else { throw BPFError("use the ring", map.name, errno: errno) }
        try self.init(taking: descriptor, bytes: map.capacity, name: map.name, onWakeup: onWakeup)
    }

    /// - Parameter descriptor: the ring's, which it closes.
    init(taking descriptor: Int32, bytes: Int, name: String, onWakeup: Bool) throws(BPFError) {
        let page = Int(getpagesize())
        let consumer = mmap(nil, page, PROT_READ | PROT_WRITE, MAP_SHARED, descriptor, 0)
        let producer = mmap(nil, page + 2 * bytes, PROT_READ, MAP_SHARED, descriptor, page)
        guard let consumer, consumer != MAP_FAILED, let producer, producer != MAP_FAILED else {
            let error = errno
            if consumer != MAP_FAILED { munmap(consumer, page) }
            if producer != MAP_FAILED { munmap(producer, page + 2 * bytes) }
            close(descriptor)
            throw BPFError("map the ring", name, errno: error)
        }
        (self.page, size, mapDescriptor) = (page, bytes, descriptor)
        (self.consumer, self.producer) = (consumer, producer)
        wakeups = onWakeup ? Self.wakeups(of: descriptor) : -1
    }

    /// An epoll instance that is readable after each wakeup. -1: no descriptor is to be had, and the ring
    /// itself will do.
    private static func wakeups(of ring: Int32) -> Int32 {
        let instance = epoll_create1(Int32(EPOLL_CLOEXEC))
        var event = epoll_event(events: EPOLLIN.rawValue | EPOLLET.rawValue, data: epoll_data_t(fd: ring))
        guard instance >= 0, epoll_ctl(instance, EPOLL_CTL_ADD, ring, &event) != 0 else { return instance }
        close(instance)
        return -1
    }

    deinit {
        munmap(consumer, page)
        munmap(producer, page + 2 * size)
        close(mapDescriptor)
        if wakeups >= 0 { close(wakeups) }
    }

    // Inlinable: a call for each record, rather than one through each module that hands it on.
    /// Hands each record that is there to `body`, in order, and gives how many there were.
    ///
    /// It returns when it has caught up with the programs; it does not wait.
    ///
    /// - Throws: what `body` throws; the record that it was given then counts as read.
    @inlinable @inline(__always) @discardableResult
    public func drain<E: Error>(_ body: (RawSpan) throws(E) -> Void) throws(E) -> Int {
        acknowledgeWakeup()
        var records = 0
        var position = self.position(of: consumer).pointee.load(ordering: .relaxed)
        var published = position
        let stride = UInt64(size / 16)
        // Even if body throws, what it was given has been consumed.
        defer { self.position(of: consumer).pointee.store(position, ordering: .releasing) }
        while true {
            let end = self.position(of: producer).pointee.load(ordering: .acquiring)
            if position >= end {
                // The kernel wakes only a reader that has caught up, by what it last told: told now, and
                // looked once more.
                guard published < position else { return records }
                self.position(of: consumer).pointee.store(position, ordering: .sequentiallyConsistent)
                published = position
                continue
            }
            while position < end {
                let header = producer + page + Int(position & UInt64(size - 1))
                // A record that a program is still writing: the next ones wait behind it.
                let word = length(at: header).pointee.load(ordering: .acquiring)
                if word & Self.busy != 0 { return records }
                let length = Int(word & ~(Self.busy | Self.discarded))
                // Programs look at our position for each record that they write: it is kept from being
                // moved between CPUs as often.
                if position - published >= stride {
                    self.position(of: consumer).pointee.store(position, ordering: .releasing)
                    published = position
                }
                position += UInt64((length + Self.headerSize + 7) & ~7)
                if word & Self.discarded == 0 {
                    records += 1
                    try body(
                        RawSpan(_unsafeBytes: UnsafeRawBufferPointer(start: header + Self.headerSize, count: length)))
                }
            }
        }
    }

    /// Bytes that wait to be read.
    public var waitingBytes: Int {
        let end = position(of: producer).pointee.load(ordering: .acquiring)
        return Int(end - position(of: consumer).pointee.load(ordering: .relaxed))
    }

    /// What wakes the reader from here on makes ``descriptor`` readable anew.
    @usableFromInline func acknowledgeWakeup() {
        guard wakeups >= 0 else { return }
        var event = epoll_event()
        epoll_wait(wakeups, &event, 1, 0)
    }

    // include/uapi/linux/bpf.h: BPF_RINGBUF_BUSY_BIT, _DISCARD_BIT, _HDR_SZ.
    @inlinable static var busy: UInt32 { 1 << 31 }
    @inlinable static var discarded: UInt32 { 1 << 30 }
    @inlinable static var headerSize: Int { 8 }

    /// The kernel's and our positions: 8-byte words at the start of their pages, shared with the
    /// kernel, valid as long as the mappings are. `Atomic` has the layout of its value.
    @inlinable func position(of page: UnsafeMutableRawPointer) -> UnsafeMutablePointer<Atomic<UInt64>> {
        page.assumingMemoryBound(to: Atomic<UInt64>.self)
    }

    @inlinable func length(at header: UnsafeMutableRawPointer) -> UnsafeMutablePointer<Atomic<UInt32>> {
        header.assumingMemoryBound(to: Atomic<UInt32>.self)
    }
}
