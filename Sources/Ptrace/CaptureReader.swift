// SPDX-License-Identifier: Apache-2.0
import CEvents
import CLinux
import Glibc

/// Reads what a call's arguments point to, by the rules that the programs of the kernel follow, into the
/// same captures.
///
/// Unlike those it brings memory in that is paged out, so that nothing has to be read again later.
struct CaptureReader {
    /// One for each key, with room for SYSCALL_RULES.
    private let rules: [syscall_rules]
    private let stringLimit: Int
    let files: FileNames

    init(rules: [syscall_rules], stringLimit: Int, files: FileNames) {
        self.rules = rules
        self.stringLimit = stringLimit
        self.files = files
    }

    func captureAtEntry(_ tracee: Tracee, key: Int) {
        tracee.end = 0
        guard rules.indices.contains(key) else { return }
        follow(tracee, key, 0..<Int(rules[key].entry_count))
    }

    /// What a call fails to write is not there to be read.
    func captureAtExit(_ tracee: Tracee, key: Int) {
        guard rules.indices.contains(key) else { return }
        let result = tracee.record.pointee.result
        // EINTR, and ERESTART_RESTARTBLOCK of include/linux/errno.h.
        guard rules[key].is_of_interrupt != 0 ? [-4, -516].contains(result) : result >= 0 else { return }
        let (first, end) = (Int(rules[key].entry_count), Int(rules[key].count))
        if first < end { follow(tracee, key, first..<end) }
    }

    private func follow(_ tracee: Tracee, _ key: Int, _ range: Range<Int>) {
        rules.withUnsafeBufferPointer { rules in
            guard let base = rules.baseAddress else { return }
            // The rules are the first field of syscall_rules, in a C array: one after another.
            let all = UnsafeRawPointer(base + key).assumingMemoryBound(to: syscall_rule.self)
            for index in range where index < Int(SYSCALL_RULES) { follow(tracee, all[index]) }
        }
    }

    /// What a capture says of itself.
    private struct Tag {
        let argument: UInt8
        var kind: UInt32
        let flags: UInt8
        var index = 0

        func of(_ kind: syscall_capture_kind, _ index: Int = 0) -> Tag {
            var tag = self
            (tag.kind, tag.index) = (kind.rawValue, index)
            return tag
        }
    }

    private func follow(_ tracee: Tracee, _ rule: syscall_rule) {
        let tag = Tag(argument: rule.argument, kind: UInt32(rule.kind), flags: rule.flags)
        let address = argument(tracee, rule.argument)
        let count = argument(tracee, rule.count)
        let kind = syscall_capture_kind(tag.kind)
        if kind == SYSCALL_CAPTURE_FILE { return captureFile(tracee, Int32(truncatingIfNeeded: address), tag) }
        // No memory: the argument says it. Nothing is mapped in the first page.
        guard address >= 4096 else { return }
        let isAtExit = UInt32(rule.flags) & SYSCALL_AT_EXIT.rawValue != 0
        let left = isAtExit ? UInt64(bitPattern: tracee.record.pointee.result) : UInt64.max
        let size = UInt64(rule.size)
        let start = tracee.end
        switch kind {
        case SYSCALL_CAPTURE_PATH: readString(tracee, address, Int(SYSCALL_CAPTURE_SIZE) - 2, tag)
        case SYSCALL_CAPTURE_STRING: readString(tracee, address, stringLimit, tag)
        case SYSCALL_CAPTURE_BUFFER: readMemory(tracee, address, count, stringLimit, tag)
        case SYSCALL_CAPTURE_STRUCT:
            // The room for what is read at exit, which the call overwrites.
            if size == 4 && !isAtExit {
                tracee.room = word(tracee, address, as: UInt32.self).map { UInt64($0) } ?? .max
            }
            // Not every call uses all of it, and the next page need not be there.
            let rest = Self.bytesToPageEnd(from: address)
            if !readMemory(tracee, address, size, Int(size), tag), rest < Int(size) {
                readMemory(tracee, address, size, rest, tag)
            }
        case SYSCALL_CAPTURE_ARRAY where size == 0:
            readMemory(
                tracee, address, (UInt64(UInt32(truncatingIfNeeded: count)) + 63) / 64 * 8, Int(SYSCALL_SET_SIZE), tag)
        case SYSCALL_CAPTURE_ARRAY:
            readMemory(
                tracee, address, UInt64(UInt32(truncatingIfNeeded: count)) * size, Int(SYSCALL_ELEMENTS) * Int(size),
                tag)
        case SYSCALL_CAPTURE_SIZED:
            // At exit an int says how much there is, or the result.
            let isPointer = isAtExit && rule.count != UInt8(SYSCALL_RESULT)
            let written = isPointer ? word(tracee, count, as: UInt32.self).map { min(UInt64($0), tracee.room) } : count
            if let written {
                readMemory(tracee, address, UInt64(UInt32(truncatingIfNeeded: written)), Int(size), tag)
            }
        case SYSCALL_CAPTURE_STRINGS: readStrings(tracee, address, tag)
        case SYSCALL_CAPTURE_IOVEC where size > 0: readVectors(tracee, address, 1, .max, Int(size), tag)
        case SYSCALL_CAPTURE_IOVEC: readVectors(tracee, address, count, left, stringLimit, tag)
        case SYSCALL_CAPTURE_MESSAGE: readMessage(tracee, address, Int(size), left, tag)
        case SYSCALL_CAPTURE_MESSAGES:
            for index in 0..<min(count, UInt64(SYSCALL_MESSAGES)) {
                let message = address &+ index * size
                // Behind the struct msghdr: what was sent or received of it.
                guard let sent = word(tracee, message &+ 56, as: UInt32.self),
                    readMessage(tracee, message, Int(size), UInt64(sent), tag.of(SYSCALL_CAPTURE_MESSAGE))
                else { return }
            }
        case SYSCALL_CAPTURE_POINTERS: countElements(tracee, address, .max, tag)
        case SYSCALL_CAPTURE_ENTRIES: countElements(tracee, address, count, tag)
        default: break
        }
        if rule.stride > 0 { readFiles(tracee, from: start + Self.head, to: tracee.end, stride: Int(rule.stride), tag) }
    }

