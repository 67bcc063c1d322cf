// SPDX-License-Identifier: Apache-2.0
import CEvents
import Glibc
import Tracers

/// Arguments whose meaning depends on an operation that another one names.
extension SyscallDecoder {
    // MARK: - fcntl(2)

    /// The third argument. False: its operation takes none.
    func append(fcntl argument: Int, value: UInt64, to buffer: inout ByteBuffer) -> Bool {
        let low = value & 0xffff_ffff
        switch record.argument(1) & 0xffff_ffff {
        // F_GETFD, F_GETFL, F_GETOWN, F_GETSIG, F_GETLEASE, F_GETPIPE_SZ, F_GET_SEALS
        case 1, 3, 9, 11, 1025, 1032, 1034: return false
        // F_DUPFD, F_SETOWN, F_DUPFD_CLOEXEC, F_SETPIPE_SZ
        case 0, 8, 1030, 1031: buffer.append(signed: Int64(Int32(truncatingIfNeeded: value)))
        case 2: if value == 1 { buffer.append("FD_CLOEXEC") } else { buffer.append(hex: value) }
        case 4: names.open.append(mask: low, to: &buffer)
        // F_GETLK and F_OFD_GETLK answer in place; F_SETLK and F_SETLKW of both kinds do not.
        case 5, 36: append(lock: argument, atExit: true, value: value, to: &buffer)
        case 6, 7, 37, 38: append(lock: argument, atExit: false, value: value, to: &buffer)
        // F_SETSIG, F_SETLEASE, F_NOTIFY, F_ADD_SEALS
        case 10: names.append(signal: low, to: &buffer)
        case 1024: names.lock.append(choice: low, to: &buffer)
        case 1026: names["notify"].append(mask: low, to: &buffer)
        case 1033: names.seals.append(mask: low, to: &buffer)
        // F_SETOWN_EX, F_GETOWN_EX
        case 15, 16: append(owner: argument, atExit: record.argument(1) == 16, value: value, to: &buffer)
        default: buffer.append(hex: value)
        }
        return true
    }

    /// struct f_owner_ex.
    private func append(owner argument: Int, atExit: Bool, value: UInt64, to buffer: inout ByteBuffer) {
        guard let found = capture(SYSCALL_CAPTURE_STRUCT, argument, atExit: atExit), found.bytes.count >= 8
        else { return append(pointer: value, to: &buffer) }
        buffer.append("{type=")
        names["owner"].append(choice: UInt64(found.bytes.loadUnaligned(as: UInt32.self)), to: &buffer)
        buffer.append(", pid=")
        buffer.append(signed: Int64(found.bytes.loadUnaligned(fromByteOffset: 4, as: Int32.self)))
        buffer.append("}")
    }

    /// struct flock.
    private func append(lock argument: Int, atExit: Bool, value: UInt64, to buffer: inout ByteBuffer) {
        // A call that failed has answered nothing.
        guard
            let found = capture(SYSCALL_CAPTURE_STRUCT, argument, atExit: atExit)
                ?? capture(SYSCALL_CAPTURE_STRUCT, argument, atExit: false), found.bytes.count >= 32
        else { return append(pointer: value, to: &buffer) }
        func u16(_ offset: Int) -> UInt64 {
            UInt64(found.bytes.loadUnaligned(fromByteOffset: offset, as: UInt16.self))
        }
        func i64(_ offset: Int) -> Int64 { found.bytes.loadUnaligned(fromByteOffset: offset, as: Int64.self) }
        buffer.append("{l_type=")
        names.lock.append(choice: u16(0), to: &buffer)
        buffer.append(", l_whence=")
        names.whence.append(choice: u16(2), to: &buffer)
        buffer.append(", l_start=")
        buffer.append(signed: i64(8))
        buffer.append(", l_len=")
        buffer.append(signed: i64(16))
        if found.has(SYSCALL_AT_EXIT) {
            buffer.append(", l_pid=")
            buffer.append(signed: Int64(found.bytes.loadUnaligned(fromByteOffset: 24, as: Int32.self)))
        }
        buffer.append("}")
    }

