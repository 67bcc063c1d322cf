// SPDX-License-Identifier: Apache-2.0
import CEvents

/// A thread that is traced, and the record of the call that it is in, as far as it has come.
final class Tracee {
    // An exec by another thread than the first one gives it the first one's number.
    var tid: Int32
    var pid: Int32
    /// Between a call's entry and its return.
    var isInCall = false
    /// The call is one that is asked for: its record is being made.
    var isWanted = false
    /// It has not executed the program yet that was launched.
    var isYetToExecute = false
    /// The call can change what descriptors stand for.
    var changesFiles = false
    /// The call came back to be made again, and it is not known yet on whose account.
    var isHeld = false
    /// In a call of the kind that waits for a child.
    var isWaiting = false
    /// In a call that reads or sets on which CPUs a thread may run.
    var isPlacing = false
    /// It has been asked to stop by us.
    var isInterrupted = false
    /// Stopped by a signal, with all of its process.
    var isStopped = false
    /// Told by its first stop alone: its maker's has not been seen yet.
    var isUnborn = false
    /// Observed just because the kernel attached us; to be let go at its first stop.
    var isUninvited = false
    var hasEnded = false

    /// What the int that a call tells by how much it wrote said at entry.
    var room = UInt64.max
    /// Where the captures end, from the end of the record's fixed part.
    var end = 0
    /// The record, then its captures. Nobody else has the memory; it lives as long as the thread's.
    let bytes: UnsafeMutableRawPointer
    /// Its last capture begins before SYSCALL_CAPTURES_SIZE, and has a head and padding.
    static let size = MemoryLayout<syscall_record>.size + SYSCALL_CAPTURES_SIZE + SYSCALL_CAPTURE_SIZE + 16

    init(tid: Int32, pid: Int32) {
        self.tid = tid
        self.pid = pid
        bytes = .allocate(byteCount: Self.size, alignment: 8)
        bytes.initializeMemory(as: UInt8.self, repeating: 0, count: Self.size)
    }

    deinit { bytes.deallocate() }

    /// The fixed part, in place.
    var record: UnsafeMutablePointer<syscall_record> { bytes.assumingMemoryBound(to: syscall_record.self) }

    /// The whole record: as long as its captures have come.
    func sealedRecord() -> UnsafeRawBufferPointer {
        let size = MemoryLayout<syscall_record>.size + end
        record.pointee.size = UInt16(size)
        return UnsafeRawBufferPointer(start: bytes, count: size)
    }
}
