// SPDX-License-Identifier: Apache-2.0
import Glibc
import Linux

/// A file that processes have mapped, kept open from when it was first heard of: it can be deleted,
/// replaced, or out of reach once its processes have ended.
final class ModuleFile {
    /// As the first process that had it mapped sees it.
    let name: String
    /// What the kernel read from the mapped file; empty where it could not.
    private(set) var buildID: [UInt8]
    private let inode: UInt64
    private var descriptor: Int32 = -1
    /// It is the mapped file itself, by /proc/PID/map_files, rather than what has its name now.
    private var isCertain = false

    init(_ range: MappedRange) { (name, buildID, inode) = (range.name, range.buildID, range.inode) }

    deinit { if descriptor >= 0 { close(descriptor) } }

    /// What distinguishes files of the same name.
    struct Key: Hashable {
        let name: String
        let buildID: [UInt8]
        let inode: UInt64

        init(_ range: MappedRange) { (name, buildID, inode) = (range.name, range.buildID, range.inode) }
    }

    /// Opens the file through a process that has it mapped, while that is there.
    func open(for range: MappedRange, of pid: Int32) {
        guard descriptor < 0, name.hasPrefix("/"), !name.hasPrefix("//") else { return }
        let start = String(range.start, radix: 16)
        let end = String(range.end, radix: 16)
        if take("/proc/\(pid)/map_files/\(start)-\(end)") { return isCertain = true }
        if name.hasSuffix(" (deleted)") { return }
        if take("/proc/\(pid)/root\(name)") { return }
        _ = take(name)
    }

    private func take(_ path: String) -> Bool {
        // Not to be blocked by a pipe of that name.
        descriptor = Glibc.open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
        guard descriptor >= 0 else { return false }
        var status = stat()
        guard fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG else {
            close(descriptor)
            descriptor = -1
            return false
        }
        return true
    }

    /// Its symbols; nil where there is no such file any more, or another one has its place: names out of
    /// that would be wrong.
    func symbols() -> SymbolFile? {
        if name == "[vdso]" {
            let file = Self.vdso()
            buildID = file?.buildID ?? []
            return file
        }
        guard descriptor >= 0, let file = SymbolFile(descriptor: descriptor, path: name) else { return nil }
        if !isCertain {
            if buildID.isEmpty {
                var status = stat()
                guard fstat(descriptor, &status) == 0, inode == 0 || status.st_ino == inode else { return nil }
            } else if file.buildID != buildID {
                return nil
            }
        }
        if buildID.isEmpty { buildID = file.buildID }
        return file
    }

    /// The kernel maps the same into every 64-bit process, so into this one as well.
    private static func vdso() -> SymbolFile? {
        let descriptor = Host.openVDSO()
        guard descriptor >= 0 else { return nil }
        defer { close(descriptor) }
        return SymbolFile(descriptor: descriptor, path: "[vdso]")
    }
}
