// SPDX-License-Identifier: Apache-2.0
import CEvents
import Glibc
import Tracers

/// Structures in the target's memory. Offsets are those of x86-64's ABI: include/uapi/asm-generic and
/// arch/x86/include/uapi/asm.
extension SyscallDecoder {
    private func captured(_ step: SyscallPlan.Step, _ argument: Int) -> SyscallCapture? {
        let kind =
            switch step.kind {
            case .sockaddr, .cpuset: SYSCALL_CAPTURE_SIZED
            case .pollfds, .epollevents, .ids, .sembufs: SYSCALL_CAPTURE_ARRAY
            default: SYSCALL_CAPTURE_STRUCT
            }
        return capture(kind, argument, atExit: step.atExit)
    }

    func append(
        structure step: SyscallPlan.Step, argument: Int, value: UInt64, to buffer: inout ByteBuffer
    ) {
        // wait4 that found no child to tell of wrote nothing.
        let isEmptyWait = record.header.result == 0 && (step.kind == .status || record.key == 61)
        // A set of another size than the kernel's is refused; rt_sigpending(2) writes a part.
        let isSet = step.kind == .sigset || step.kind == .sigaction
        let setSize = isSet ? record.argument(step.count) : 8
        let isOddSet = step.atExit ? !(1...8).contains(setSize) : setSize != 8
        guard let capture = captured(step, argument), !capture.has(SYSCALL_FAULT), !isEmptyWait, !isOddSet,
            capture.kind != SYSCALL_CAPTURE_STRUCT || !capture.has(SYSCALL_CUT)
                || capture.bytes.count >= leastSize(step, of: capture.bytes)
        else { return append(pointer: value, to: &buffer) }
        let bytes = capture.bytes
        func u64(_ offset: Int) -> UInt64 {
            offset + 8 <= bytes.count ? bytes.loadUnaligned(fromByteOffset: offset, as: UInt64.self) : 0
        }
        func u32(_ offset: Int) -> UInt64 {
            offset + 4 <= bytes.count ? UInt64(bytes.loadUnaligned(fromByteOffset: offset, as: UInt32.self)) : 0
        }
        func u16(_ offset: Int) -> UInt64 {
            offset + 2 <= bytes.count ? UInt64(bytes.loadUnaligned(fromByteOffset: offset, as: UInt16.self)) : 0
        }
        func pair(_ first: StaticString, _ second: StaticString, at offset: Int) {
            buffer.append("{")
            buffer.append(first)
            buffer.append(signed: Int64(bitPattern: u64(offset)))
            buffer.append(second)
            buffer.append(signed: Int64(bitPattern: u64(offset + 8)))
            buffer.append("}")
        }
        /// Words, one after another.
        func members(_ labels: [StaticString], at offset: Int) {
            for (index, label) in labels.enumerated() {
                buffer.append(label)
                buffer.append(decimal: u64(offset + 8 * index))
            }
        }
        switch step.kind {
        case .sockaddr:
            // Less than a family is none.
            if bytes.count < 2 {
                append(pointer: value, to: &buffer)
            } else {
                append(socketAddress: bytes, to: &buffer)
            }
        case .stat: append(mode: u32(24), size: u64(48), device: u64(40), prefix: "st_", to: &buffer)
        case .statx:
            buffer.append("{stx_mask=")
            SyscallNameSet.all["statx"]?.append(mask: u32(0), to: &buffer)
            buffer.append(", stx_attributes=")
            names["statx_attributes"].append(mask: u64(8), to: &buffer)
            buffer.append(", stx_mode=")
            append(fileMode: u16(28), to: &buffer)
            buffer.append(", stx_size=")
            buffer.append(decimal: u64(40))
            buffer.append(", ...}")
        case .timespec, .futextime: pair("tv_sec=", ", tv_nsec=", at: 0)
        case .timeval: pair("tv_sec=", ", tv_usec=", at: 0)
        case .timespecs:
            // include/linux/stat.h, UTIME_NOW and UTIME_OMIT.
            for offset in [0, 16] {
                buffer.append(offset == 0 ? "[" : ", ")
                switch u64(offset + 8) {
                case 0x3fff_ffff: buffer.append("UTIME_NOW")
                case 0x3fff_fffe: buffer.append("UTIME_OMIT")
                default: pair("tv_sec=", ", tv_nsec=", at: offset)
                }
            }
            buffer.append("]")
        case .itimerval, .itimerspec:
            let isSpec = step.kind == .itimerspec
            buffer.append("{it_interval=")
            pair("tv_sec=", isSpec ? ", tv_nsec=" : ", tv_usec=", at: 0)
            buffer.append(", it_value=")
            pair("tv_sec=", isSpec ? ", tv_nsec=" : ", tv_usec=", at: 16)
            buffer.append("}")
        case .rlimit:
            buffer.append("{rlim_cur=")
            append(limit: u64(0), to: &buffer)
            buffer.append(", rlim_max=")
            append(limit: u64(8), to: &buffer)
            buffer.append("}")
        case .sigset:
            let isWhole = setSize == 8
            let part = isWhole ? u64(0) : bytes.prefix(Int(setSize)).reversed().reduce(0) { $0 << 8 | UInt64($1) }
            names.append(signals: part, to: &buffer)
        case .frame:
            buffer.append("{mask=")
            names.append(signals: u64(0), to: &buffer)
            buffer.append("}")
        case .sigaction:
            buffer.append("{sa_handler=")
            switch u64(0) {
            case 0: buffer.append("SIG_DFL")
            case 1: buffer.append("SIG_IGN")
            default: buffer.append(hex: u64(0))
            }
            buffer.append(", sa_mask=")
            names.append(signals: u64(24), to: &buffer)
            buffer.append(", sa_flags=")
            names.saflags.append(mask: u64(8), to: &buffer)
            // SA_RESTORER
            if u64(8) & 0x400_0000 != 0 {
                buffer.append(", sa_restorer=")
                append(pointer: u64(16), to: &buffer)
            }
            buffer.append("}")
        case .stack:
            buffer.append("{ss_sp=")
            append(pointer: u64(0), to: &buffer)
            buffer.append(", ss_flags=")
            names["stack"].append(mask: u32(8), to: &buffer)
            buffer.append(", ss_size=")
            buffer.append(decimal: u64(16))
            buffer.append("}")
        case .cpuset: append(bits: bytes, isCut: capture.has(SYSCALL_CUT), to: &buffer)
        case .pipe:
            append(list: 2, isCut: false, to: &buffer) { index, buffer in
                append(
                    descriptor: Int32(truncatingIfNeeded: u32(4 * index)), ofList: argument, index: index,
                    atExit: step.atExit, to: &buffer)
            }
        case .intPointer:
            buffer.append("[")
            buffer.append(signed: Int64(Int32(truncatingIfNeeded: u32(0))))
            // One that is read and written.
            if !step.atExit, let after = self.capture(SYSCALL_CAPTURE_STRUCT, argument, atExit: true),
                after.bytes.count >= 4, after.bytes.loadUnaligned(as: UInt32.self) != u32(0)
            {
                buffer.append(" => ")
                buffer.append(signed: Int64(after.bytes.loadUnaligned(as: Int32.self)))
            }
            buffer.append("]")
        case .status: append(status: u32(0), to: &buffer)
        case .utsname:
            buffer.append("{sysname=")
            for (index, label): (Int, StaticString) in [(0, ""), (1, ", nodename="), (2, ", release=")] {
                buffer.append(label)
                buffer.append(0x22)
                let field = bytes.dropFirst(65 * index).prefix(65).prefix { $0 != 0 }
                buffer.append(escaped: UnsafeRawBufferPointer(rebasing: field))
                buffer.append(0x22)
            }
            buffer.append(", ...}")
        case .sysinfo:
            buffer.append("{uptime=")
            buffer.append(decimal: u64(0))
            buffer.append(", loads=")
            append(list: 3, isCut: false, to: &buffer) { index, buffer in
                buffer.append(decimal: u64(8 + 8 * index))
            }
            let labels: [StaticString] = [
                ", totalram=", ", freeram=", ", sharedram=", ", bufferram=", ", totalswap=", ", freeswap=",
            ]
            members(labels, at: 32)
            buffer.append(", procs=")
            buffer.append(decimal: u16(80))
            members([", totalhigh=", ", freehigh="], at: 88)
            buffer.append(", mem_unit=")
            buffer.append(decimal: u32(104))
            buffer.append("}")
        case .pollfds:
            // What it found is told with the result.
            append(list: bytes.count / 8, isCut: capture.has(SYSCALL_CUT), to: &buffer) { index, buffer in
                let descriptor = Int32(truncatingIfNeeded: u32(8 * index))
                buffer.append("{fd=")
                append(
                    descriptor: descriptor, ofList: argument, index: index, atExit: step.atExit, to: &buffer)
                if descriptor >= 0 {
                    buffer.append(", events=")
                    names.poll.append(mask: u16(8 * index + 4), to: &buffer)
                }
                buffer.append("}")
            }
        case .epollevents, .epollevent:
            let isList = step.kind == .epollevents
            let one = { (index: Int, buffer: inout ByteBuffer) in
                buffer.append("{events=")
                names.epoll.append(mask: u32(12 * index), to: &buffer)
                buffer.append(", data=")
                buffer.append(hex: u64(12 * index + 4))
                buffer.append("}")
            }
            if isList {
                append(list: bytes.count / 12, isCut: capture.has(SYSCALL_CUT), to: &buffer, one)
            } else {
                one(0, &buffer)
            }
        case .openhow:
            buffer.append("{flags=")
            names.open.append(mask: u64(0), to: &buffer)
            if u64(8) != 0 {
                buffer.append(", mode=")
                buffer.append(octal: u64(8))
            }
            buffer.append(", resolve=")
            names.resolve.append(mask: u64(16), to: &buffer)
            buffer.append("}")
        case .cloneargs:
            let flags = u64(0)
            buffer.append("{flags=")
            names.clone.append(mask: flags, to: &buffer)
            // CLONE_PIDFD; CLONE_CHILD_SETTID and CLONE_CHILD_CLEARTID; CLONE_PARENT_SETTID.
            let addresses: [(UInt64, StaticString)] = [
                (0x1000, ", pidfd="), (0x120_0000, ", child_tid="), (0x10_0000, ", parent_tid="),
            ]
            for (index, (bits, label)) in addresses.enumerated() where flags & bits != 0 {
                buffer.append(label)
                append(pointer: u64(8 + 8 * index), to: &buffer)
            }
            buffer.append(", exit_signal=")
            names.append(signal: u64(32), to: &buffer)
            buffer.append(", stack=")
            append(pointer: u64(40), to: &buffer)
            buffer.append(", stack_size=")
            buffer.append(hex: u64(48))
            // CLONE_SETTLS.
            if flags & 0x80000 != 0 {
                buffer.append(", tls=")
                buffer.append(hex: u64(56))
            }
            buffer.append("}")
        case .ids:
            append(list: bytes.count / 4, isCut: capture.has(SYSCALL_CUT), to: &buffer) { index, buffer in
                buffer.append(decimal: u32(4 * index))
            }
        case .rusage:
            buffer.append("{ru_utime=")
            pair("tv_sec=", ", tv_usec=", at: 0)
            buffer.append(", ru_stime=")
            pair("tv_sec=", ", tv_usec=", at: 16)
            buffer.append(", ...}")
        case .siginfo: if let info = SyscallSignalInfo(bytes) { names.append(info, to: &buffer) }
        case .sigevent:
            buffer.append("{sigev_signo=")
            names.append(signal: u32(8), to: &buffer)
            buffer.append(", sigev_notify=")
            names["sigev"].append(choice: u32(12), to: &buffer)
            buffer.append("}")
        case .statfs:
            buffer.append("{f_type=")
            names.magic.append(choice: u64(0), to: &buffer)
            let labels: [StaticString] = [
                ", f_bsize=", ", f_blocks=", ", f_bfree=", ", f_bavail=", ", f_files=", ", f_ffree=",
            ]
            members(labels, at: 8)
            buffer.append(", f_fsid={val=[")
            buffer.append(hex: u32(56))
            buffer.append(", ")
            buffer.append(hex: u32(60))
            buffer.append("]}")
            members([", f_namelen=", ", f_frsize="], at: 64)
            buffer.append(", f_flags=")
            names["statfs"].append(mask: u64(80), to: &buffer)
            buffer.append("}")
        case .tms:
            members(["{tms_utime=", ", tms_stime=", ", tms_cutime=", ", tms_cstime="], at: 0)
            buffer.append("}")
        case .mqattr:
            buffer.append("{mq_flags=")
            buffer.append(hex: u64(0))
            for (index, label): (Int, StaticString) in [
                (1, ", mq_maxmsg="), (2, ", mq_msgsize="), (3, ", mq_curmsgs="),
            ] {
                buffer.append(label)
                buffer.append(signed: Int64(bitPattern: u64(8 * index)))
            }
            buffer.append("}")
        case .capheader:
            buffer.append("{version=")
            names["capversion"].append(choice: u32(0), to: &buffer)
            buffer.append(", pid=")
            buffer.append(signed: Int64(Int32(truncatingIfNeeded: u32(4))))
            buffer.append("}")
        case .capabilities:
            // The low words of all three sets, then the high ones.
            let isOneHalf = hasOneHalfOfCapabilities
            let labels: [StaticString] = ["{effective=", ", permitted=", ", inheritable="]
            for (index, label) in labels.enumerated() {
                buffer.append(label)
                append(capabilities: u32(4 * index) | (isOneHalf ? 0 : u32(4 * index + 12) << 32), to: &buffer)
            }
            buffer.append("}")
        case .schedattr:
            buffer.append("{size=")
            buffer.append(decimal: u32(0))
            buffer.append(", sched_policy=")
            names["sched"].append(mask: u32(4), to: &buffer)
            buffer.append(", sched_flags=")
            names["schedflags"].append(mask: u64(8), to: &buffer)
            buffer.append(", sched_nice=")
            buffer.append(signed: Int64(Int32(truncatingIfNeeded: u32(16))))
            buffer.append(", sched_priority=")
            buffer.append(decimal: u32(20))
            members([", sched_runtime=", ", sched_deadline=", ", sched_period="], at: 24)
            // The kernel's first layout ends here.
            if u32(0) >= 56 {
                buffer.append(", sched_util_min=")
                buffer.append(decimal: u32(48))
                buffer.append(", sched_util_max=")
                buffer.append(decimal: u32(52))
            }
            buffer.append("}")
        case .sembufs:
            append(list: bytes.count / 6, isCut: capture.has(SYSCALL_CUT), to: &buffer) { index, buffer in
                buffer.append("{sem_num=")
                buffer.append(decimal: u16(6 * index))
                buffer.append(", sem_op=")
                buffer.append(signed: Int64(Int16(truncatingIfNeeded: u16(6 * index + 2))))
                buffer.append(", sem_flg=")
                names["semflags"].append(mask: u16(6 * index + 4), to: &buffer)
                buffer.append("}")
            }
        default: append(pointer: value, to: &buffer)
        }
    }