    private static let head = MemoryLayout<syscall_capture>.size

    private func argument(_ tracee: Tracee, _ number: UInt8) -> UInt64 {
        guard number < UInt8(SYSCALL_ARGUMENTS) else { return UInt64(bitPattern: tracee.record.pointee.result) }
        return withUnsafeBytes(of: tracee.record.pointee.arguments) {
            $0.load(fromByteOffset: 8 * Int(number), as: UInt64.self)
        }
    }

    private static func bytesToPageEnd(from address: UInt64) -> Int { 4096 - Int(address & 4095) }

    private func word<T: BitwiseCopyable>(_ tracee: Tracee, _ address: UInt64, as type: T.Type) -> T? {
        withUnsafeTemporaryAllocation(of: T.self, capacity: 1) { to in
            guard let base = to.baseAddress else { return nil }
            let size = MemoryLayout<T>.size
            guard apus_read_memory(tracee.tid, address, base, size) == size else { return nil }
            return base.pointee
        }
    }

    // ---- Captures ----

    /// Where the next capture's bytes go, if there is room.
    private func room(_ tracee: Tracee) -> UnsafeMutableRawPointer? {
        guard tracee.end < Int(SYSCALL_CAPTURES_SIZE) else {
            tracee.record.pointee.flags |= UInt8(SYSCALL_CROWDED.rawValue)
            return nil
        }
        return tracee.bytes + MemoryLayout<syscall_record>.size + tracee.end + MemoryLayout<syscall_capture>.size
    }

    private func end(_ tracee: Tracee, _ tag: Tag, flags: UInt32 = 0, size: Int) {
        var capture = syscall_capture()
        capture.argument = tag.argument
        capture.kind = UInt8(tag.kind)
        capture.flags = tag.flags | UInt8(flags)
        capture.index = UInt8(truncatingIfNeeded: tag.index)
        capture.size = UInt16(size)
        (tracee.bytes + MemoryLayout<syscall_record>.size + tracee.end).storeBytes(
            of: capture, as: syscall_capture.self)
        tracee.end += (MemoryLayout<syscall_capture>.size + size + 7) & ~7
    }

    @discardableResult
    private func readMemory(_ tracee: Tracee, _ address: UInt64, _ count: UInt64, _ limit: Int, _ tag: Tag) -> Bool {
        guard let to = room(tracee) else { return true }
        let limit = min(limit, Int(SYSCALL_CAPTURE_SIZE))
        let size = Int(min(count, UInt64(limit)))
        if size > 0, apus_read_memory(tracee.tid, address, to, size) != size {
            end(tracee, tag, flags: SYSCALL_FAULT.rawValue, size: 0)
            return false
        }
        end(tracee, tag, flags: count > UInt64(limit) ? SYSCALL_CUT.rawValue : 0, size: size)
        return true
    }

