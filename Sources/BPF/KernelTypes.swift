// SPDX-License-Identifier: Apache-2.0
import CLibbpf
import Glibc
import Synchronization

/// The running kernel's type information, searched where it lies.
///
/// libbpf parses it whole for each object that it loads. For a question or two that would double the
/// time to start, so this reads only names. Layout: include/uapi/linux/btf.h.
final class KernelTypes: Sendable {
    /// A mapping of our own until deinit: of the file since 6.16, of a copy before. Never written.
    private nonisolated(unsafe) let bytes: UnsafeRawBufferPointer
    private let types: Range<Int>
    private let names: Range<Int>

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
        return find { $0.name_off == offset && Self.kind($0) == kind }?.id
    }

    /// Whether a structure has a member of that name.
    func hasMember(_ member: String, of structure: String) -> Bool {
        guard let name = offset(of: structure), let memberName = offset(of: member) else { return false }
        // A member is 12 bytes, its name first (struct btf_member).
        return find { type, body in
            type.name_off == name && Self.kind(type) == BTF_KIND_STRUCT
                && (0..<Self.count(type)).contains { self.word(at: body + 12 * $0) == memberName }
        } != nil
    }

    private func find(_ match: (btf_type) -> Bool) -> (id: UInt32, body: Int)? { find { type, _ in match(type) } }

    /// Walks over all types; `match` gets each, and where what follows it begins.
    private func find(_ match: (btf_type, Int) -> Bool) -> (id: UInt32, body: Int)? {
        var id: UInt32 = 1
        var position = types.lowerBound
        while position + 12 <= types.upperBound {
            let type = bytes.loadUnaligned(fromByteOffset: position, as: btf_type.self)
            let body = position + 12
            if match(type, body) { return (id, body) }
            guard let length = Self.length(type) else { return nil }
            position = body + length
            id += 1
        }
        return nil
    }

    private func word(at position: Int) -> UInt32 {
        bytes.loadUnaligned(fromByteOffset: position, as: UInt32.self)
    }

    /// BTF_INFO_KIND and BTF_INFO_VLEN, macros that Swift does not see.
    private static func kind(_ type: btf_type) -> Int { Int(type.info >> 24 & 0x1f) }
    private static func count(_ type: btf_type) -> Int { Int(type.info & 0xffff) }

    /// The bytes that follow a type; nil for a kind that is not known.
    private static func length(_ type: btf_type) -> Int? {
        switch kind(type) {
        case BTF_KIND_INT, BTF_KIND_VAR, BTF_KIND_DECL_TAG: 4
        case BTF_KIND_ARRAY: 12
        case BTF_KIND_STRUCT, BTF_KIND_UNION, BTF_KIND_DATASEC, BTF_KIND_ENUM64: 12 * count(type)
        case BTF_KIND_ENUM, BTF_KIND_FUNC_PROTO: 8 * count(type)
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
