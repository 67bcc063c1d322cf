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
        let options =
            switch Int32(truncatingIfNeeded: record.argument(argument - 1)) {
            case SOL_SOCKET: names.solSocket
            case Int32(IPPROTO_IP): names.solIP
            case Int32(IPPROTO_TCP): names.solTCP
            case Int32(IPPROTO_IPV6): names.solIPv6
            default: names.none
            }
        options.append(choice: value & 0xffff_ffff, to: &buffer)
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
            member("{pid=", int(0))
            member(", uid=", int(4))
            member(", gid=", int(8))
            buffer.append("}")
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
