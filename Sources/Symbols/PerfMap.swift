// SPDX-License-Identifier: Apache-2.0
import Glibc
import Linux

/// What a just-in-time compiler says of its code: `/tmp/perf-PID.map`, a line `START SIZE NAME` for each
/// function, in hexadecimal (tools/perf/Documentation/jit-interface.txt of Linux).
struct PerfMap {
    private var entries: [(start: UInt64, end: UInt64, name: String)] = []

    /// Looks in the process's own /tmp if it still runs, then in ours.
    ///
    /// - Parameter user: who runs the process. /tmp is everybody's: a map is believed if it is that user's,
    ///   root's or ours, and a plain file.
    init?(pid: Int32, user: UInt32) {
        let inner = Procfs.field("NSpid", of: pid)?.split(separator: "\t").last.map { String($0) } ?? "\(pid)"
        for path in ["/proc/\(pid)/root/tmp/perf-\(inner).map", "/tmp/perf-\(pid).map"] {
            guard let text = Self.read(path, user: user) else { continue }
            parse(text)
            return
        }
        return nil
    }

    init(text: [UInt8]) { parse(text) }

    /// The newest entry that an address is in: code can be replaced by other code.
    func name(at address: UInt64) -> String? {
        var low = 0
        var high = entries.count
        while low < high {
            let middle = (low + high) / 2
            if entries[middle].start <= address { low = middle + 1 } else { high = middle }
        }
        return low > 0 && address < entries[low - 1].end ? entries[low - 1].name : nil
    }

    private static func read(_ path: String, user: UInt32) -> [UInt8]? {
        let descriptor = open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC)
        guard descriptor >= 0 else { return nil }
        defer { close(descriptor) }
        var status = stat()
        // 256 MB: 3 million functions.
        guard fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG, status.st_size < 1 << 28,
            [user, 0, geteuid()].contains(status.st_uid)
        else { return nil }
        return Procfs.bytes("/proc/self/fd/\(descriptor)")
    }

    private mutating func parse(_ text: [UInt8]) {
        for line in text.split(separator: 0x0a) {
            let parts = line.split(separator: 0x20, maxSplits: 2)
            guard parts.count == 3, let start = Self.number(parts[0]), let size = Self.number(parts[1]) else {
                continue
            }
            let (end, overflows) = start.addingReportingOverflow(size)
            if !overflows { entries.append((start, end, String(decoding: parts[2], as: UTF8.self))) }
        }
        // Stable: of equal ones the last in the file is the last here.
        entries.sort { $0.start < $1.start }
    }

    private static func number(_ text: ArraySlice<UInt8>) -> UInt64? {
        let digits = text.starts(with: Array("0x".utf8)) ? text.dropFirst(2) : text
        return UInt64(String(decoding: digits, as: UTF8.self), radix: 16)
    }
}
