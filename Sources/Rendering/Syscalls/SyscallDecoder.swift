// SPDX-License-Identifier: Apache-2.0
import CEvents
import Linux
import Glibc
import Tracers

/// Writes the arguments and the result of one call.
struct SyscallDecoder {
    let record: SyscallRecord
    let names: SyscallNameTable
    /// ``SyscallFormat/paths``.
    let paths: [[UInt8]]
    /// Of several messages of an argument the one whose captures count; nil: there are not several.
    var message: Int?

    /// Writes an argument. False: the call does not take it.
    @inline(__always)
    mutating func append(_ step: SyscallPlan.Step, argument: Int, to buffer: inout ByteBuffer) -> Bool {
        let value = record.argument(argument)
        switch step.kind {
        case .fd, .dirfd: append(descriptor: Int32(truncatingIfNeeded: value), argument: argument, to: &buffer)
        case .int: buffer.append(signed: Int64(Int32(truncatingIfNeeded: value)))
        case .uint: buffer.append(decimal: value)
        case .u32: buffer.append(decimal: value & 0xffff_ffff)
        case .long: buffer.append(signed: Int64(bitPattern: value))
        case .hex: buffer.append(hex: value)
        case .octal: buffer.append(octal: value & 0xffff_ffff)
        case .pointer: append(pointer: value, to: &buffer)
        case .signal: names.append(signal: value & 0xffff_ffff, to: &buffer)
        case .choice: step.names?.append(choice: value & 0xffff_ffff, to: &buffer)
        case .mask: step.names?.append(mask: value & 0xffff_ffff, to: &buffer)
        case .path: append(string: SYSCALL_CAPTURE_PATH, step, argument, &buffer)
        case .string: append(string: SYSCALL_CAPTURE_STRING, step, argument, &buffer)
        case .buffer: append(string: SYSCALL_CAPTURE_BUFFER, step, argument, &buffer)
        default: return appendRare(step, argument: argument, value: value, to: &buffer)
        }
        return true
    }

    @inline(never)
    private mutating func appendRare(
        _ step: SyscallPlan.Step, argument: Int, value: UInt64, to buffer: inout ByteBuffer
    ) -> Bool {
        switch step.kind {
        case .openmode:
            // O_CREAT, and what is O_TMPFILE without O_DIRECTORY.
            guard record.argument(step.count) & 0x40_0040 != 0 else { return false }
            buffer.append(octal: value & 0o7777)
        case .unused: return false
        case .newaddress:
            // MREMAP_FIXED, MREMAP_DONTUNMAP
            guard record.argument(step.count) & 6 != 0 else { return false }
            append(pointer: value, to: &buffer)
        case .clone: return append(clone: argument, value: value, to: &buffer)
        case .ipcflags: append(ipcFlags: value & 0xffff_ffff, step.names, to: &buffer)
        case .id:
            let id = UInt32(truncatingIfNeeded: value)
            if id == .max { buffer.append("-1") } else { buffer.append(decimal: UInt64(id)) }
        case .mode: append(fileMode: value & 0xffff, to: &buffer)
        case .device:
            // A FIFO or so has none.
            guard [S_IFCHR, S_IFBLK].contains(UInt32(truncatingIfNeeded: record.argument(step.count)) & S_IFMT)
            else { return false }
            append(device: value, to: &buffer)
        case .protocol: append(protocol: step, value: value, to: &buffer)
        case .ioctl: append(request: value & 0xffff_ffff, to: &buffer)
        case .ioctlarg: return append(ioctl: step, argument: argument, value: value, to: &buffer)
        case .fcntl: return append(fcntl: argument, value: value, to: &buffer)
        case .prctl, .vmaname: return append(prctl: argument, value: value, to: &buffer)
        case .sockopt: append(option: argument, value: value, to: &buffer)
        case .optval: append(optionValue: step, argument: argument, value: value, to: &buffer)
        case .futex, .futextime: return append(futex: step, argument: argument, value: value, to: &buffer)
        case .fdset: append(descriptors: argument, atExit: false, value: value, to: &buffer)
        case .offset: append(offset: argument, value: value, to: &buffer)
        case .bytes: append(bytes: argument, step: step, value: value, to: &buffer)
        case .environment, .entries: append(counted: argument, step: step, value: value, to: &buffer)
        case .strings: append(strings: argument, value: value, to: &buffer)
        case .iovec:
            append(vectors: argument, of: record.argument(argument + 1), step: step, value: value, to: &buffer)
        case .sigmask: append(mask: argument, step: step, value: value, to: &buffer)
        case .message: append(message: argument, step: step, value: value, to: &buffer)
        case .messages: append(messages: argument, step: step, value: value, to: &buffer)
        default: append(structure: step, argument: argument, value: value, to: &buffer)
        }
        return true
    }

