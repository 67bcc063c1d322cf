// SPDX-License-Identifier: Apache-2.0
import CEvents
import Tracers

/// Arguments that other arguments explain, and those that point to several things.
extension SyscallDecoder {
    /// Of clone(2), by its name. False: the flags do not ask for it.
    func append(clone argument: Int, value: UInt64, to buffer: inout ByteBuffer) -> Bool {
        let flags = record.argument(0)
        // On i386 the last two are the other way round (CLONE_BACKWARDS).
        switch record.has(SYSCALL_COMPAT) && argument > 2 ? 7 - argument : argument {
        case 0:
            buffer.append("flags=")
            append(cloneFlags: value, to: &buffer)
        case 1:
            buffer.append("child_stack=")
            append(pointer: value, to: &buffer)
        // CLONE_PARENT_SETTID, CLONE_PIDFD
        case 2 where flags & 0x10_1000 != 0:
            buffer.append("parent_tid=")
            append(pointer: value, to: &buffer)
        // CLONE_CHILD_SETTID, CLONE_CHILD_CLEARTID
        case 3 where flags & 0x120_0000 != 0:
            buffer.append("child_tidptr=")
            append(pointer: value, to: &buffer)
        // CLONE_SETTLS
        case 4 where flags & 0x8_0000 != 0:
            buffer.append("tls=")
            buffer.append(hex: value)
        default: return false
        }
        return true
    }

    /// Flags, and the signal at the child's end in the low byte.
    private func append(cloneFlags value: UInt64, to buffer: inout ByteBuffer) {
        let flags = value & ~0xff & 0xffff_ffff
        if flags != 0 { names.clone.append(mask: flags, to: &buffer) }
        guard value & 0xff != 0 || flags == 0 else { return }
        if flags != 0 { buffer.append(0x7c) }
        if value & 0xff == 0 { buffer.append(0x30) } else { names.append(signal: value & 0xff, to: &buffer) }
    }

    /// `0x7ffd8e56abf0 /* 4 entries */`.
    func append(counted argument: Int, step: SyscallPlan.Step, value: UInt64, to buffer: inout ByteBuffer) {
        let isEntries = step.kind == .entries
        append(pointer: value, to: &buffer)
        let kind = isEntries ? SYSCALL_CAPTURE_ENTRIES : SYSCALL_CAPTURE_POINTERS
        guard let found = capture(kind, argument, atExit: step.atExit), !found.has(SYSCALL_FAULT),
            found.bytes.count >= 4
        else { return }
        let count = found.bytes.loadUnaligned(as: UInt32.self)
        buffer.append(" /* ")
        buffer.append(decimal: UInt64(count))
        if found.has(SYSCALL_CUT) { buffer.append("+") }
        buffer.append(isEntries ? " entries */" : count == 1 ? " var */" : " vars */")
    }

    /// `"\x7f\x45"`: what is no text.
    func append(bytes argument: Int, step: SyscallPlan.Step, value: UInt64, to buffer: inout ByteBuffer) {
        guard let found = capture(SYSCALL_CAPTURE_BUFFER, argument, atExit: step.atExit), !found.has(SYSCALL_FAULT)
        else { return append(pointer: value, to: &buffer) }
        buffer.append(0x22)
        for byte in found.bytes {
            buffer.append("\\x")
            for digit in [byte >> 4, byte & 15] { buffer.append(digit < 10 ? 0x30 + digit : 0x57 + digit) }
        }
        buffer.append(0x22)
        if found.has(SYSCALL_CUT) { buffer.append("...") }
    }