    /// In pieces that end with a page at most, as nobody knows whether there is another. Most strings are
    /// in the first one.
    private func readString(_ tracee: Tracee, _ address: UInt64, _ limit: Int, _ tag: Tag) {
        guard let to = room(tracee) else { return }
        let limit = min(limit, Int(SYSCALL_CAPTURE_SIZE) - 2)
        var size = 0
        while size <= limit {
            let at = address &+ UInt64(size)
            let piece = min(limit + 1 - size, size == 0 ? 256 : 4096, Self.bytesToPageEnd(from: at))
            guard apus_read_memory(tracee.tid, at, to + size, piece) == piece else {
                // Of a list, nothing else says where it is.
                let isOfList = tag.kind == SYSCALL_CAPTURE_STRINGS.rawValue
                if isOfList { to.storeBytes(of: address, as: UInt64.self) }
                return end(tracee, tag, flags: SYSCALL_FAULT.rawValue, size: isOfList ? 8 : 0)
            }
            if let zero = memchr(to + size, 0, piece) {
                return end(tracee, tag, size: UnsafeMutableRawPointer(zero) - to)
            }
            size += piece
        }
        end(tracee, tag, flags: SYSCALL_CUT.rawValue, size: limit)
    }

    private func readStrings(_ tracee: Tracee, _ address: UInt64, _ tag: Tag) {
        for index in 0..<Int(SYSCALL_STRINGS) {
            guard let string = word(tracee, address &+ UInt64(8 * index), as: UInt64.self) else { return }
            guard string != 0 else {
                // An empty list is not one that could not be read.
                if index == 0, room(tracee) != nil {
                    end(tracee, tag.of(SYSCALL_CAPTURE_STRINGS, Int(SYSCALL_STRINGS)), size: 0)
                }
                return
            }
            readString(tracee, string, stringLimit, tag.of(SYSCALL_CAPTURE_STRINGS, index))
        }
        // One more says that there were more.
        guard room(tracee) != nil else { return }
        end(tracee, tag.of(SYSCALL_CAPTURE_STRINGS, Int(SYSCALL_STRINGS)), flags: SYSCALL_CUT.rawValue, size: 0)
    }

    /// - Parameters:
    ///   - left: of a call that reads, the bytes that there are.
    ///   - limit: so many bytes of each are kept.
    /// - Returns: false: the array could not be read.
    @discardableResult
    private func readVectors(
        _ tracee: Tracee, _ address: UInt64, _ count: UInt64, _ left: UInt64, _ limit: Int, _ tag: Tag
    ) -> Bool {
        let count = min(count, UInt64(SYSCALL_VECTORS))
        guard readMemory(tracee, address, 16 * count, Int(SYSCALL_CAPTURE_SIZE), tag) else { return false }
        var left = left
        for index in 0..<Int(count) where left > 0 {
            // struct iovec: base and size.
            guard let base = word(tracee, address &+ UInt64(16 * index), as: UInt64.self),
                let length = word(tracee, address &+ UInt64(16 * index + 8), as: UInt64.self)
            else { break }
            let size = min(length, left)
            left -= size
            readMemory(tracee, base, size, limit, tag.of(SYSCALL_CAPTURE_BUFFER, index))
        }
        return true
    }

    /// - Parameter size: so many bytes of it are kept: what is behind a struct msghdr as well.
    /// - Returns: false: it could not be read, or its iovec.
    @discardableResult
    private func readMessage(_ tracee: Tracee, _ address: UInt64, _ size: Int, _ left: UInt64, _ tag: Tag) -> Bool {
        // struct msghdr: name, its size, iovec, their number, control, its size, flags.
        guard readMemory(tracee, address, UInt64(size), size, tag), let name = word(tracee, address, as: UInt64.self),
            let nameSize = word(tracee, address &+ 8, as: UInt32.self),
            let vectors = word(tracee, address &+ 16, as: UInt64.self),
            let count = word(tracee, address &+ 24, as: UInt64.self),
            let control = word(tracee, address &+ 32, as: UInt64.self),
            let controlSize = word(tracee, address &+ 40, as: UInt64.self)
        else { return false }
        if name != 0 { readMemory(tracee, name, UInt64(nameSize), 128, tag.of(SYSCALL_CAPTURE_SIZED)) }
        if control != 0, controlSize != 0 {
            let start = tracee.end
            readMemory(
                tracee, control, controlSize, Int(SYSCALL_CONTROL_SIZE),
                tag.of(SYSCALL_CAPTURE_SIZED, Int(SYSCALL_CONTROL)))
            readRights(tracee, from: start + Self.head, to: tracee.end, tag)
        }
        return readVectors(tracee, vectors, count, left, stringLimit, tag.of(SYSCALL_CAPTURE_IOVEC))
    }

