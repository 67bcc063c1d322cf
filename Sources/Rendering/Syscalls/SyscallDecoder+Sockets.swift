// SPDX-License-Identifier: Apache-2.0
import CEvents
import Glibc
import Tracers

/// What sockets have for arguments.
extension SyscallDecoder {
    func append(protocol step: SyscallPlan.Step, value: UInt64, to buffer: inout ByteBuffer) {
        switch Int32(truncatingIfNeeded: record.argument(step.count)) {
        case AF_INET, AF_INET6: names.protocols.append(choice: value & 0xffff_ffff, to: &buffer)
        case AF_NETLINK: names.netlink.append(choice: value & 0xffff_ffff, to: &buffer)
        default: buffer.append(signed: Int64(Int32(truncatingIfNeeded: value)))
        }
    }

    /// The option of the level before it.
    func append(option argument: Int, value: UInt64, to buffer: inout ByteBuffer) {
        options(ofLevel: Int32(truncatingIfNeeded: record.argument(argument - 1)))
            .append(choice: value & 0xffff_ffff, to: &buffer)
    }

    private func options(ofLevel level: Int32) -> SyscallNameSet {
        switch level {
        case SOL_SOCKET: names.solSocket
        case Int32(IPPROTO_IP): names.solIP
        case Int32(IPPROTO_TCP): names.solTCP
        case Int32(IPPROTO_IPV6): names.solIPv6
        default: names.none
        }
    }

    /// `[{cmsg_len=20, cmsg_level=SOL_SOCKET, cmsg_type=SCM_RIGHTS, cmsg_data=[3</etc/passwd>]}]`: cmsg(3).
    ///
    /// - Parameter total: how many bytes the call has, of which the first few were read.
    func append(
        controls argument: Int, of total: UInt64, step: SyscallPlan.Step, value: UInt64, to buffer: inout ByteBuffer
    ) {
        let found = capture(SYSCALL_CAPTURE_SIZED, argument, index: Int(SYSCALL_CONTROL), atExit: step.atExit)
        guard let found, !found.has(SYSCALL_FAULT) else { return append(pointer: value, to: &buffer) }
        // struct cmsghdr: its size and that of what follows, level, type.
        let head = 16
        var rest = found.bytes
        // What the messages that are told have of the total.
        var told: UInt64 = 0
        // Those whose files are told.
        var isFirstOfDescriptors = true
        // One that is shorter than its own head: nobody knows where the next begins.
        var isBroken = false
        buffer.append("[")
        while rest.count >= head && !isBroken {
            if rest.count < found.bytes.count { buffer.append(", ") }
            let size = rest.loadUnaligned(as: UInt64.self)
            let level = rest.loadUnaligned(fromByteOffset: 8, as: Int32.self)
            let type = rest.loadUnaligned(fromByteOffset: 12, as: Int32.self)
            let end = Int(clamping: min(max(size, UInt64(head)), UInt64(rest.count)))
            buffer.append("{cmsg_len=")
            buffer.append(decimal: size)
            buffer.append(", cmsg_level=")
            names["sockopt_level"].append(choice: UInt64(UInt32(bitPattern: level)), to: &buffer)
            buffer.append(", cmsg_type=")
            // Those of sockets have names of their own, or an option's.
            let own = level == SOL_SOCKET && (1...4).contains(type)
            (own ? names["control"] : options(ofLevel: level))
                .append(choice: UInt64(UInt32(bitPattern: type)), to: &buffer)
            let data = UnsafeRawBufferPointer(rebasing: rest[head..<end])
            let isCut = size > UInt64(end)
            switch type {
            case Int32(SCM_RIGHTS) where level == SOL_SOCKET:
                buffer.append(", cmsg_data=")
                let count = min(data.count / 4, Int(SYSCALL_ELEMENTS))
                append(list: count, isCut: isCut || data.count / 4 > count, to: &buffer) { index, buffer in
                    append(
                        descriptor: data.loadUnaligned(fromByteOffset: 4 * index, as: Int32.self), ofList: argument,
                        index: isFirstOfDescriptors ? index : .max, atExit: step.atExit, to: &buffer)
                }
                isFirstOfDescriptors = false
            // SCM_CREDENTIALS, which <sys/socket.h> keeps from who does not define _GNU_SOURCE.
            case 2 where level == SOL_SOCKET && data.count >= 12:
                buffer.append(", cmsg_data=")
                append(credentials: data, to: &buffer)
            default:
                guard size > head else { break }
                buffer.append(", cmsg_data=")
                append(controlData: data, level: level, type: type, isCut: isCut, to: &buffer)
            }
            buffer.append("}")
            isBroken = size < head
            told = UInt64(found.bytes.count - rest.count).addingReportingOverflow(size).partialValue
            rest = UnsafeRawBufferPointer(rebasing: rest.dropFirst((end + 7) & ~7))
        }
        // The last one's padding can be missing, or be counted.
        if isBroken ? rest.count > 0 : found.has(SYSCALL_CUT) && told &+ 7 < total {
            buffer.append(found.bytes.count < head ? "..." : ", ...")
        }
        buffer.append("]")
    }