    // MARK: - Captures

    /// The last capture of an argument: one that could not be read at entry is taken again at exit.
    ///
    /// - Parameter index: which of several.
    func capture(
        _ kind: syscall_capture_kind, _ argument: Int, index: Int = 0, atExit: Bool
    ) -> SyscallCapture? {
        var found: SyscallCapture?
        var current = -1
        for capture in record.captures {
            if let message {
                if capture.kind == SYSCALL_CAPTURE_MESSAGE { current += 1 }
                guard current == message else { continue }
            }
            guard Int(capture.header.argument) == argument, capture.header.kind == UInt8(kind.rawValue),
                Int(capture.header.index) == index, capture.has(SYSCALL_AT_EXIT) == atExit
            else { continue }
            found = capture
        }
        return found
    }

    func append(pointer: UInt64, to buffer: inout ByteBuffer) {
        if pointer == 0 { buffer.append("NULL") } else { buffer.append(hex: pointer) }
    }

    /// `"text"`, `"text"...`; where it was not read, the address.
    @inline(__always)
    private func append(
        string kind: syscall_capture_kind, _ step: SyscallPlan.Step, _ argument: Int, _ buffer: inout ByteBuffer
    ) {
        let found = capture(kind, argument, atExit: step.atExit)
        guard let found, !found.has(SYSCALL_FAULT) else {
            // Of nothing the address does not count, and can be any.
            let isNothing = found != nil && kind == SYSCALL_CAPTURE_BUFFER && size(of: step) == 0
            return isNothing ? buffer.append("\"\"") : append(pointer: record.argument(argument), to: &buffer)
        }
        append(string: found, to: &buffer)
    }

    /// How many bytes there are of what a step points to.
    private func size(of step: SyscallPlan.Step) -> UInt64 {
        step.count < SYSCALL_ARGUMENTS ? record.argument(step.count) : UInt64(bitPattern: record.header.result)
    }

    func append(string capture: SyscallCapture, to buffer: inout ByteBuffer) {
        buffer.append(0x22)
        buffer.append(escaped: capture.bytes)
        buffer.append(0x22)
        if capture.has(SYSCALL_CUT) { buffer.append("...") }
    }

    // MARK: - Descriptors

    /// `3</etc/passwd>`, `AT_FDCWD</root>`, `4<TCP:[127.0.0.1:80->127.0.0.1:5000]>`.
    @inline(__always)
    func append(descriptor: Int32, argument: Int, to buffer: inout ByteBuffer) {
        if descriptor == AT_FDCWD { buffer.append("AT_FDCWD") } else { buffer.append(signed: Int64(descriptor)) }
        append(fileOf: argument, atExit: argument == SYSCALL_RESULT, to: &buffer)
    }

    /// A descriptor of a list.
    func append(descriptor: Int32, ofList argument: Int, index: Int, atExit: Bool, to buffer: inout ByteBuffer) {
        buffer.append(signed: Int64(descriptor))
        guard descriptor >= 0, index < SYSCALL_DESCRIPTORS else { return }
        append(fileOf: argument, index: index, atExit: atExit, to: &buffer)
    }

    @inline(__always)
    private func append(fileOf argument: Int, index: Int = 0, atExit: Bool, to buffer: inout ByteBuffer) {
        guard let capture = capture(SYSCALL_CAPTURE_FILE, argument, index: index, atExit: atExit),
            capture.bytes.count >= 16
        else { return }
        let path = Int(capture.bytes.loadUnaligned(as: UInt32.self))
        if path > 0 && path < paths.count && !paths[path].isEmpty {
            buffer.append(0x3c)
            buffer.append(paths[path])
            buffer.append(0x3e)
        } else {
            append(file: capture, to: &buffer)
        }
    }

