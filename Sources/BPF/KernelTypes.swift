// SPDX-License-Identifier: Apache-2.0
import CLibbpf
import Glibc
import Synchronization

/// A type of the kernel's: its name, and its kind (`BTF_KIND_…`).
struct KernelType: Hashable {
    let name: String
    let kind: Int
}

/// The running kernel's type information, searched where it lies.
///
/// libbpf would parse it whole for each object that it loads, which doubles the time to start. This
/// walks over it. Layout: include/uapi/linux/btf.h.
final class KernelTypes: Sendable {
    /// A mapping of our own until deinit: of the file since 6.16, of a copy before. Never written.
    private nonisolated(unsafe) let bytes: UnsafeRawBufferPointer
    private let types: Range<Int>
    let names: Range<Int>

    /// nil where the kernel has none, or it cannot be read.
    init?(path: String = "/sys/kernel/btf/vmlinux") {
        guard let bytes = Self.map(path), bytes.count >= 24 else { return nil }
        self.bytes = bytes
        let header = bytes.loadUnaligned(as: btf_header.self)
        guard header.magic == 0xeb9f else { return nil }
        let start = Int(header.hdr_len)
        types = start + Int(header.type_off)..<start + Int(header.type_off) + Int(header.type_len)
        names = start + Int(header.str_off)..<start + Int(header.str_off) + Int(header.str_len)
        guard types.upperBound <= bytes.count, names.upperBound <= bytes.count else { return nil }
    }

    deinit { munmap(UnsafeMutableRawPointer(mutating: bytes.baseAddress), bytes.count) }

    /// Kept between questions until ``release()``: some megabytes.
    private static let shared = Mutex<KernelTypes?>(nil)

    static func withShared<R: Sendable>(_ body: (KernelTypes) -> R) -> R? {
        shared.withLock { types in
            if types == nil { types = KernelTypes() }
            return types.map(body)
        }
    }

    static func release() { shared.withLock { $0 = nil } }

    /// The number of the type of that name and kind (`BTF_KIND_…`), or nil.
    func id(of name: String, kind: Int) -> UInt32? {
        guard let offset = offset(of: name) else { return nil }
        var id: UInt32 = 0
        var isFound = false
        walk { type, _ in
            id += 1
            isFound = type.name_off == offset && type.kind == kind
            return !isFound
        }
        return isFound ? id : nil
    }

    /// Whether anything at all has that name.
    func hasName(_ name: String) -> Bool { offset(of: name) != nil }

    /// Whether a structure has a member of that name.
    func hasMember(_ member: String, of structure: String) -> Bool {
        guard let name = offset(of: structure), let memberName = offset(of: member) else { return false }
        var isFound = false
        walk { type, start in
            // A member is 12 bytes, its name first (struct btf_member).
            isFound =
                type.name_off == name && type.kind == BTF_KIND_STRUCT
                && (0..<type.count).contains { self.word(at: start + 12 + 12 * $0) == memberName }
            return !isFound
        }
        return isFound
    }

    // Inlined: there are a hundred thousand.
    /// Walks over all types, in the order of their numbers, the first of which is 1. `visit` gets each
    /// and where it stands, and says whether to go on.
    ///
    /// - Returns: false: it came to a kind that is not known, and what follows cannot be found.
    @discardableResult @inline(__always)
    func walk(_ visit: (btf_type, Int) -> Bool) -> Bool {
        var position = types.lowerBound
        while position + 12 <= types.upperBound {
            let type = type(at: position)
            guard visit(type, position) else { return true }
            guard let next = start(after: position) else { return false }
            position = next
        }
        return true
    }

    /// Where the type after the one at a position stands; nil: that one's kind is not known.
    @inline(__always)
    func start(after position: Int) -> Int? { Self.length(type(at: position)).map { position + 12 + $0 } }

    func type(at position: Int) -> btf_type { bytes.loadUnaligned(fromByteOffset: position, as: btf_type.self) }

    func word(at position: Int) -> UInt32 { bytes.loadUnaligned(fromByteOffset: position, as: UInt32.self) }

    /// The bytes of a name, without its NUL.
    func name(at offset: UInt32) -> UnsafeRawBufferPointer {
        let rest = bytes[(names.lowerBound + Int(offset))..<names.upperBound]
        return UnsafeRawBufferPointer(rebasing: rest.prefix { $0 != 0 })
    }

    /// The bytes that follow a type; nil for a kind that is not known.
    @inline(__always)
    private static func length(_ type: btf_type) -> Int? {
        switch type.kind {
        case BTF_KIND_INT, BTF_KIND_VAR, BTF_KIND_DECL_TAG: 4
        case BTF_KIND_ARRAY: 12
        case BTF_KIND_STRUCT, BTF_KIND_UNION, BTF_KIND_DATASEC, BTF_KIND_ENUM64: 12 * type.count
        case BTF_KIND_ENUM, BTF_KIND_FUNC_PROTO: 8 * type.count
        case BTF_KIND_PTR, BTF_KIND_FWD, BTF_KIND_TYPEDEF, BTF_KIND_VOLATILE, BTF_KIND_CONST, BTF_KIND_RESTRICT,
            BTF_KIND_FUNC, BTF_KIND_FLOAT, BTF_KIND_TYPE_TAG:
            0
        default: nil
        }
    }

    /// Where a name stands among the names. Each stands there once.
    private func offset(of name: String) -> UInt32? {
        let pattern = [0] + Array(name.utf8) + [0]
        guard let start = bytes.baseAddress.map({ $0 + names.lowerBound }),
            let found = memmem(start, names.count, pattern, pattern.count)
        else { return nil }
        return UInt32(found - UnsafeMutableRawPointer(mutating: start) + 1)
    }

    private static func map(_ path: String) -> UnsafeRawBufferPointer? {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return nil }
        defer { close(descriptor) }
        var status = stat()
        guard fstat(descriptor, &status) == 0, status.st_size > 0 else { return nil }
        let size = Int(status.st_size)
        if let base = mmap(nil, size, PROT_READ, MAP_PRIVATE, descriptor, 0), base != MAP_FAILED {
            return UnsafeRawBufferPointer(start: base, count: size)
        }
        guard let base = mmap(nil, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), base != MAP_FAILED
        else { return nil }
        var count = 0
        // sysfs gives a page a call.
        while count < size {
            let length = read(descriptor, base + count, size - count)
            guard length > 0 else { break }
            count += length
        }
        return UnsafeRawBufferPointer(start: base, count: size)
    }
}

extension btf_type {
    /// BTF_INFO_KIND and BTF_INFO_VLEN, macros that Swift does not see. Newer kernels use bits that were 0
    /// before.
    var kind: Int { Int(info >> 24 & 0x7f) }
    var count: Int { Int(info & 0xff_ffff) }
}
