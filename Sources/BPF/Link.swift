// SPDX-License-Identifier: Apache-2.0
import CLibbpf
import Glibc

/// An attached program. It is detached when the link goes out of scope, or the process ends,
/// however it ends: nothing is pinned.
public struct Link: ~Copyable {
    private let pointer: OpaquePointer
    /// The program that it attaches.
    public let program: String

    init(_ pointer: OpaquePointer?, program: String, errno: Int32, log: String) throws(BPFError) {
        guard let pointer else { throw BPFError("attach", program, errno: errno, log: log) }
        self.pointer = pointer
        self.program = program
    }

    deinit { bpf_link__destroy(pointer) }

    /// Runs an iterator program once to its end, and gives what it wrote with `bpf_seq_write`.
    ///
    /// - Throws: ``BPFError`` when the link is not an iterator's.
    @discardableResult
    public func iterate() throws(BPFError) -> [UInt8] {
        let descriptor = bpf_iter_create(bpf_link__fd(pointer))
        guard descriptor >= 0 else { throw BPFError("iterate with", program, errno: -descriptor) }
        defer { close(descriptor) }
        var output: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 16 * 1024)
        while true {
            let count = read(descriptor, &chunk, chunk.count)
            if count > 0 {
                output += chunk.prefix(count)
            } else if count == 0 {
                return output
            } else if errno != EINTR && errno != EAGAIN {
                throw BPFError("iterate with", program, errno: errno)
            }
        }
    }
}

extension Link {
    /// How many links there are on the whole machine, whoever made them, by which programs run at tracepoints,
    /// in functions of the kernel, or on perf events; nil without CAP_SYS_ADMIN.
    public static var tracingCount: Int? {
        let kinds = [
            BPF_LINK_TYPE_RAW_TRACEPOINT, BPF_LINK_TYPE_TRACING, BPF_LINK_TYPE_PERF_EVENT, BPF_LINK_TYPE_KPROBE_MULTI,
        ]
        var count = 0
        var id: UInt32 = 0
        while true {
            let status = bpf_link_get_next_id(id, &id)
            if status == -ENOENT { return count }
            guard status == 0 else { return nil }
            let descriptor = bpf_link_get_fd_by_id(id)
            // It went meanwhile.
            guard descriptor >= 0 else { continue }
            defer { close(descriptor) }
            var info = bpf_link_info()
            var length = UInt32(MemoryLayout<bpf_link_info>.size)
            guard bpf_obj_get_info_by_fd(descriptor, &info, &length) == 0 else { continue }
            if kinds.contains(where: { $0.rawValue == info.type }) { count += 1 }
        }
    }
}

extension Object {
    /// Attaches a program where its section says: `tp_btf/…`, `fentry/…`, `fexit/…` and `iter/…`, to the
    /// kernel itself and not to a module; `raw_tp/…`, `tp/…` and libbpf's other automatic sections.
    ///
    /// - Throws: ``BPFError``; with code `notSupported` where this kernel has no such hook.
    public func attach(_ program: String) throws(BPFError) -> Link {
        let found = try find(program: program)
        let ((pointer, error), log) = LogCapture.capture { (KernelHook.attach(found), errno) }
        return try Link(pointer, program: program, errno: error, log: log)
    }

    /// Attaches a `perf_event` program to an open perf event, which the link owns from then on.
    ///
    /// - Parameter event: a descriptor from `perf_event_open(2)`.
    public func attach(_ program: String, perfEvent event: Int32) throws(BPFError) -> Link {
        let found = try find(program: program)
        let ((pointer, error), log) = LogCapture.capture {
            (bpf_program__attach_perf_event(found, event), errno)
        }
        return try Link(pointer, program: program, errno: error, log: log)
    }

    /// Attaches a uprobe program to an instruction of a file.
    ///
    /// - Parameters:
    ///   - path: the executable or shared library.
    ///   - offset: the instruction's offset in the file, in bytes.
    ///   - process: only in this process; nil for all.
    ///   - atReturn: when the function returns, rather than when it is entered.
    public func attach(
        _ program: String, uprobeIn path: String, offset: Int, process: Int32? = nil, atReturn: Bool = false
    ) throws(BPFError) -> Link {
        let found = try find(program: program)
        let ((pointer, error), log) = LogCapture.capture {
            (bpf_program__attach_uprobe(found, atReturn, process ?? -1, path, offset), errno)
        }
        return try Link(pointer, program: program, errno: error, log: log)
    }
}

/// Several links, detached together. (An array cannot hold noncopyable values.)
public struct Links: ~Copyable {
    private var pointers: [OpaquePointer] = []

    /// None is attached yet.
    public init() {}

    deinit { pointers.forEach { _ = bpf_link__destroy($0) } }

    /// Attaches a program where its section says, and keeps the link.
    ///
    /// - Throws: ``BPFError``; those attached before stay.
    public mutating func attach(_ program: String, of object: borrowing Object) throws(BPFError) {
        let found = try object.find(program: program)
        let ((pointer, error), log) = LogCapture.capture { (KernelHook.attach(found), errno) }
        guard let pointer else { throw BPFError(nil, "attach", program, errno: error, log: log) }
        pointers.append(pointer)
    }

    /// Attaches a `perf_event` program to an open perf event, which the link owns from then on, and
    /// keeps the link. The event counts from here on.
    ///
    /// - Parameter event: a descriptor from `perf_event_open(2)`; if this fails it stays the caller's.
    public mutating func attach(
        _ program: String, of object: borrowing Object, perfEvent event: Int32
    ) throws(BPFError) {
        let found = try object.find(program: program)
        let ((pointer, error), log) = LogCapture.capture { (bpf_program__attach_perf_event(found, event), errno) }
        guard let pointer else { throw BPFError(nil, "attach", program, errno: error, log: log) }
        pointers.append(pointer)
    }
}
