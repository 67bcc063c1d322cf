// SPDX-License-Identifier: Apache-2.0
import CEvents
import CLinux
import Glibc
import Linux

/// What is behind descriptors: what /proc says, under the numbers that records have for paths.
///
/// What was found is remembered until a call that can change it: any but those of ``harmless``, by
/// any of the threads that are traced.
final class FileNames {
    private struct Key: Hashable {
        let tid: Int32
        let descriptor: Int32
    }

    private let queue: RecordQueue
    /// False where not every call is seen.
    private let remembers: Bool
    private var known: [Key: syscall_file] = [:]
    private var numbers: [[UInt8]: UInt32] = [:]
    private var text = [UInt8](repeating: 0, count: Int(PATH_MAX) + 1)

    init(queue: RecordQueue, remembers: Bool) {
        self.queue = queue
        self.remembers = remembers
    }

    /// Whether a call can change what descriptors stand for: then ``forget()`` is due at its entry and at
    /// its return.
    func isChangedBy(_ number: Int, isCompat: Bool) -> Bool {
        isCompat || !Self.harmless.indices.contains(number) || !Self.harmless[number]
    }

    func forget() {
        if !known.isEmpty { known.removeAll(keepingCapacity: true) }
    }

    /// Writes a `syscall_file`, and says how many of its bytes there are; 0: no such descriptor.
    func read(_ descriptor: Int32, of tracee: Tracee, into to: UnsafeMutableRawPointer) -> Int {
        let key = Key(tid: tracee.tid, descriptor: descriptor)
        let whole = MemoryLayout<syscall_file>.size
        let short = MemoryLayout<syscall_file>.offset(of: \syscall_file.family) ?? whole
        if let file = known[key] {
            to.storeBytes(of: file, as: syscall_file.self)
            return short
        }
        guard var file = find(descriptor, of: tracee.tid) else { return 0 }
        let isSocket = file.mode & S_IFMT == S_IFSOCK
        // Its addresses change by calls that change nothing else.
        if isSocket { readSocket(descriptor, of: tracee.pid, into: &file) } else if remembers { known[key] = file }
        to.storeBytes(of: file, as: syscall_file.self)
        return isSocket ? whole : short
    }

    private func find(_ descriptor: Int32, of tid: Int32) -> syscall_file? {
        // AT_FDCWD, or one that says that there is none.
        guard descriptor >= 0 || descriptor == AT_FDCWD else { return nil }
        let link = descriptor == AT_FDCWD ? "/proc/\(tid)/cwd" : "/proc/\(tid)/fd/\(descriptor)"
        var status = stat()
        guard stat(link, &status) == 0 else { return nil }
        var file = syscall_file()
        file.mode = descriptor == AT_FDCWD ? S_IFDIR : status.st_mode
        file.inode = descriptor == AT_FDCWD ? 0 : UInt64(status.st_ino)
        let type = status.st_mode & S_IFMT
        guard type != S_IFSOCK else { return file }
        let count = text.withUnsafeMutableBytes { bytes in
            bytes.withMemoryRebound(to: CChar.self) { text in
                text.baseAddress.map { readlink(link, $0, text.count) } ?? -1
            }
        }
        guard count > 0 else { return file }
        var path = text[..<count]
        // A pipe has no name; one with a name has a path.
        if type == S_IFIFO && path.first != UInt8(ascii: "/") { return file }
        if status.st_nlink == 0, path.suffix(Self.deleted.count).elementsEqual(Self.deleted) {
            path.removeLast(Self.deleted.count)
        }
        file.path = number(of: path, file)
        return file
    }

    private static let deleted = Array(" (deleted)".utf8)

    private func number(of path: ArraySlice<UInt8>, _ file: syscall_file) -> UInt32 {
        let path = Array(path)
        if let number = numbers[path] { return number }
        let number = UInt32(numbers.count + 1)
        numbers[path] = number
        tell(path, number, inode: file.inode)
        return number
    }

    /// `anon_inode:[eventpoll]`, `net:[4026531833]` or `/memfd:name`: the name of a file that is in no directory,
    /// its file system's type, of a namespace its kind; nil: it is in one.
    private static func anonymous(_ path: [UInt8]) -> [String]? {
        let text = String(decoding: path, as: UTF8.self)
        if text == "anon_inode:[pidfd]" { return ["/", "pidfs"] }
        if text.hasPrefix("anon_inode:") { return [String(text.dropFirst(11)), "anon_inodefs"] }
        if text.hasPrefix("/memfd:") { return [String(text.dropFirst()), "tmpfs"] }
        guard !text.hasPrefix("/"), let mark = text.firstIndex(of: ":") else { return nil }
        return ["/", "nsfs", String(text[..<mark])]
    }

