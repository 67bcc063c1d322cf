// SPDX-License-Identifier: Apache-2.0
import CEvents
import Glibc
import Linux
public import Tracers

/// Turns records of system calls into lines: what all of them need to know, and what was told before.
///
/// A line goes into a buffer that is used again; nothing is allocated for it.
public struct SyscallFormat {
    /// What a line says of when.
    public enum Time: String, Sendable, CaseIterable {
        /// Nothing.
        case none
        /// The time of day, with microseconds.
        case absolute
        /// Seconds since the first record.
        case relative
    }

    /// What each line begins with, after the thread.
    public var time = Time.none
    /// Whether delivered signals have lines.
    public var showsSignals = true

    /// By a record's key; nil: not asked for yet.
    private var plans = [SyscallPlan?](repeating: nil, count: 2 * SYSCALL_NUMBERS)
    private var metadata = SyscallMetadata()
    var names = SyscallNameTable()
    /// By the number that stands for it: a path, escaped; empty: not told.
    var paths: [[UInt8]] = []
    private var firstThread: UInt32?
    private var hasOtherThreads = false
    private var start: UInt64?
    /// The second of the last time of day, and how it is told, up to its point.
    private var second: UInt64 = 0
    private var timeOfDay: [UInt8] = []
    /// CLOCK_REALTIME less CLOCK_MONOTONIC.
    let realtimeOffset: UInt64

    /// Lines without times; no record has been seen.
    public init() { realtimeOffset = Clock.realtime &- Clock.monotonic }

    /// Appends what a record has to say, if anything: a line, with its end. Before it, where the thread's
    /// records before it were lost, a line that says how many.
    public mutating func append(_ record: SyscallRecord, to buffer: inout ByteBuffer) {
        let header = record.header
        if record.type == SYSCALL_RECORD_PATH { return note(path: record) }
        noteThread(header.tid)
        if header.lost > 0 {
            begin(record, &buffer)
            buffer.append("--- ")
            buffer.append(decimal: header.lost)
            buffer.append(header.lost == 1 ? " call lost here ---\n" : " calls lost here ---\n")
        }
        switch record.type {
        case SYSCALL_RECORD_CALL:
            begin(record, &buffer)
            append(call: record, &buffer)
        case SYSCALL_RECORD_EXIT:
            begin(record, &buffer)
            let status = UInt64(truncatingIfNeeded: header.result)
            if status & 0x7f == 0 {
                buffer.append("+++ exited with ")
                buffer.append(decimal: status >> 8 & 0xff)
            } else {
                buffer.append("+++ killed by ")
                names.append(signal: status & 0x7f, to: &buffer)
                if status & 0x80 != 0 { buffer.append(" (core dumped)") }
            }
            buffer.append(" +++\n")
        case SYSCALL_RECORD_SIGNAL where showsSignals:
            begin(record, &buffer)
            append(signal: record, &buffer)
        case SYSCALL_RECORD_STOP:
            begin(record, &buffer)
            buffer.append("--- stopped by ")
            names.append(signal: UInt64(header.number), to: &buffer)
            buffer.append(" ---\n")
        case SYSCALL_RECORD_EXEC where header.arguments.0 != UInt64(header.tid):
            begin(record, &buffer)
            buffer.append("+++ superseded by execve in pid ")
            buffer.append(decimal: header.arguments.0)
            buffer.append(" +++\n")
        default: break
        }
    }

    private mutating func noteThread(_ tid: UInt32) {
        if firstThread == nil { firstThread = tid }
        if tid != firstThread { hasOtherThreads = true }
    }

    /// The thread, where there are several, and the time.
    private mutating func begin(_ record: SyscallRecord, _ buffer: inout ByteBuffer) {
        if hasOtherThreads {
            buffer.append("[pid ")
            buffer.append(decimal: UInt64(record.header.tid))
            buffer.append("] ")
        }
        switch time {
        case .none: break
        case .relative:
            let first = start ?? record.header.ts_ns
            start = first
            // One thread's record can come before another's that began earlier.
            append(seconds: record.header.ts_ns > first ? record.header.ts_ns - first : 0, &buffer)
            buffer.append(0x20)
        case .absolute:
            let now = record.header.ts_ns &+ realtimeOffset
            if now / 1_000_000_000 != second {
                second = now / 1_000_000_000
                timeOfDay = Array(Clock.localTimeOfDay(now).utf8.prefix(9))
            }
            buffer.append(timeOfDay)
            buffer.append(padded: now / 1000 % 1_000_000, digits: 6)
            buffer.append(0x20)
        }
    }

    /// Seconds with nine decimals.
    func append(seconds nanoseconds: UInt64, _ buffer: inout ByteBuffer) {
        buffer.append(decimal: nanoseconds / 1_000_000_000)
        buffer.append(0x2e)
        buffer.append(padded: nanoseconds % 1_000_000_000, digits: 9)
    }

    // MARK: - Calls

