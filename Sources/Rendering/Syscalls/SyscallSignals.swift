// SPDX-License-Identifier: Apache-2.0
import CEvents
import Glibc
import Tracers

/// What siginfo has of a signal; which of it means something depends on the signal and its code.
struct SyscallSignalInfo {
    let signal: UInt64
    let code: UInt32
    let pid, uid, status: UInt64
    let address: UInt64

    /// Of a SYSCALL_RECORD_SIGNAL.
    init(_ record: SyscallRecord) {
        signal = UInt64(UInt32(bitPattern: record.header.number))
        code = UInt32(truncatingIfNeeded: record.argument(Int(SYSCALL_SIGNAL_CODE.rawValue)))
        pid = record.argument(Int(SYSCALL_SIGNAL_PID.rawValue)) & 0xffff_ffff
        uid = record.argument(Int(SYSCALL_SIGNAL_UID.rawValue)) & 0xffff_ffff
        status = record.argument(Int(SYSCALL_SIGNAL_STATUS.rawValue)) & 0xffff_ffff
        address = record.argument(Int(SYSCALL_SIGNAL_ADDRESS.rawValue))
    }

    /// siginfo_t, up to si_status; nil: there is less of it.
    init?(_ bytes: UnsafeRawBufferPointer) {
        guard bytes.count >= 28 else { return nil }
        func u32(_ offset: Int) -> UInt32 { bytes.loadUnaligned(fromByteOffset: offset, as: UInt32.self) }
        (signal, code) = (UInt64(u32(0)), u32(8))
        (pid, uid, status) = (UInt64(u32(16)), UInt64(u32(20)), UInt64(u32(24)))
        address = bytes.loadUnaligned(fromByteOffset: 16, as: UInt64.self)
    }

    /// Of a child's end, stop or going on: CLD_EXITED to CLD_CONTINUED.
    var isChild: Bool { signal == UInt64(SIGCHLD) && (1...6).contains(code) }
    /// An instruction raised it.
    var isFault: Bool {
        [SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGTRAP].contains(Int32(truncatingIfNeeded: signal))
            && (1...127).contains(code)
    }
    /// Somebody sent it.
    var hasSender: Bool { !isFault && (Int32(bitPattern: code) <= 0 || isChild) }
}

extension SyscallNameTable {
    /// `{si_signo=SIGCHLD, si_code=CLD_EXITED, si_pid=9, si_uid=0, si_status=3}`.
    func append(_ info: SyscallSignalInfo, to buffer: inout ByteBuffer) {
        // waitid(2) that found no child.
        guard info.signal != 0 else { return buffer.append("{}") }
        buffer.append("{si_signo=")
        append(signal: info.signal, to: &buffer)
        buffer.append(", si_code=")
        let set = info.isChild ? "cldcode" : info.isFault && info.signal == UInt64(SIGSEGV) ? "segvcode" : "sicode"
        self[set].append(choice: UInt64(info.code), to: &buffer)
        if info.isFault {
            buffer.append(", si_addr=")
            if info.address == 0 { buffer.append("NULL") } else { buffer.append(hex: info.address) }
        } else if info.hasSender {
            buffer.append(", si_pid=")
            buffer.append(decimal: info.pid)
            buffer.append(", si_uid=")
            buffer.append(decimal: info.uid)
        }
        if info.isChild {
            buffer.append(", si_status=")
            append(status: info, to: &buffer)
        }
        buffer.append("}")
    }

    /// A child's: its exit status, or the signal that ended, stopped or continued it.
    private func append(status info: SyscallSignalInfo, to buffer: inout ByteBuffer) {
        // CLD_EXITED.
        if info.code == 1 { buffer.append(decimal: info.status) } else { append(signal: info.status, to: &buffer) }
    }

    /// The same as members of a JSON object, each with a comma before it.
    func append(json info: SyscallSignalInfo, to buffer: inout ByteBuffer) {
        buffer.append(",\"code\":")
        buffer.append(signed: Int64(Int32(bitPattern: info.code)))
        if info.isFault {
            buffer.append(",\"address\":")
            buffer.append(decimal: info.address)
        } else if info.hasSender {
            buffer.append(",\"sender_pid\":")
            buffer.append(decimal: info.pid)
            buffer.append(",\"sender_uid\":")
            buffer.append(decimal: info.uid)
        }
        if info.isChild {
            buffer.append(",\"status\":")
            buffer.append(decimal: info.status)
        }
    }

    /// `[INT TERM]`; the others of a set that has most: `~[KILL]`.
    func append(signals set: UInt64, to buffer: inout ByteBuffer) {
        let isInverse = set.nonzeroBitCount > 32
        var rest = isInverse ? ~set : set
        buffer.append(isInverse ? "~[" : "[")
        var isFirst = true
        while rest != 0 {
            if !isFirst { buffer.append(0x20) }
            isFirst = false
            append(shortSignal: rest.trailingZeroBitCount + 1, to: &buffer)
            rest &= rest - 1
        }
        buffer.append("]")
    }
}