    /// Flags, a signal or a lease have their names behind the number; a new descriptor has its file.
    func append(fcntlResult result: Int64, to buffer: inout ByteBuffer) {
        let value = UInt64(bitPattern: result)
        switch record.argument(1) & 0xffff_ffff {
        case 0, 1030: append(descriptor: Int32(truncatingIfNeeded: result), argument: SYSCALL_RESULT, to: &buffer)
        case 1:
            buffer.append(hex: value)
            if value == 1 { buffer.append(" (flags FD_CLOEXEC)") }
        case 3:
            buffer.append(hex: value)
            buffer.append(" (flags ")
            names.open.append(mask: value, to: &buffer)
            buffer.append(")")
        case 11 where result > 0:
            buffer.append(signed: result)
            buffer.append(" (")
            names.append(signal: value, to: &buffer)
            buffer.append(")")
        case 1025:
            buffer.append(hex: value)
            buffer.append(" (")
            names.lock.append(choice: value, to: &buffer)
            buffer.append(")")
        case 1034:
            buffer.append(hex: value)
            guard value != 0 else { return }
            buffer.append(" (seals ")
            names.seals.append(mask: value, to: &buffer)
            buffer.append(")")
        default: buffer.append(signed: result)
        }
    }

    // MARK: - ioctl(2)

    /// Its name, or what its number is made of: include/uapi/asm-generic/ioctl.h.
    func append(request: UInt64, to buffer: inout ByteBuffer) {
        if names.ioctl.append(known: request, to: &buffer) { return }
        buffer.append("_IOC(")
        names["ioc"].append(mask: request >> 30, to: &buffer)
        for part in [request >> 8 & 0xff, request & 0xff, request >> 16 & 0x3fff] {
            buffer.append(", ")
            buffer.append(hex: part)
        }
        buffer.append(")")
    }

    /// False: the request takes no argument.
    func append(ioctl step: SyscallPlan.Step, argument: Int, value: UInt64, to buffer: inout ByteBuffer) -> Bool {
        let request = record.argument(1) & 0xffff_ffff
        // FIOCLEX, FIONCLEX, TIOCNOTTY, TIOCEXCL, TIOCNXCL
        if [0x5451, 0x5450, 0x5422, 0x540c, 0x540d].contains(request) { return false }
        // TCFLSH
        if request == 0x540b {
            names["flush"].append(choice: value, to: &buffer)
            return true
        }
        guard let found = capture(SYSCALL_CAPTURE_STRUCT, argument, atExit: true), found.bytes.count >= 4 else {
            buffer.append(hex: value)
            return true
        }
        // At the end of a page it can be shorter than what other requests have.
        switch request {
        // FIONREAD, FIONBIO, FIOASYNC, TIOCGPGRP, TIOCSPGRP, TIOCOUTQ, TIOCGSID, TIOCGPTN, TIOCSPTLCK
        case 0x541b, 0x5421, 0x5452, 0x540f, 0x5410, 0x5411, 0x5429, 0x8004_5430, 0x4004_5431:
            buffer.append("[")
            buffer.append(signed: Int64(found.bytes.loadUnaligned(as: Int32.self)))
            buffer.append("]")
        // TIOCGWINSZ, TIOCSWINSZ
        case 0x5413 where found.bytes.count >= 8, 0x5414 where found.bytes.count >= 8:
            let labels: [StaticString] = ["{ws_row=", ", ws_col=", ", ws_xpixel=", ", ws_ypixel="]
            for (index, label) in labels.enumerated() {
                buffer.append(label)
                buffer.append(decimal: UInt64(found.bytes.loadUnaligned(fromByteOffset: 2 * index, as: UInt16.self)))
            }
            buffer.append("}")
        // TCGETS, TCSETS, TCSETSW, TCSETSF
        case 0x5401...0x5404 where found.bytes.count >= 16:
            let flags: [(StaticString, String)] = [
                ("{c_iflag=", "iflag"), (", c_oflag=", "oflag"), (", c_cflag=", "cflag"), (", c_lflag=", "lflag"),
            ]
            for (index, (label, set)) in flags.enumerated() {
                buffer.append(label)
                let value = found.bytes.loadUnaligned(fromByteOffset: 4 * index, as: UInt32.self)
                names[set].append(mask: UInt64(value), to: &buffer)
            }
            buffer.append(", ...}")
        default: buffer.append(hex: value)
        }
        return true
    }