    @inline(never)
    private func append(file capture: SyscallCapture, to buffer: inout ByteBuffer) {
        var file = syscall_file()
        withUnsafeMutableBytes(of: &file) {
            $0.copyMemory(from: UnsafeRawBufferPointer(rebasing: capture.bytes.prefix($0.count)))
        }
        buffer.append(0x3c)
        defer { buffer.append(0x3e) }
        let kind = file.mode & S_IFMT
        let isInternet = file.family == UInt16(AF_INET) || file.family == UInt16(AF_INET6)
        if kind == S_IFSOCK && isInternet {
            buffer.append(
                file.socket_type == 1 ? "TCP" : file.socket_type == 2 ? "UDP" : file.socket_type == 3 ? "RAW" : "INET")
            if file.family == UInt16(AF_INET6) { buffer.append("v6") }
            buffer.append(":[")
            // It has no address yet.
            guard file.local_port != 0 || file.remote_port != 0 || file.socket_type == 3 else {
                buffer.append(decimal: file.inode)
                return buffer.append(0x5d)
            }
            append(address: file.local, family: file.family, to: &buffer)
            buffer.append(0x3a)
            buffer.append(decimal: UInt64(file.local_port))
            if file.remote_port != 0 {
                buffer.append("->")
                append(address: file.remote, family: file.family, to: &buffer)
                buffer.append(0x3a)
                buffer.append(decimal: UInt64(file.remote_port))
            }
            buffer.append(0x5d)
            return
        }
        switch kind {
        case S_IFSOCK:
            // The kernel's names for protocols: net/unix/af_unix.c.
            buffer.append(
                file.family == UInt16(AF_UNIX)
                    ? (file.socket_type == 1 ? "UNIX-STREAM" : "UNIX")
                    : file.family == UInt16(AF_NETLINK) ? "NETLINK" : "socket")
        case S_IFIFO: buffer.append("pipe")
        // Its path was lost.
        default: buffer.append("file")
        }
        buffer.append(":[")
        buffer.append(decimal: file.inode)
        buffer.append(0x5d)
    }

    private func append<T>(address: T, family: UInt16, to buffer: inout ByteBuffer) {
        withUnsafeBytes(of: address) { append(address: $0, family: family, to: &buffer) }
    }

    func append(address bytes: UnsafeRawBufferPointer, family: UInt16, to buffer: inout ByteBuffer) {
        if family == UInt16(AF_INET) {
            for index in 0..<4 {
                if index > 0 { buffer.append(0x2e) }
                buffer.append(decimal: UInt64(bytes[index]))
            }
            return
        }
        // inet_ntop(3) knows how to shorten it.
        var text = [CChar](repeating: 0, count: Int(INET6_ADDRSTRLEN))
        guard inet_ntop(AF_INET6, bytes.baseAddress, &text, socklen_t(text.count)) != nil else { return }
        buffer.append(0x5b)
        for character in text where character != 0 { buffer.append(UInt8(bitPattern: character)) }
        buffer.append(0x5d)
    }

    // MARK: - Results

    mutating func append(result step: SyscallPlan.Step, to buffer: inout ByteBuffer) {
        let result = record.header.result
        if let errno = record.errno {
            buffer.append(SystemError.isRestart(errno) ? "?" : "-1")
            return names.append(error: errno, to: &buffer)
        }
        switch step.kind {
        case .fd: append(descriptor: Int32(truncatingIfNeeded: result), argument: SYSCALL_RESULT, to: &buffer)
        case .hex: buffer.append(hex: UInt64(bitPattern: result))
        case .octal: buffer.append(octal: UInt64(bitPattern: result))
        case .fcntl, .select, .poll, .signal, .choice: appendRare(result: step, result, to: &buffer)
        default: buffer.append(signed: result)
        }
    }

    /// Apart, so that the result of most calls is in the open.
    @inline(never)
    private func appendRare(result step: SyscallPlan.Step, _ result: Int64, to buffer: inout ByteBuffer) {
        switch step.kind {
        case .fcntl: append(fcntlResult: result, to: &buffer)
        case .select: append(selectResult: result, to: &buffer)
        case .poll: append(pollResult: result, to: &buffer)
        case .choice:
            buffer.append(signed: result)
            buffer.append(" (")
            step.names?.append(choice: UInt64(bitPattern: result), to: &buffer)
            buffer.append(")")
        default:
            buffer.append(signed: result)
            buffer.append(" (")
            names.append(signal: UInt64(bitPattern: result), to: &buffer)
            buffer.append(")")
        }
    }
}