    /// Of a control message that hands nothing on: a time, a number, where a datagram went; else bytes.
    private func append(
        controlData data: UnsafeRawBufferPointer, level: Int32, type: Int32, isCut: Bool, to buffer: inout ByteBuffer
    ) {
        func member(_ name: StaticString, _ value: Int64) {
            buffer.append(name)
            buffer.append(signed: value)
        }
        func address(_ name: StaticString, _ offset: Int) {
            buffer.append(name)
            append(
                address: UnsafeRawBufferPointer(rebasing: data[offset..<offset + 4]), family: UInt16(AF_INET),
                to: &buffer)
            buffer.append("\")")
        }
        switch (level, type, data.count) {
        // SO_TIMESTAMP, SO_TIMESTAMPNS
        case (SOL_SOCKET, 29, 16), (SOL_SOCKET, 35, 16):
            member("{tv_sec=", data.loadUnaligned(as: Int64.self))
            member(
                type == 29 ? ", tv_usec=" : ", tv_nsec=", data.loadUnaligned(fromByteOffset: 8, as: Int64.self))
            buffer.append("}")
        // IP_TOS is one byte.
        case (Int32(IPPROTO_IP), 1, 1):
            member("[", Int64(data[0]))
            buffer.append("]")
        // IP_PKTINFO
        case (Int32(IPPROTO_IP), 8, 12):
            member("{ipi_ifindex=", Int64(data.loadUnaligned(as: Int32.self)))
            address(", ipi_spec_dst=inet_addr(\"", 4)
            address(", ipi_addr=inet_addr(\"", 8)
            buffer.append("}")
        // IP_TTL and its like, IPV6_HOPLIMIT, UDP_GRO.
        case (_, _, 4):
            member("[", Int64(data.loadUnaligned(as: Int32.self)))
            buffer.append("]")
        default:
            buffer.append("\"")
            buffer.append(escaped: data)
            buffer.append(isCut ? "\"..." : "\"")
        }
    }

    /// struct ucred.
    private func append(credentials bytes: UnsafeRawBufferPointer, to buffer: inout ByteBuffer) {
        let labels: [StaticString] = ["{pid=", ", uid=", ", gid="]
        for (index, label) in labels.enumerated() {
            buffer.append(label)
            let value = bytes.loadUnaligned(fromByteOffset: 4 * index, as: Int32.self)
            // A user's number has no sign; all ones is none.
            buffer.append(signed: index == 0 || value == -1 ? Int64(value) : Int64(UInt32(bitPattern: value)))
        }
        buffer.append("}")
    }

