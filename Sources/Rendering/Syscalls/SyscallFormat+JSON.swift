// SPDX-License-Identifier: Apache-2.0
import CEvents
import Linux
public import Tracers

extension SyscallFormat {
    /// Appends a record as a line of `apus.syscalls/1`; nothing where it is the name of a path.
    ///
    /// Arguments are texts, as in a line of text: what they are made of is in the target's own bytes.
    public mutating func append(json record: SyscallRecord, to buffer: inout ByteBuffer) {
        let header = record.header
        let type: StaticString
        switch record.type {
        case SYSCALL_RECORD_PATH: return note(path: record)
        case SYSCALL_RECORD_CALL: type = "call"
        case SYSCALL_RECORD_BIRTH: type = "birth"
        case SYSCALL_RECORD_EXEC: type = "exec"
        case SYSCALL_RECORD_EXIT: type = "exit"
        case SYSCALL_RECORD_SIGNAL where showsSignals: type = "signal"
        case SYSCALL_RECORD_STOP: type = "stop"
        default: return
        }
        buffer.append("{\"schema\":\"apus.syscalls/1\",\"type\":\"")
        buffer.append(type)
        buffer.append("\",\"ts_ns\":")
        buffer.append(decimal: header.ts_ns &+ realtimeOffset)
        buffer.append(",\"pid\":")
        buffer.append(decimal: UInt64(header.pid))
        buffer.append(",\"tid\":")
        buffer.append(decimal: UInt64(header.tid))
        if header.lost > 0 {
            buffer.append(",\"lost_before\":")
            buffer.append(decimal: header.lost)
        }
        switch record.type {
        case SYSCALL_RECORD_CALL: append(jsonCall: record, &buffer)
        case SYSCALL_RECORD_BIRTH:
            buffer.append(",\"parent_tid\":")
            buffer.append(decimal: header.arguments.0)
        case SYSCALL_RECORD_EXEC:
            buffer.append(",\"former_tid\":")
            buffer.append(decimal: header.arguments.0)
        case SYSCALL_RECORD_EXIT:
            let status = UInt64(truncatingIfNeeded: header.result)
            if status & 0x7f == 0 {
                buffer.append(",\"exit_code\":")
                buffer.append(decimal: status >> 8 & 0xff)
            } else {
                buffer.append(",\"signal\":\"")
                names.append(signal: status & 0x7f, to: &buffer)
                buffer.append("\"")
            }
        default:
            buffer.append(",\"signal\":\"")
            names.append(signal: UInt64(UInt32(bitPattern: header.number)), to: &buffer)
            buffer.append("\"")
            // A stop has no siginfo.
            if record.type == SYSCALL_RECORD_SIGNAL { names.append(json: SyscallSignalInfo(record), to: &buffer) }
        }
        buffer.append("}\n")
    }

    private mutating func append(jsonCall record: SyscallRecord, _ buffer: inout ByteBuffer) {
        let plan = plan(of: record)
        buffer.append(",\"name\":\"")
        buffer.append(plan.name)
        buffer.append("\",\"number\":")
        buffer.append(signed: Int64(record.header.number))
        if record.has(SYSCALL_COMPAT) { buffer.append(",\"is_32_bit\":true") }
        buffer.append(",\"arguments\":[")
        var decoder = SyscallDecoder(record: record, names: names, paths: paths)
        var text = ByteBuffer(capacity: 256)
        for (index, step) in plan.steps.enumerated() {
            text.removeAll()
            guard decoder.append(step, argument: index, to: &text) else { continue }
            if index > 0 { buffer.append(0x2c) }
            buffer.append(0x22)
            // It is printable ASCII.
            text.withBytes { bytes in
                for byte in bytes {
                    if byte == 0x22 || byte == 0x5c { buffer.append(0x5c) }
                    buffer.append(byte)
                }
            }
            buffer.append(0x22)
        }
        buffer.append("]")
        if record.has(SYSCALL_UNFINISHED) {
            buffer.append(",\"unfinished\":true,\"result\":null,\"error\":null")
        } else {
            buffer.append(",\"result\":")
            buffer.append(signed: record.header.result)
            if let errno = record.errno {
                buffer.append(",\"error\":\"")
                buffer.append(names.name(ofError: errno))
                buffer.append("\"")
            } else {
                buffer.append(",\"error\":null")
            }
        }
        if record.has(SYSCALL_RESUMED) { buffer.append(",\"began_before\":true") }
        buffer.append(",\"duration_ns\":")
        buffer.append(decimal: record.header.duration_ns)
    }
}
