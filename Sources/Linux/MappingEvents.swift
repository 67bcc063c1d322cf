// SPDX-License-Identifier: Apache-2.0
import CLinux
import Glibc

/// What the kernel tells of a process's address space as it changes.
public struct MappingEvent: Sendable {
    /// What happened to the address space.
    public enum Kind: Sendable {
        /// A range became executable.
        case map(MappedRange)
        /// It executed a program: everything that was mapped is gone.
        case execute
        /// It was born with a copy of its parent's mappings.
        case fork(parent: Int32)
    }

    /// In this process's PID namespace.
    public let pid: Int32
    /// CLOCK_MONOTONIC, in nanoseconds.
    public let time: UInt64
    /// What happened.
    public let kind: Kind

    /// - Parameters:
    ///   - pid: in this process's PID namespace.
    ///   - time: CLOCK_MONOTONIC, in nanoseconds.
    public init(pid: Int32, time: UInt64, kind: Kind) { (self.pid, self.time, self.kind) = (pid, time, kind) }
}

/// A range of addresses that maps a file, or nothing, to execute it.
public struct MappedRange: Sendable, Hashable {
    /// Its first address.
    public let start: UInt64
    /// The address after its last.
    public let end: UInt64
    /// Where in the file it begins, in bytes.
    public let fileOffset: UInt64
    /// As the process sees it: a path, `[vdso]`, `//anon`.
    public let name: String
    /// The file's own mark, where the kernel could read it (since 5.12); else empty.
    public let buildID: [UInt8]
    /// The file's inode, where there is no build id; else 0.
    public let inode: UInt64

    /// - Parameters:
    ///   - end: the address after its last.
    ///   - fileOffset: where in the file it begins, in bytes.
    ///   - name: as the process sees it; `//anon` for none.
    public init(
        start: UInt64, end: UInt64, fileOffset: UInt64, name: String, buildID: [UInt8] = [], inode: UInt64 = 0
    ) {
        (self.start, self.end, self.fileOffset) = (start, end, fileOffset)
        (self.name, self.buildID, self.inode) = (name, buildID, inode)
    }

    /// The executable ranges of a process that runs, from /proc/PID/maps; nil where that cannot be read.
    public static func all(of pid: Int32) -> [MappedRange]? {
        guard let text = Procfs.bytes("/proc/\(pid)/maps") else { return nil }
        return text.split(separator: 0x0a).compactMap { line in
            // 7f0a1000-7f0a2000 r-xp 00001000 08:01 1234    /usr/lib/libc.so.6
            let parts = line.split(separator: 0x20, maxSplits: 5, omittingEmptySubsequences: true)
            guard parts.count >= 5, parts[1].count == 4, parts[1].dropFirst(2).first == UInt8(ascii: "x") else {
                return nil
            }
            let range = parts[0].split(separator: UInt8(ascii: "-")).map { String(decoding: $0, as: UTF8.self) }
            guard range.count == 2, let start = UInt64(range[0], radix: 16), let end = UInt64(range[1], radix: 16),
                let offset = UInt64(String(decoding: parts[2], as: UTF8.self), radix: 16)
            else { return nil }
            let name = parts.count > 5 ? parts[5].drop { $0 == 0x20 } : []
            return MappedRange(
                start: start, end: end, fileOffset: offset,
                name: name.isEmpty ? "//anon" : String(decoding: name, as: UTF8.self),
                inode: UInt64(String(decoding: parts[4], as: UTF8.self)) ?? 0)
        }
    }
}

/// The kernel's records of all address spaces of the machine, from when this was made: `mmap2`, `comm`
/// and `task` of a perf event on each CPU, as `perf record` reads them.
///
/// So a program that is over before anybody looks at /proc has its mappings told all the same.
public final class MappingEvents {
    private let rings: [PerfRing]
    private var waiting: [MappingEvent] = []
    /// Records for which the kernel found no room.
    public private(set) var lost: UInt64 = 0

