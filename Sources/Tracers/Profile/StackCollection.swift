// SPDX-License-Identifier: Apache-2.0
import CEvents
import Glibc
import Symbols

/// The distinct stacks that have come so far, as addresses.
struct StackCollection {
    struct Entry {
        let key: StackKey
        let seen: UInt64
        let pid: UInt32
        let user: UInt32
        let process: Int
        let kernelFrames: Int
        /// In ``StackCollection/addresses``, the kernel's first, the leaf first.
        let addresses: Range<Int>
    }

    private struct ProcessKey: Hashable {
        let pid: UInt32
        let start: UInt64
        let executions: UInt32
    }

    private(set) var entries: [Entry] = []
    private(set) var addresses: [UInt64] = []
    private(set) var processes: [Profile.Process] = []
    private var processIndex: [ProcessKey: Int] = [:]
    private var known: Set<StackKey> = []

    /// Takes in a record of the ring.
    mutating func take(_ record: RawSpan) {
        record.withUnsafeBytes { bytes in
            let size = MemoryLayout<profile_stack>.offset(of: \.frames) ?? 0
            guard bytes.count >= size else { return }
            // The frames are cut off after the last one: the fixed part is read by itself.
            withUnsafeTemporaryAllocation(of: profile_stack.self, capacity: 1) { scratch in
                guard let base = scratch.baseAddress, let source = bytes.baseAddress else { return }
                memcpy(base, source, size)
                take(base, frames: UnsafeRawBufferPointer(rebasing: bytes[size...]))
            }
        }
    }

    private mutating func take(_ header: UnsafePointer<profile_stack>, frames: UnsafeRawBufferPointer) {
        let key = StackKey(header.pointee.key)
        let count = Int(header.pointee.kernel_frames) + Int(header.pointee.user_frames)
        // Two CPUs met it at once.
        guard frames.count >= 8 * count, known.insert(key).inserted else { return }
        let begin = addresses.count
        for index in 0..<count {
            addresses.append(frames.loadUnaligned(fromByteOffset: 8 * index, as: UInt64.self))
        }
        if header.pointee.flags & PROFILE_FOUND_WAITING.rawValue != 0 && header.pointee.user_frames > 0 {
            addresses += callers(of: Int32(header.pointee.pid), framePointer: header.pointee.frame_pointer)
        }
        entries.append(
            Entry(
                key: key, seen: header.pointee.seen_ns, pid: header.pointee.pid, user: header.pointee.user,
                process: process(header), kernelFrames: Int(header.pointee.kernel_frames),
                addresses: begin..<addresses.count))
    }

    private mutating func process(_ header: UnsafePointer<profile_stack>) -> Int {
        let key = ProcessKey(
            pid: header.pointee.pid, start: header.pointee.process_start_ns, executions: header.pointee.executions)
        let command = withUnsafeBytes(of: header.pointee.command) {
            String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self)
        }
        let process = Profile.Process(pid: key.pid, command: command)
        if let index = processIndex[key] {
            // It can give itself another name: the last one counts.
            processes[index] = process
            return index
        }
        processIndex[key] = processes.count
        processes.append(process)
        return processes.count - 1
    }

    /// Walks the frame pointers of a thread that waits, from without, as the kernel does for the one that runs
    /// (perf_callchain_user): the caller's frame pointer, then where it is returned to.
    private func callers(of pid: Int32, framePointer: UInt64) -> [UInt64] {
        let memory = open("/proc/\(pid)/mem", O_RDONLY | O_CLOEXEC)
        guard memory >= 0 else { return [] }
        defer { close(memory) }
        var found: [UInt64] = []
        var frame = framePointer
        while found.count < 126, frame != 0, frame & 7 == 0, frame < 1 << 62 {
            var words: (UInt64, UInt64) = (0, 0)
            guard pread(memory, &words, 16, off_t(frame)) == 16, words.1 != 0 else { break }
            found.append(words.1)
            // A stack grows downwards: callers are above.
            guard words.0 > frame else { break }
            frame = words.0
        }
        return found
    }
}

/// The key that stacks are counted by (`struct profile_key`).
struct StackKey: Hashable, BitwiseCopyable {
    let high: UInt64
    let low: UInt64

    init(_ key: profile_key) { (high, low) = (key.hash.0, key.hash.1) }
}
