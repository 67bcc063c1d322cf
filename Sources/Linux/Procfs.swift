// SPDX-License-Identifier: Apache-2.0
import Glibc

/// What /proc and /sys say. Every reader gives nil where the file is not there or not readable.
public enum Procfs {
    /// A whole file, as bytes.
    public static func bytes(_ path: String) -> [UInt8]? {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return nil }
        defer { close(descriptor) }
        var all: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 8192)
        while true {
            let count = read(descriptor, &chunk, chunk.count)
            if count < 0 && errno == EINTR { continue }
            guard count >= 0 else { return nil }
            if count == 0 { return all }
            all += chunk.prefix(count)
        }
    }

    /// A whole file as text, without the spaces and newlines around it.
    public static func text(_ path: String) -> String? {
        bytes(path).map { bytes in
            let isSpace: (UInt8) -> Bool = { $0 == 0x20 || $0 == 0x0a || $0 == 0x09 }
            let end = bytes.lastIndex { !isSpace($0) }.map { $0 + 1 } ?? 0
            let start = bytes.prefix(end).firstIndex { !isSpace($0) } ?? 0
            return String(decoding: bytes[start..<end], as: UTF8.self)
        }
    }

    /// The names in a folder, sorted; none where it is not there or not readable.
    public static func list(_ path: String) -> [String] {
        guard let folder = opendir(path) else { return [] }
        defer { closedir(folder) }
        var names: [String] = []
        while let entry = readdir(folder) {
            let name = withUnsafeBytes(of: entry.pointee.d_name) {
                String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self)
            }
            if name != "." && name != ".." { names.append(name) }
        }
        return names.sorted()
    }

    /// How many threads of a process there are; 0 where there is no such process.
    public static func threadCount(of pid: Int32) -> Int { field("Threads", of: pid).flatMap { Int($0) } ?? 0 }

    /// One line of /proc/PID/status: `field("State", of: 1)` is `S (sleeping)`.
    public static func field(_ name: String, of pid: Int32) -> String? {
        text("/proc/\(pid)/status")?.split(separator: "\n").first { $0.hasPrefix("\(name):") }
            .map { line in
                let value = line.dropFirst(name.utf8.count + 1)
                return String(value.drop { $0 == "\t" || $0 == " " })
            }
    }

    /// The process that a thread belongs to; the same number for a process.
    public static func process(of tid: Int32) -> Int32? { field("Tgid", of: tid).flatMap { Int32($0) } }

    /// Whether a process is a thread of the kernel's own.
    public static func isKernelThread(_ pid: Int32) -> Bool {
        // include/linux/sched.h: PF_KTHREAD.
        statistic(7, of: pid).map { $0 & 0x20_0000 != 0 } == true
    }

    /// The processes that a process is the parent of.
    static func children(of parent: Int32) -> [Int32] {
        list("/proc").compactMap { Int32($0) }.filter { statistic(2, of: $0) == Int64(parent) }
    }

    /// A number from /proc/PID/stat, by its place after the name, which can have anything in it; the state is 1.
    private static func statistic(_ place: Int, of pid: Int32) -> Int64? {
        guard let text = text("/proc/\(pid)/stat"), let end = text.lastIndex(of: ")") else { return nil }
        let fields = text[end...].split(separator: " ")
        return fields.count > place ? Int64(fields[place]) : nil
    }

    /// The number of tasks on the machine, from the last field but one of /proc/loadavg.
    public static var taskCount: Int? {
        text("/proc/loadavg")?.split(separator: " ").dropFirst(3).first?
            .split(separator: "/").last.flatMap { Int($0) }
    }

    /// The inode of this process's PID namespace, as the kernel numbers it.
    public static var pidNamespace: UInt32? {
        var status = stat()
        return stat("/proc/self/ns/pid", &status) == 0 ? UInt32(truncatingIfNeeded: status.st_ino) : nil
    }
}