    /// `["ls", "-l"]`.
    func append(strings argument: Int, value: UInt64, to buffer: inout ByteBuffer) {
        guard value != 0 else { return buffer.append("NULL") }
        var isFirst = true
        for capture in record.captures
        where Int(capture.header.argument) == argument && capture.kind == SYSCALL_CAPTURE_STRINGS {
            buffer.append(isFirst ? "[" : ", ")
            isFirst = false
            if capture.header.index == UInt8(SYSCALL_STRINGS) {
                // There were more, or there are none.
                if capture.has(SYSCALL_CUT) { buffer.append("...") }
            } else if capture.has(SYSCALL_FAULT) {
                // Its address is there in its place.
                let hasAddress = capture.bytes.count >= 8
                append(pointer: hasAddress ? capture.bytes.loadUnaligned(as: UInt64.self) : 0, to: &buffer)
            } else {
                append(string: capture, to: &buffer)
            }
        }
        // It could not be read.
        if isFirst { return append(pointer: value, to: &buffer) }
        buffer.append(0x5d)
    }

    /// `[{iov_base="text", iov_len=4}]`.
    ///
    /// - Parameter total: how many the call has, of which the first few were read.
    func append(
        vectors argument: Int, of total: UInt64, step: SyscallPlan.Step, value: UInt64, to buffer: inout ByteBuffer
    ) {
        guard let array = capture(SYSCALL_CAPTURE_IOVEC, argument, atExit: step.atExit), !array.has(SYSCALL_FAULT)
        else { return append(pointer: value, to: &buffer) }
        buffer.append(0x5b)
        let count = array.bytes.count / 16
        // Of a call that reads, what was read does not reach the last ones.
        let isRead = step.atExit && !record.has(SYSCALL_CROWDED)
        for index in 0..<count {
            let base = array.bytes.loadUnaligned(fromByteOffset: 16 * index, as: UInt64.self)
            let size = array.bytes.loadUnaligned(fromByteOffset: 16 * index + 8, as: UInt64.self)
            if index > 0 { buffer.append(", ") }
            buffer.append("{iov_base=")
            let text = capture(SYSCALL_CAPTURE_BUFFER, argument, index: index, atExit: step.atExit)
            if base != 0, let text, !text.has(SYSCALL_FAULT) {
                append(string: text, to: &buffer)
            } else if base != 0 && (text == nil ? isRead : size == 0) {
                buffer.append("\"\"")
            } else {
                append(pointer: base, to: &buffer)
            }
            buffer.append(", iov_len=")
            buffer.append(decimal: size)
            buffer.append(0x7d)
        }
        if total > count { buffer.append(count > 0 ? ", ..." : "...") }
        buffer.append(0x5d)
    }

    /// `[0 1]`: the bits of a mask; of one of which there was more, `[0 1 ...]`.
    ///
    /// - Parameter limit: how many bits count.
    func append(bits: UnsafeRawBufferPointer, limit: Int = .max, isCut: Bool, to buffer: inout ByteBuffer) {
        var isFirst = true
        buffer.append("[")
        for bit in 0..<min(limit, 8 * bits.count) where bits[bit >> 3] >> UInt8(bit & 7) & 1 != 0 {
            if !isFirst { buffer.append(0x20) }
            isFirst = false
            buffer.append(decimal: UInt64(bit))
        }
        if isCut { buffer.append(isFirst ? "..." : " ...") }
        buffer.append("]")
    }

    /// `[3 5]`: the bits of an fd_set.
    func append(descriptors argument: Int, atExit: Bool, value: UInt64, to buffer: inout ByteBuffer) {
        let limit = Int(Int32(truncatingIfNeeded: record.argument(0)))
        guard limit >= 0, let set = capture(SYSCALL_CAPTURE_ARRAY, argument, atExit: atExit), !set.has(SYSCALL_FAULT)
        else { return append(pointer: value, to: &buffer) }
        append(bits: set.bytes, limit: limit, isCut: limit > 8 * set.bytes.count, to: &buffer)
    }