    mutating func plan(of record: SyscallRecord) -> SyscallPlan {
        let key = record.key
        guard (0..<Int32(SYSCALL_NUMBERS)).contains(record.header.number) else {
            return SyscallPlan(SyscallMetadata.unknown("syscall_\(record.header.number)"), isDecoded: false)
        }
        if let plan = plans[key] { return plan }
        let plan = makePlan(key)
        plans[key] = plan
        return plan
    }

    private mutating func makePlan(_ key: Int) -> SyscallPlan {
        guard let name = SyscallSignatures.name(ofKey: key) else {
            return SyscallPlan(SyscallMetadata.unknown("syscall_\(key % SYSCALL_NUMBERS)"), isDecoded: false)
        }
        if let signature = SyscallSignatures.decoded[name] { return SyscallPlan(signature, isDecoded: true) }
        return SyscallPlan(metadata.signature(of: name), isDecoded: false)
    }

    private mutating func append(call record: SyscallRecord, _ buffer: inout ByteBuffer) {
        let plan = plan(of: record)
        let (isLate, isUnfinished) = (record.has(SYSCALL_RESUMED), record.has(SYSCALL_UNFINISHED))
        var range = plan.steps.indices
        // What was found under way tells its first arguments then, up to the first that needs memory.
        if isLate {
            range = isUnfinished ? 0..<plan.firstOfMemory : plan.firstOfMemory..<plan.steps.count
            if !isUnfinished { buffer.append("<... ") }
        }
        buffer.append(plan.name)
        if record.has(SYSCALL_COMPAT) { buffer.append("[32]") }
        if isLate && !isUnfinished { buffer.append(" resumed>") } else { buffer.append(0x28) }
        var decoder = SyscallDecoder(record: record, names: names, paths: paths)
        for index in range {
            let mark = buffer.count
            if index > range.lowerBound { buffer.append(", ") }
            if !plan.isDecoded && !plan.labels[index].isEmpty {
                buffer.append(plan.labels[index])
                buffer.append(0x3d)
            }
            guard decoder.append(plan.steps[index], argument: index, to: &buffer) else {
                buffer.cut(to: mark)
                continue
            }
        }
        if isUnfinished {
            guard isLate else { return buffer.append(") = ?\n") }
            if !range.isEmpty && range.upperBound < plan.steps.count { buffer.append(0x2c) }
            return buffer.append(" <unfinished ...>\n")
        }
        buffer.append(") = ")
        decoder.append(result: plan.result, to: &buffer)
        if record.has(SYSCALL_CROWDED) { buffer.append(" [some arguments found no room]") }
        buffer.append(isLate ? " <at least " : " <")
        append(seconds: record.header.duration_ns, &buffer)
        buffer.append(">\n")
    }

    // MARK: - Paths and signals

    /// Names are told the last one first.
    mutating func note(path record: SyscallRecord) {
        let number = Int(record.header.number)
        guard number > 0, number < 1 << 28, let capture = record.captures.next0() else { return }
        while paths.count <= number { paths.append([]) }
        var names: [ArraySlice<UInt8>] = Array(capture.bytes).split(separator: 0)
        names.reverse()
        var buffer = ByteBuffer(capacity: 4 * capture.bytes.count + 16)
        if capture.has(SYSCALL_CUT) { buffer.append("...") }
        if capture.header.index == UInt8(SYSCALL_NAME_ANONYMOUS) {
            append(anonymous: names, inode: record.argument(0), to: &buffer)
        } else {
            if names.isEmpty { buffer.append(0x2f) }
            for name in names {
                buffer.append(0x2f)
                name.withUnsafeBytes { buffer.append(escaped: $0) }
            }
        }
        paths[number] = buffer.withBytes { Array($0) }
    }

    /// As /proc has a file that is in no directory: `anon_inode:[eventpoll]`, `net:[4026531833]`.
    ///
    /// - Parameter names: of a namespace its kind; the type of its file system; its own.
    private func append(anonymous names: [ArraySlice<UInt8>], inode: UInt64, to buffer: inout ByteBuffer) {
        let type = names.dropLast().last.map { String(decoding: $0, as: UTF8.self) }
        let name = names.last ?? []
        switch type {
        case "anon_inodefs":
            buffer.append("anon_inode:")
            name.withUnsafeBytes { buffer.append(escaped: $0) }
        case "pidfs": buffer.append("anon_inode:[pidfd]")
        case "nsfs":
            (names.count > 2 ? names[0] : []).withUnsafeBytes { buffer.append(escaped: $0) }
            buffer.append(":[")
            buffer.append(decimal: inode)
            buffer.append("]")
        default:
            // A memfd, above all: it was never linked.
            buffer.append("/")
            name.withUnsafeBytes { buffer.append(escaped: $0) }
            buffer.append(" (deleted)")
        }
    }

    private func append(signal record: SyscallRecord, _ buffer: inout ByteBuffer) {
        let info = SyscallSignalInfo(record)
        buffer.append("--- ")
        names.append(signal: info.signal, to: &buffer)
        buffer.append(0x20)
        names.append(info, to: &buffer)
        buffer.append(" ---\n")
    }
}

extension SyscallRecord.Captures {
    /// The first one.
    func next0() -> SyscallCapture? {
        var captures = self
        return captures.next()
    }
}