    /// Readable when there is something to ``collect(all:)``.
    public var descriptors: [Int32] { rings.map(\.descriptor) }
    /// Some that were read wait for others of before them: collect again in a millisecond or two.
    public var isWaiting: Bool { !waiting.isEmpty }

    /// - Throws: ``SystemError`` with EACCES or EPERM without CAP_PERFMON.
    public init() throws(SystemError) {
        // perf_event_mlock_kb allows this much for each CPU, by default, without CAP_IPC_LOCK.
        let size = 512 * 1024
        var rings: [PerfRing] = []
        for cpu in CPUs.online {
            var descriptor = apus_open_mappings(Int32(cpu), 1)
            if descriptor < 0 && errno == EINVAL { descriptor = apus_open_mappings(Int32(cpu), 0) }
            guard descriptor >= 0 else {
                // It went offline meanwhile.
                if errno == ENODEV { continue }
                throw SystemError("watch", "what processes map", errno: errno)
            }
            rings.append(try PerfRing(descriptor: descriptor, size: size))
        }
        self.rings = rings
    }

    /// The events since the last call, by time. One that is so young that another CPU could still tell of an
    /// earlier one waits for the next call.
    ///
    /// - Parameter all: do not wait.
    public func collect(all: Bool) -> [MappingEvent] {
        // The kernel reads the clock, then writes the record.
        let limit = all ? UInt64.max : Clock.monotonic - 1_000_000
        for ring in rings { ring.drain { decode($0) } }
        waiting.sort { $0.time < $1.time }
        let split = waiting.firstIndex { $0.time > limit } ?? waiting.count
        defer { waiting.removeFirst(split) }
        return Array(waiting.prefix(split))
    }

    /// include/uapi/linux/perf_event.h, enum perf_event_type. With `sample_id_all` and PERF_SAMPLE_TIME each
    /// record ends with its time.
    private func decode(_ record: UnsafeRawBufferPointer) {
        let header = record.loadUnaligned(as: perf_event_header.self)
        guard record.count >= 24 else { return }
        let time = record.loadUnaligned(fromByteOffset: record.count - 8, as: UInt64.self)
        let pid = record.loadUnaligned(fromByteOffset: 8, as: Int32.self)
        let kind: MappingEvent.Kind
        switch header.type {
        case PERF_RECORD_MMAP2.rawValue:
            guard let range = Self.range(record, hasBuildID: header.misc & 1 << 14 != 0) else { return }
            kind = .map(range)
        // PERF_RECORD_MISC_COMM_EXEC
        case PERF_RECORD_COMM.rawValue where header.misc & 1 << 13 != 0: kind = .execute
        case PERF_RECORD_FORK.rawValue:
            let parent = record.loadUnaligned(fromByteOffset: 12, as: Int32.self)
            // A thread.
            guard parent != pid else { return }
            kind = .fork(parent: parent)
        case PERF_RECORD_LOST.rawValue:
            lost += record.loadUnaligned(fromByteOffset: 16, as: UInt64.self)
            return
        default: return
        }
        waiting.append(MappingEvent(pid: pid, time: time, kind: kind))
    }

    /// u32 pid, tid; u64 addr, len, pgoff; either u32 maj, min; u64 ino, generation or u8 size, 3 reserved,
    /// build id of 20; u32 prot, flags; the name, padded to 8 bytes with zeros.
    private static func range(_ record: UnsafeRawBufferPointer, hasBuildID: Bool) -> MappedRange? {
        guard record.count > 72 + 8 else { return nil }
        let words = [16, 24, 32].map { record.loadUnaligned(fromByteOffset: $0, as: UInt64.self) }
        let size = hasBuildID ? min(20, Int(record[40])) : 0
        let name = record[72..<record.count - 8].prefix { $0 != 0 }
        return MappedRange(
            start: words[0], end: words[0] &+ words[1], fileOffset: words[2],
            name: String(decoding: name, as: UTF8.self),
            buildID: Array(record[44..<44 + size]),
            inode: hasBuildID ? 0 : record.loadUnaligned(fromByteOffset: 48, as: UInt64.self))
    }
}