    /// The value of an option: most are an int, and some a text of the same size.
    func append(optionValue step: SyscallPlan.Step, argument: Int, value: UInt64, to buffer: inout ByteBuffer) {
        guard let found = capture(SYSCALL_CAPTURE_SIZED, argument, atExit: step.atExit), !found.has(SYSCALL_FAULT)
        else { return append(pointer: value, to: &buffer) }
        let bytes = found.bytes
        func int(_ offset: Int) -> Int64 { Int64(bytes.loadUnaligned(fromByteOffset: offset, as: Int32.self)) }
        func long(_ offset: Int) -> Int64 { bytes.loadUnaligned(fromByteOffset: offset, as: Int64.self) }
        let isText: Bool
        let option = Int32(truncatingIfNeeded: record.argument(2))
        switch Int32(truncatingIfNeeded: record.argument(1)) {
        case SOL_SOCKET: isText = option == SO_BINDTODEVICE
        // TCP_CONGESTION, TCP_ULP
        case Int32(IPPROTO_TCP): isText = option == 13 || option == 31
        default: isText = false
        }
        func member(_ name: StaticString, _ value: Int64) {
            buffer.append(name)
            buffer.append(signed: value)
        }
        switch bytes.count {
        case 4 where !isText:
            member("[", int(0))
            buffer.append("]")
        case 8 where record.argument(1) == UInt64(SOL_SOCKET) && option == SO_LINGER:
            member("{l_onoff=", int(0))
            member(", l_linger=", int(4))
            buffer.append("}")
        case 16 where record.argument(1) == UInt64(SOL_SOCKET) && (option == SO_RCVTIMEO || option == SO_SNDTIMEO):
            member("{tv_sec=", long(0))
            member(", tv_usec=", long(8))
            buffer.append("}")
        case 12 where record.argument(1) == UInt64(SOL_SOCKET) && option == SO_PEERCRED:
            append(credentials: bytes, to: &buffer)
        default: append(string: found, to: &buffer)
        }
    }

    func append(socketAddress bytes: UnsafeRawBufferPointer, to buffer: inout ByteBuffer) {
        guard bytes.count >= 2 else { return buffer.append("{}") }
        let family = bytes.loadUnaligned(as: UInt16.self)
        buffer.append("{sa_family=")
        names.family.append(choice: UInt64(family), to: &buffer)
        func port() -> UInt64 { UInt64(bytes[2]) << 8 | UInt64(bytes[3]) }
        switch Int32(family) {
        case AF_UNIX where bytes.count > 2:
            let path = UnsafeRawBufferPointer(rebasing: bytes[2...])
            // The abstract ones begin with a NUL, and have all the bytes that there are.
            let isAbstract = path[0] == 0
            let text = isAbstract ? path.dropFirst() : path.prefix { $0 != 0 }
            buffer.append(isAbstract ? ", sun_path=@\"" : ", sun_path=\"")
            buffer.append(escaped: UnsafeRawBufferPointer(rebasing: text))
            buffer.append("\"")
        case AF_INET where bytes.count >= 8:
            buffer.append(", sin_port=htons(")
            buffer.append(decimal: port())
            buffer.append("), sin_addr=inet_addr(\"")
            append(address: UnsafeRawBufferPointer(rebasing: bytes[4..<8]), family: family, to: &buffer)
            buffer.append("\")")
        case AF_INET6 where bytes.count >= 24:
            buffer.append(", sin6_port=htons(")
            buffer.append(decimal: port())
            buffer.append("), sin6_addr=")
            append(address: UnsafeRawBufferPointer(rebasing: bytes[8..<24]), family: family, to: &buffer)
        case AF_NETLINK where bytes.count >= 12:
            buffer.append(", nl_pid=")
            buffer.append(decimal: UInt64(bytes.loadUnaligned(fromByteOffset: 4, as: UInt32.self)))
            buffer.append(", nl_groups=")
            buffer.append(hex: UInt64(bytes.loadUnaligned(fromByteOffset: 8, as: UInt32.self)))
        default: if bytes.count > 2 { buffer.append(", ...") }
        }
        buffer.append("}")
    }
}