    /// The bytes that the call uses of a structure of which there is a part, at the end of a page.
    private func leastSize(_ step: SyscallPlan.Step, of bytes: UnsafeRawBufferPointer) -> Int {
        switch step.kind {
        case .sigset where step.atExit: Int(clamping: record.argument(step.count))
        case .capabilities where hasOneHalfOfCapabilities: 12
        // The first layout's size; 0 stands for it.
        case .schedattr where bytes.count >= 4: max(48, Int(bytes.loadUnaligned(as: UInt32.self)))
        default: .max
        }
    }

    /// Of _LINUX_CAPABILITY_VERSION_1, and of what is no version.
    private var hasOneHalfOfCapabilities: Bool {
        guard let head = capture(SYSCALL_CAPTURE_STRUCT, 0, atExit: false), head.bytes.count >= 4 else { return false }
        return ![0x2007_1026, 0x2008_0522].contains(head.bytes.loadUnaligned(as: UInt32.self))
    }

    func append(
        list count: Int, isCut: Bool, to buffer: inout ByteBuffer, _ body: (Int, inout ByteBuffer) -> Void
    ) {
        buffer.append("[")
        for index in 0..<count {
            if index > 0 { buffer.append(", ") }
            body(index, &buffer)
        }
        if isCut { buffer.append(", ...") }
        buffer.append("]")
    }

    private func append(
        mode: UInt64, size: UInt64, device: UInt64, prefix: StaticString, to buffer: inout ByteBuffer
    ) {
        buffer.append("{")
        buffer.append(prefix)
        buffer.append("mode=")
        append(fileMode: mode, to: &buffer)
        buffer.append(", ")
        buffer.append(prefix)
        let kind = UInt32(truncatingIfNeeded: mode) & S_IFMT
        if kind == S_IFCHR || kind == S_IFBLK {
            buffer.append("rdev=")
            append(device: device, to: &buffer)
        } else {
            buffer.append("size=")
            buffer.append(decimal: size)
        }
        buffer.append(", ...}")
    }
}