    /// `{sigmask=[INT], sigsetsize=8}`, of pselect6.
    func append(mask argument: Int, step: SyscallPlan.Step, value: UInt64, to buffer: inout ByteBuffer) {
        guard let pair = capture(SYSCALL_CAPTURE_IOVEC, argument, atExit: step.atExit), pair.bytes.count >= 16 else {
            return append(pointer: value, to: &buffer)
        }
        let base = pair.bytes.loadUnaligned(as: UInt64.self)
        buffer.append("{sigmask=")
        let set = capture(SYSCALL_CAPTURE_BUFFER, argument, index: 0, atExit: step.atExit)
        if base != 0, let set, set.bytes.count == 8, !set.has(SYSCALL_CUT) {
            names.append(signals: set.bytes.loadUnaligned(as: UInt64.self), to: &buffer)
        } else {
            append(pointer: base, to: &buffer)
        }
        buffer.append(", sigsetsize=")
        buffer.append(decimal: pair.bytes.loadUnaligned(fromByteOffset: 8, as: UInt64.self))
        buffer.append("}")
    }

    /// `2 (in [5 8], out [9])`, of select(2).
    func append(selectResult result: Int64, to buffer: inout ByteBuffer) {
        buffer.append(signed: result)
        if result == 0 { return buffer.append(" (Timeout)") }
        let labels: [StaticString] = ["in ", "out ", "except "]
        let mark = buffer.count
        for (index, label) in labels.enumerated() {
            guard let set = capture(SYSCALL_CAPTURE_ARRAY, index + 1, atExit: true),
                set.bytes.contains(where: { $0 != 0 })
            else { continue }
            buffer.append(buffer.count == mark ? " (" : ", ")
            buffer.append(label)
            append(descriptors: index + 1, atExit: true, value: 0, to: &buffer)
        }
        append(timeLeftOf: 4, since: mark, to: &buffer)
        if buffer.count > mark { buffer.append(")") }
    }

    /// `1 ([{fd=4, revents=POLLIN}], left {tv_sec=0, tv_nsec=49998818})`, of poll(2) and ppoll(2).
    func append(pollResult result: Int64, to buffer: inout ByteBuffer) {
        buffer.append(signed: result)
        if result == 0 { return buffer.append(" (Timeout)") }
        guard let list = capture(SYSCALL_CAPTURE_ARRAY, 0, atExit: true), !list.has(SYSCALL_FAULT) else { return }
        let mark = buffer.count
        // struct pollfd: descriptor, events, revents.
        let ready = (0..<list.bytes.count / 8).filter {
            list.bytes.loadUnaligned(fromByteOffset: 8 * $0 + 6, as: UInt16.self) != 0
        }
        buffer.append(" (")
        append(list: ready.count, isCut: ready.count < result, to: &buffer) { index, buffer in
            buffer.append("{fd=")
            let at = 8 * ready[index]
            buffer.append(signed: Int64(list.bytes.loadUnaligned(fromByteOffset: at, as: Int32.self)))
            buffer.append(", revents=")
            let events = list.bytes.loadUnaligned(fromByteOffset: at + 6, as: UInt16.self)
            names.poll.append(mask: UInt64(events), to: &buffer)
            buffer.append("}")
        }
        append(timeLeftOf: 2, since: mark, to: &buffer)
        buffer.append(")")
    }

    /// `, left {tv_sec=0, tv_usec=99}`: what the kernel left of a timeout.
    ///
    /// - Parameter mark: where the brackets begin that it is in.
    private func append(timeLeftOf argument: Int, since mark: Int, to buffer: inout ByteBuffer) {
        guard let time = capture(SYSCALL_CAPTURE_STRUCT, argument, atExit: true), time.bytes.count >= 16 else { return }
        buffer.append(buffer.count == mark ? " (left {tv_sec=" : ", left {tv_sec=")
        buffer.append(signed: time.bytes.loadUnaligned(as: Int64.self))
        // select(2) has microseconds.
        buffer.append(record.key == 23 ? ", tv_usec=" : ", tv_nsec=")
        buffer.append(signed: time.bytes.loadUnaligned(fromByteOffset: 8, as: Int64.self))
        buffer.append("}")
    }