    /// The names of a path, the last one first, each with its NUL.
    private func tell(_ path: [UInt8], _ number: UInt32, inode: UInt64) {
        var names: [UInt8] = []
        let anonymous = Self.anonymous(path)
        if let anonymous {
            for name in anonymous { names += Array(name.utf8) + [0] }
        } else {
            for name in path.split(separator: UInt8(ascii: "/")).reversed() { names += Array(name) + [0] }
        }
        let head = MemoryLayout<syscall_record>.size
        var capture = syscall_capture()
        capture.kind = UInt8(SYSCALL_CAPTURE_NAME.rawValue)
        capture.index = anonymous == nil ? 0 : UInt8(SYSCALL_NAME_ANONYMOUS)
        capture.size = UInt16(names.count)
        var record = syscall_record()
        record.ts_ns = Clock.monotonic
        record.number = Int32(bitPattern: number)
        record.arguments.0 = inode
        record.type = UInt8(SYSCALL_RECORD_PATH.rawValue)
        record.size = UInt16(head + MemoryLayout<syscall_capture>.size + names.count)
        var bytes: [UInt8] = []
        withUnsafeBytes(of: record) { bytes += $0 }
        withUnsafeBytes(of: capture) { bytes += $0 }
        bytes += names
        bytes.withUnsafeBytes { queue.append($0) }
    }

    /// From a copy of the descriptor, which is gone at once.
    private func readSocket(_ descriptor: Int32, of pid: Int32, into file: inout syscall_file) {
        let copy = apus_take_descriptor(pid, descriptor)
        guard copy >= 0 else { return }
        defer { close(copy) }
        var value: Int32 = 0
        var size = socklen_t(MemoryLayout<Int32>.size)
        if getsockopt(copy, SOL_SOCKET, SO_DOMAIN, &value, &size) == 0 { file.family = UInt16(value) }
        if getsockopt(copy, SOL_SOCKET, SO_TYPE, &value, &size) == 0 { file.socket_type = UInt16(value) }
        guard file.family == AF_INET || file.family == AF_INET6 else { return }
        withUnsafeMutableBytes(of: &file.local) { file.local_port = Self.address(copy, getsockname, $0) }
        withUnsafeMutableBytes(of: &file.remote) { file.remote_port = Self.address(copy, getpeername, $0) }
    }

    /// Copies an address, as it is on the wire, and gives the port.
    private static func address(
        _ socket: Int32,
        _ get: (Int32, UnsafeMutablePointer<sockaddr>?, UnsafeMutablePointer<socklen_t>?) -> Int32,
        _ to: UnsafeMutableRawBufferPointer
    ) -> UInt16 {
        var storage = sockaddr_storage()
        var size = socklen_t(MemoryLayout<sockaddr_storage>.size)
        return withUnsafeMutableBytes(of: &storage) { bytes in
            guard let base = bytes.baseAddress,
                get(socket, base.assumingMemoryBound(to: sockaddr.self), &size) == 0
            else { return 0 }
            // sockaddr_in: port at 2, address at 4; sockaddr_in6: address at 8.
            let isWide = bytes.load(as: sa_family_t.self) == AF_INET6
            to.copyMemory(from: UnsafeRawBufferPointer(rebasing: isWide ? bytes[8..<24] : bytes[4..<8]))
            return UInt16(bigEndian: bytes.load(fromByteOffset: 2, as: UInt16.self))
        }
    }

    /// By number, calls that neither change what descriptors stand for nor what files are called.
    private static let harmless: [Bool] = {
        let names = """
            read write pread64 pwrite64 readv writev preadv pwritev lseek fstat stat lstat newfstatat statx poll \
            ppoll select pselect6 epoll_wait epoll_pwait epoll_ctl getpid getppid gettid getuid geteuid getgid \
            getegid getsid getpgid getpgrp futex nanosleep clock_nanosleep clock_gettime gettimeofday time brk mmap \
            munmap mprotect madvise mremap rt_sigaction rt_sigprocmask rt_sigreturn access faccessat faccessat2 \
            readlink readlinkat getdents64 getrandom sched_yield fsync fdatasync ftruncate sendto uname getcwd \
            set_robust_list rseq prlimit64 getrlimit wait4 waitid statfs fstatfs sysinfo getrusage times \
            restart_syscall
            """
        var harmless = [Bool](repeating: false, count: Int(SYSCALL_NUMBERS))
        for name in names.split(separator: " ") {
            guard let number = SyscallTable.number(String(name)), harmless.indices.contains(number) else { continue }
            harmless[number] = true
        }
        return harmless
    }()
}