    /// Pointers before a NULL, or directory entries in `size` bytes.
    private func countElements(_ tracee: Tracee, _ address: UInt64, _ size: UInt64, _ tag: Tag) {
        guard let to = room(tracee) else { return }
        let isList = tag.kind == SYSCALL_CAPTURE_POINTERS.rawValue
        // Of an entry both kinds have d_reclen behind two words; what follows it is in the third one.
        let needed = isList ? 8 : 24
        var flags: UInt32 = 0
        var at: UInt64 = 0
        var count = 0
        // What readdir(3) asks for at once.
        withUnsafeTemporaryAllocation(byteCount: 32768, alignment: 8) { piece in
            guard let bytes = piece.baseAddress else { return }
            while at < size, count < Int(SYSCALL_COUNTED) {
                // Where a list ends is not known, and the page behind it need not be there.
                let limit = isList ? max(needed, Self.bytesToPageEnd(from: address &+ at)) : piece.count
                let end = Int(min(size - at, UInt64(limit)))
                guard apus_read_memory(tracee.tid, address &+ at, bytes, end) == end else {
                    flags = SYSCALL_FAULT.rawValue
                    return
                }
                var offset = 0
                while offset + needed <= end, count < Int(SYSCALL_COUNTED) {
                    let word = bytes.loadUnaligned(fromByteOffset: offset + needed - 8, as: UInt64.self)
                    if word == 0 { return }
                    offset += isList ? 8 : Int(word & 0xffff)
                    count += 1
                }
                if offset == 0 { return }
                at += UInt64(offset)
            }
        }
        if flags == 0 && count == Int(SYSCALL_COUNTED) { flags = SYSCALL_CUT.rawValue }
        to.storeBytes(of: UInt32(count), as: UInt32.self)
        end(tracee, tag, flags: flags, size: 4)
    }

    /// Of the first control message that hands on descriptors.
    private func readRights(_ tracee: Tracee, from start: Int, to end: Int, _ tag: Tag) {
        // struct cmsghdr of include/linux/socket.h: size, level, type.
        let head = 16
        var at = start
        for _ in 0..<Int(SYSCALL_CONTROLS) where at + head <= end {
            let control = tracee.bytes + MemoryLayout<syscall_record>.size + at
            let size = Int(min(control.loadUnaligned(as: UInt64.self), UInt64(end - at)))
            guard size >= head else { return }
            let level = control.loadUnaligned(fromByteOffset: 8, as: Int32.self)
            let type = control.loadUnaligned(fromByteOffset: 12, as: Int32.self)
            if level == SOL_SOCKET && type == Int32(SCM_RIGHTS) {
                return readFiles(tracee, from: at + head, to: at + size, stride: 4, tag)
            }
            at += (size + 7) & ~7
        }
    }

    /// The files of descriptors that have been captured, one each `stride` bytes. A negative one is none, or is
    /// passed over.
    private func readFiles(_ tracee: Tracee, from start: Int, to end: Int, stride: Int, _ tag: Tag) {
        for index in 0..<Int(SYSCALL_DESCRIPTORS) where start + stride * index + 4 <= end {
            let at = tracee.bytes + MemoryLayout<syscall_record>.size + start + stride * index
            let descriptor = at.loadUnaligned(as: Int32.self)
            if descriptor >= 0 { captureFile(tracee, descriptor, tag.of(SYSCALL_CAPTURE_FILE, index)) }
        }
    }

    private func captureFile(_ tracee: Tracee, _ descriptor: Int32, _ tag: Tag) {
        guard let to = room(tracee) else { return }
        end(tracee, tag, size: files.read(descriptor, of: tracee, into: to))
    }
}