    /// `[4] => [14]`: an offset before and after.
    func append(offset argument: Int, value: UInt64, to buffer: inout ByteBuffer) {
        guard let before = capture(SYSCALL_CAPTURE_STRUCT, argument, atExit: false), before.bytes.count >= 8 else {
            return append(pointer: value, to: &buffer)
        }
        let old = before.bytes.loadUnaligned(as: Int64.self)
        buffer.append("[")
        buffer.append(signed: old)
        buffer.append("]")
        guard let after = capture(SYSCALL_CAPTURE_STRUCT, argument, atExit: true), after.bytes.count >= 8,
            after.bytes.loadUnaligned(as: Int64.self) != old
        else { return }
        buffer.append(" => [")
        buffer.append(signed: after.bytes.loadUnaligned(as: Int64.self))
        buffer.append("]")
    }

    /// `[{msg_hdr={…}, msg_len=3}]`, of sendmmsg(2).
    func append(messages argument: Int, step: SyscallPlan.Step, value: UInt64, to buffer: inout ByteBuffer) {
        var one = self
        one.message = 0
        let total = Int64(record.argument(2) & 0xffff_ffff)
        if value != 0 && total == 0 { return buffer.append("[]") }
        guard one.capture(SYSCALL_CAPTURE_MESSAGE, argument, atExit: step.atExit) != nil else {
            return append(pointer: value, to: &buffer)
        }
        // sendmmsg(2) was given all of them; recvmmsg(2) gives those that came.
        let isSent = record.key == 307
        let count = record.captures.reduce(0) { $0 + ($1.kind == SYSCALL_CAPTURE_MESSAGE ? 1 : 0) }
        append(list: count, isCut: count < (isSent ? total : record.header.result), to: &buffer) { index, buffer in
            one.message = index
            buffer.append("{msg_hdr=")
            one.append(message: argument, step: step, value: value, to: &buffer)
            // struct mmsghdr: the length is behind the struct msghdr.
            let found = one.capture(SYSCALL_CAPTURE_MESSAGE, argument, atExit: step.atExit)
            if let found, found.bytes.count >= 60 {
                buffer.append(", msg_len=")
                buffer.append(decimal: UInt64(found.bytes.loadUnaligned(fromByteOffset: 56, as: UInt32.self)))
            }
            buffer.append("}")
        }
    }

    /// struct msghdr of sendmsg(2).
    func append(message argument: Int, step: SyscallPlan.Step, value: UInt64, to buffer: inout ByteBuffer) {
        guard let message = capture(SYSCALL_CAPTURE_MESSAGE, argument, atExit: step.atExit), message.bytes.count >= 56
        else { return append(pointer: value, to: &buffer) }
        func field(_ offset: Int) -> UInt64 { message.bytes.loadUnaligned(fromByteOffset: offset, as: UInt64.self) }
        buffer.append("{msg_name=")
        if let name = capture(SYSCALL_CAPTURE_SIZED, argument, atExit: step.atExit), !name.has(SYSCALL_FAULT),
            name.bytes.count >= 2
        {
            append(socketAddress: name.bytes, to: &buffer)
        } else {
            append(pointer: field(0), to: &buffer)
        }
        buffer.append(", msg_namelen=")
        buffer.append(decimal: field(8) & 0xffff_ffff)
        buffer.append(", msg_iov=")
        append(vectors: argument, of: field(24), step: step, value: field(16), to: &buffer)
        buffer.append(", msg_iovlen=")
        buffer.append(decimal: field(24))
        if field(40) != 0 {
            buffer.append(", msg_control=")
            append(controls: argument, of: field(40), step: step, value: field(32), to: &buffer)
        }
        buffer.append(", msg_controllen=")
        buffer.append(decimal: field(40))
        buffer.append(", msg_flags=")
        names["msg"].append(mask: field(48) & 0xffff_ffff, to: &buffer)
        buffer.append(0x7d)
    }
}
