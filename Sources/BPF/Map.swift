// SPDX-License-Identifier: Apache-2.0
import CLibbpf
import Glibc

/// A BPF map, by a descriptor of its own: it outlives the ``Object`` that it came from.
///
/// Keys and values are given as the C types of the tracer's header; their sizes are checked against
/// the kernel's at every call.
public struct Map: ~Copyable {
    /// As the object's source has it.
    public let name: String
    /// The most entries that it holds; for a ring buffer, its size in bytes.
    public let capacity: Int
    /// The size of a key in bytes; 0 for a queue, a stack and a ring buffer.
    public let keySize: Int
    /// The size of one value in bytes; in a per-CPU map there are as many as possible CPUs.
    public let valueSize: Int
    let isPerCPU: Bool
    let type: UInt32
    /// The map's own, valid as long as this value is; for bpf(2) calls that this library has not.
    public let descriptor: Int32

    init(duplicating map: OpaquePointer, name: String) throws(BPFError) {
        let descriptor = fcntl(bpf_map__fd(map), F_DUPFD_CLOEXEC, 0)
        guard descriptor >= 0 else { throw BPFError("use the map", name, errno: errno) }
        self.descriptor = descriptor
        self.name = name
        type = bpf_map__type(map).rawValue
        capacity = Int(bpf_map__max_entries(map))
        keySize = Int(bpf_map__key_size(map))
        valueSize = Int(bpf_map__value_size(map))
        isPerCPU = [
            BPF_MAP_TYPE_PERCPU_ARRAY, BPF_MAP_TYPE_PERCPU_HASH, BPF_MAP_TYPE_LRU_PERCPU_HASH,
        ].contains(bpf_map__type(map))
    }

    deinit { close(descriptor) }

    private func check<K, V>(_ key: K.Type, _ value: V.Type, _ operation: String) throws(BPFError) {
        guard MemoryLayout<K>.size == keySize, MemoryLayout<V>.stride == valueSize else {
            throw BPFError(.mismatch, operation, name)
        }
    }

    /// The value under a key, or nil where there is none. Not for per-CPU maps.
    public func value<K: BitwiseCopyable, V: BitwiseCopyable>(_ key: K, as type: V.Type) throws(BPFError) -> V? {
        try check(K.self, V.self, "look up in")
        guard !isPerCPU else { throw BPFError(.mismatch, "look up in", name) }
        let bytes = try bytes(key, count: valueSize)
        return bytes.isEmpty ? nil : bytes.withUnsafeBytes { $0.loadUnaligned(as: V.self) }
    }

    /// The values of a per-CPU map under a key, one for each possible CPU; empty where there is none.
    public func values<K: BitwiseCopyable, V: BitwiseCopyable>(_ key: K, as type: V.Type) throws(BPFError) -> [V] {
        try check(K.self, V.self, "look up in")
        guard isPerCPU else { throw BPFError(.mismatch, "look up in", name) }
        // The kernel rounds each CPU's value up to 8 bytes (bpf_percpu_array_copy).
        let stride = (valueSize + 7) & ~7
        let bytes = try bytes(key, count: stride * Int(libbpf_num_possible_cpus()))
        return bytes.withUnsafeBytes { bytes in
            Swift.stride(from: 0, to: bytes.count, by: stride).map {
                bytes.loadUnaligned(fromByteOffset: $0, as: V.self)
            }
        }
    }

    /// The sum over all CPUs of a per-CPU counter, 0 where there is no such key. Wraps.
    public func sum<K: BitwiseCopyable, V: BitwiseCopyable & FixedWidthInteger>(
        _ key: K, as type: V.Type
    ) throws(BPFError) -> V {
        try values(key, as: V.self).reduce(0, &+)
    }

    private func bytes<K: BitwiseCopyable>(_ key: K, count: Int) throws(BPFError) -> [UInt8] {
        var status: Int32 = 0
        let bytes = [UInt8](unsafeUninitializedCapacity: count) { buffer, initialized in
            status = withUnsafeBytes(of: key) {
                bpf_map_lookup_elem(descriptor, $0.baseAddress, buffer.baseAddress)
            }
            initialized = status == 0 ? count : 0
        }
        guard status == 0 || status == -ENOENT else { throw BPFError("look up in", name, errno: -status) }
        return bytes
    }

    /// Puts a value under a key.
    ///
    /// - Throws: ``BPFError`` with `errno` E2BIG where the map is full.
    public func set<K: BitwiseCopyable, V: BitwiseCopyable>(_ key: K, to value: V) throws(BPFError) {
        try check(K.self, V.self, "write to")
        let status = withUnsafeBytes(of: key) { key in
            withUnsafeBytes(of: value) { value in
                bpf_map_update_elem(descriptor, key.baseAddress, value.baseAddress, UInt64(BPF_ANY))
            }
        }
        guard status == 0 else { throw BPFError("write to", name, errno: -status) }
    }

    /// Removes a key. True if it was there.
    @discardableResult
    public func remove<K: BitwiseCopyable>(_ key: K) throws(BPFError) -> Bool {
        guard MemoryLayout<K>.size == keySize else { throw BPFError(.mismatch, "remove from", name) }
        let status = withUnsafeBytes(of: key) { bpf_map_delete_elem(descriptor, $0.baseAddress) }
        guard status == 0 || status == -ENOENT else { throw BPFError("remove from", name, errno: -status) }
        return status == 0
    }

    /// Adds a value to a queue or a stack.
    ///
    /// - Throws: ``BPFError`` with `errno` E2BIG where it is full.
    public func push<V: BitwiseCopyable>(_ value: V) throws(BPFError) {
        guard keySize == 0, MemoryLayout<V>.stride == valueSize else { throw BPFError(.mismatch, "push to", name) }
        let status = withUnsafeBytes(of: value) {
            bpf_map_update_elem(descriptor, nil, $0.baseAddress, UInt64(BPF_ANY))
        }
        guard status == 0 else { throw BPFError("push to", name, errno: -status) }
    }

    /// All keys, in no order. A map that changes meanwhile can give a key twice or not at all.
    public func keys<K: BitwiseCopyable>(as type: K.Type) throws(BPFError) -> [K] {
        guard MemoryLayout<K>.size == keySize else { throw BPFError(.mismatch, "list", name) }
        var keys: [K] = []
        var previous: [UInt8] = []
        var next = [UInt8](repeating: 0, count: keySize)
        while true {
            let status = previous.withUnsafeBytes { previous in
                next.withUnsafeMutableBytes {
                    bpf_map_get_next_key(descriptor, previous.count == 0 ? nil : previous.baseAddress, $0.baseAddress)
                }
            }
            if status == -ENOENT { return keys }
            guard status == 0, keys.count <= capacity else { throw BPFError("list", name, errno: -status) }
            keys.append(next.withUnsafeBytes { $0.loadUnaligned(as: K.self) })
            previous = next
        }
    }
}

extension Map {
    /// Kernel memory that the map takes, in bytes, as the kernel reckons it (`memlock` of its fdinfo).
    public var memoryBytes: UInt64 {
        guard let file = fopen("/proc/self/fdinfo/\(descriptor)", "re") else { return 0 }
        defer { fclose(file) }
        var line = [CChar](repeating: 0, count: 128)
        while fgets(&line, Int32(line.count), file) != nil {
            let text = String(decoding: line.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
            if text.hasPrefix("memlock:") { return UInt64(text.dropFirst(8).filter(\.isNumber)) ?? 0 }
        }
        return 0
    }
}
