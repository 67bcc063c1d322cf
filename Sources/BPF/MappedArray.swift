// SPDX-License-Identifier: Apache-2.0
import Glibc

/// An array map with `BPF_F_MMAPABLE`, mapped into this process: its values are read and written
/// where the programs keep them, without a system call.
///
/// The programs write at any time. Who reads a value that several fields make up needs a way to
/// know that it was read whole.
public struct MappedArray<Value: BitwiseCopyable>: ~Copyable {
    /// The mapping, valid until deinit; `count` values, each `stride` bytes apart.
    private let base: UnsafeMutableRawPointer
    private let length: Int
    private let stride: Int
    /// How many values there are: the map's capacity.
    public let count: Int

    /// - Throws: ``BPFError`` where the map is not mappable, or `Value` has another size.
    public init(_ map: borrowing Map) throws(BPFError) {
        // The kernel rounds values up to 8 bytes, and the whole up to pages (array_map_alloc).
        let stride = (map.valueSize + 7) & ~7
        let page = Int(getpagesize())
        let length = (stride * map.capacity + page - 1) / page * page
        guard map.keySize == 4, MemoryLayout<Value>.stride == stride else {
            throw BPFError(.mismatch, "map", map.name)
        }
        guard let base = mmap(nil, length, PROT_READ | PROT_WRITE, MAP_SHARED, map.descriptor, 0), base != MAP_FAILED
        else { throw BPFError("map", map.name, errno: errno) }
        (self.base, self.length, self.stride, count) = (base, length, stride, map.capacity)
    }

    deinit { munmap(base, length) }

    /// Calls `body` with the address of a value in the kernel's memory, valid during the call.
    ///
    /// - Precondition: `index` is within `0..<count`.
    public func withValue<R>(_ index: Int, _ body: (UnsafeMutablePointer<Value>) -> R) -> R {
        precondition(index >= 0 && index < count, "index out of bounds")
        return body((base + index * stride).assumingMemoryBound(to: Value.self))
    }
}