    // MARK: - System V IPC

    /// `IPC_CREAT|0600`.
    func append(ipcFlags value: UInt64, _ set: SyscallNameSet?, to buffer: inout ByteBuffer) {
        if let set, value & ~0o777 != 0 {
            set.append(mask: value & ~0o777, to: &buffer)
            buffer.append("|")
        }
        buffer.append(octal: value & 0o777)
    }

    // MARK: - prctl(2)

    /// False: the option takes no such argument.
    func append(prctl argument: Int, value: UInt64, to buffer: inout ByteBuffer) -> Bool {
        let option = record.argument(0) & 0xffff_ffff
        guard argument <= Self.argumentCount(ofPrctl: option, first: record.argument(1)) else { return false }
        switch option {
        // PR_SET_PDEATHSIG
        case 1: names.append(signal: value & 0xffff_ffff, to: &buffer)
        // PR_SET_VMA: PR_SET_VMA_ANON_NAME, where, how much, its name.
        case 0x5356_4d41 where argument == 1 && value == 0: buffer.append("PR_SET_VMA_ANON_NAME")
        case 0x5356_4d41 where argument == 3: buffer.append(decimal: value)
        // PR_SET_NAME, PR_GET_NAME; of PR_SET_VMA the name.
        case 15, 16: append(name: argument, atExit: true, value: value, to: &buffer)
        case 0x5356_4d41 where argument == 4: append(name: argument, atExit: false, value: value, to: &buffer)
        // PR_GET_PDEATHSIG, PR_GET_CHILD_SUBREAPER: a small int, of which the text is the first byte.
        case 2, 37:
            guard let text = capture(SYSCALL_CAPTURE_STRING, argument, atExit: true), !text.has(SYSCALL_FAULT) else {
                append(pointer: value, to: &buffer)
                return true
            }
            let number = UInt64(text.bytes.first ?? 0)
            buffer.append("[")
            if option == 2 { names.append(signal: number, to: &buffer) } else { buffer.append(decimal: number) }
            buffer.append("]")
        // PR_CAPBSET_READ, PR_CAPBSET_DROP; PR_CAP_AMBIENT
        case 23, 24: names["cap"].append(choice: value, to: &buffer)
        case 47 where argument == 1: names["ambient"].append(choice: value, to: &buffer)
        case 47 where argument == 2 && (1...3).contains(record.argument(1)):
            names["cap"].append(choice: value, to: &buffer)
        // PR_SET_SECCOMP
        case 22 where argument == 1: names["seccompmode"].append(choice: value, to: &buffer)
        // PR_SET_DUMPABLE, PR_SET_KEEPCAPS, PR_SET_TIMERSLACK, PR_SET_CHILD_SUBREAPER, PR_SET_NO_NEW_PRIVS
        case 4, 8, 29, 36, 38: buffer.append(decimal: value)
        default: buffer.append(hex: value)
        }
        return true
    }

    private func append(name argument: Int, atExit: Bool, value: UInt64, to buffer: inout ByteBuffer) {
        if let text = capture(SYSCALL_CAPTURE_STRING, argument, atExit: atExit), !text.has(SYSCALL_FAULT) {
            append(string: text, to: &buffer)
        } else {
            append(pointer: value, to: &buffer)
        }
    }

