// SPDX-License-Identifier: Apache-2.0
public import CEvents

/// One record of an observer of system calls, as it lies in memory: `struct syscall_record` of
/// `bpf/syscalls.h`, and the captures that follow it.
///
/// It borrows the bytes, and is valid as long as they are: in a closure that is given one, during the
/// call alone. Every observer makes the same bytes, so that what is behind here is shared.
public struct SyscallRecord {
    // Inlinable, with what each record is asked for as it comes: a call for each would take as long as reading it.
    @usableFromInline let bytes: UnsafeRawBufferPointer

    /// - Parameter bytes: one record, whole. The owner keeps them alive.
    /// - Returns: nil: shorter than a record, or than what it says of itself.
    @inlinable public init?(_ bytes: UnsafeRawBufferPointer) {
        guard bytes.count >= MemoryLayout<syscall_record>.size else { return nil }
        let size = Int(bytes.loadUnaligned(as: syscall_record.self).size)
        guard size <= bytes.count, size >= MemoryLayout<syscall_record>.size else { return nil }
        self.bytes = UnsafeRawBufferPointer(start: bytes.baseAddress, count: size)
    }

    /// The record's fixed part, read where it lies.
    @inlinable @inline(__always)
    public var header: syscall_record { bytes.loadUnaligned(as: syscall_record.self) }

    /// What follows it: captures, each at a multiple of 8.
    var payload: UnsafeRawBufferPointer {
        UnsafeRawBufferPointer(rebasing: bytes[MemoryLayout<syscall_record>.size...])
    }

    /// The record's bytes, to be kept.
    public var copy: [UInt8] { Array(bytes) }

    /// What the record tells: which of its fields mean what.
    @inlinable public var type: syscall_record_type { syscall_record_type(UInt32(header.type)) }
    /// Whether a bit of the header's `flags` is set.
    @inlinable public func has(_ flag: syscall_flags) -> Bool { UInt32(header.flags) & flag.rawValue != 0 }

    /// The error number of a call that failed; nil: it did not, or has not returned.
    ///
    /// The kernel's MAX_ERRNO: results from -4095 to -1 are errors.
    public var errno: Int32? {
        guard header.result < 0, header.result >= -4095, !has(SYSCALL_UNFINISHED) else { return nil }
        return Int32(-header.result)
    }

    /// An argument, 0 to 5, as the register had it.
    public func argument(_ index: Int) -> UInt64 {
        switch index {
        case 0: header.arguments.0
        case 1: header.arguments.1
        case 2: header.arguments.2
        case 3: header.arguments.3
        case 4: header.arguments.4
        default: header.arguments.5
        }
    }

    /// The number that tables of both kinds of calls go by.
    public var key: Int { Self.key(number: Int(header.number), isCompat: has(SYSCALL_COMPAT)) }

    /// 512 more for a call of the i386 table. All numbers that are none of a call have the last key of their
    /// table, as with the programs (`key_of` in bpf/syscalls_filter.bpf.h).
    public static func key(number: Int, isCompat: Bool) -> Int {
        let last = Int(SYSCALL_NUMBERS) - 1
        return ((0...last).contains(number) ? number : last) + (isCompat ? Int(SYSCALL_NUMBERS) : 0)
    }
}

/// A piece of the target's memory that a record holds.
public struct SyscallCapture {
    /// Of which argument, how it was read, and how much there is.
    public let header: syscall_capture
    /// Borrowed of the record.
    public let bytes: UnsafeRawBufferPointer

    /// Whether a bit of the header's `flags` is set.
    public func has(_ flag: syscall_capture_flags) -> Bool { UInt32(header.flags) & flag.rawValue != 0 }
    /// How the memory was read, and so what ``bytes`` are.
    public var kind: syscall_capture_kind { syscall_capture_kind(UInt32(header.kind)) }
}

extension SyscallRecord {
    /// The captures, in the order in which they were made.
    public struct Captures: Sequence, IteratorProtocol {
        private var rest: UnsafeRawBufferPointer

        init(_ payload: UnsafeRawBufferPointer) { rest = payload }

        /// The next capture; nil where there is none, or not all of it.
        public mutating func next() -> SyscallCapture? {
            let head = MemoryLayout<syscall_capture>.size
            guard rest.count >= head else { return nil }
            let header = rest.loadUnaligned(as: syscall_capture.self)
            let end = head + Int(header.size)
            guard end <= rest.count else { return nil }
            let bytes = UnsafeRawBufferPointer(rebasing: rest[head..<end])
            rest = UnsafeRawBufferPointer(rebasing: rest[Swift.min((end + 7) & ~7, rest.count)...])
            return SyscallCapture(header: header, bytes: bytes)
        }
    }

    /// The captures, in the order in which they were made.
    public var captures: Captures { Captures(payload) }

    /// The first capture of an argument, at entry or at exit.
    public func capture(of argument: Int, atExit: Bool = false) -> SyscallCapture? {
        for capture in captures
        where Int(capture.header.argument) == argument && capture.has(SYSCALL_AT_EXIT) == atExit { return capture }
        return nil
    }
}