    /// The last argument that an option looks at. What it does not look at holds what was there before.
    private static func argumentCount(ofPrctl option: UInt64, first: UInt64) -> Int {
        switch option {
        // PR_GET_DUMPABLE, PR_GET_KEEPCAPS, PR_GET_TIMING, PR_GET_SECCOMP, PR_GET_SECUREBITS, PR_GET_TIMERSLACK
        case 3, 7, 13, 21, 27, 30: 0
        // PR_SET_PDEATHSIG and PR_GET_PDEATHSIG, …UNALIGN, …FPEMU, …FPEXC, …TIMING, …NAME, …ENDIAN, …TSC,
        // PR_CAPBSET_READ and PR_CAPBSET_DROP, PR_SET_SECUREBITS, PR_SET_TIMERSLACK, …CHILD_SUBREAPER,
        // PR_GET_SPECULATION_CTRL, PR_SET_DUMPABLE, PR_SET_KEEPCAPS, PR_SET_PTRACER
        case 1, 2, 4, 5, 6, 8, 9, 10, 11, 12, 14, 15, 16, 19, 20, 23, 24, 25, 26, 28, 29, 36, 37, 52, 0x5961_6d61: 1
        // PR_SET_SECCOMP of SECCOMP_MODE_STRICT, and of SECCOMP_MODE_FILTER.
        case 22 where first == 1: 1
        case 22 where first == 2: 2
        // PR_SET_SPECULATION_CTRL
        case 53: 2
        default: 4
        }
    }

    // MARK: - futex(2)

    /// Which arguments there are, and what they are, depends on the operation. False: there is none.
    func append(
        futex step: SyscallPlan.Step, argument: Int, value: UInt64, to buffer: inout ByteBuffer
    ) -> Bool {
        // FUTEX_PRIVATE_FLAG, FUTEX_CLOCK_REALTIME.
        let (isPrivate, isRealtime): (UInt64, UInt64) = (128, 256)
        let whole = record.argument(1) & 0xffff_ffff
        let operation = whole & ~(isPrivate | isRealtime)
        let isKnown = operation <= 13
        switch (argument, operation) {
        case (1, _) where isKnown:
            names.futex.append(choice: operation, to: &buffer)
            if whole & isPrivate != 0 { buffer.append("_PRIVATE") }
            if whole & isRealtime != 0 { buffer.append("|FUTEX_CLOCK_REALTIME") }
        case (1, _): buffer.append(hex: whole)
        // FUTEX_LOCK_PI, FUTEX_UNLOCK_PI, FUTEX_TRYLOCK_PI and FUTEX_LOCK_PI2 have no value.
        case (2, 6), (2, 7), (2, 8), (2, 13): return false
        case (2, _): buffer.append(decimal: value & 0xffff_ffff)
        // FUTEX_REQUEUE, FUTEX_CMP_REQUEUE, FUTEX_WAKE_OP and FUTEX_CMP_REQUEUE_PI have a number in place of a time.
        case (3, 3), (3, 4), (3, 5), (3, 12), (5, 4), (5, 12): buffer.append(decimal: value & 0xffff_ffff)
        // FUTEX_WAIT, FUTEX_LOCK_PI, FUTEX_WAIT_BITSET, FUTEX_WAIT_REQUEUE_PI, FUTEX_LOCK_PI2
        case (3, 0), (3, 6), (3, 9), (3, 11), (3, 13):
            append(structure: step, argument: argument, value: value, to: &buffer)
        case (4, 3), (4, 4), (4, 5), (4, 11), (4, 12): append(pointer: value, to: &buffer)
        // FUTEX_WAIT_BITSET, FUTEX_WAKE_BITSET
        case (5, 9) where value & 0xffff_ffff == 0xffff_ffff, (5, 10) where value & 0xffff_ffff == 0xffff_ffff:
            buffer.append("FUTEX_BITSET_MATCH_ANY")
        case (5, 5), (5, 9), (5, 10): buffer.append(hex: value & 0xffff_ffff)
        case (5, _) where !isKnown: buffer.append(hex: value & 0xffff_ffff)
        case _ where !isKnown: buffer.append(hex: value)
        default: return false
        }
        return true
    }
}
