// SPDX-License-Identifier: Apache-2.0
import CLibbpf

extension KernelTypes {
    /// The types of those names and all that lies within them, as type information of its own; what
    /// they point to is `void`. And the numbers of others, as the kernel has them, found on the same way.
    ///
    /// libbpf looks for each type that a program reads among all of the kernel's, a hundred thousand
    /// names at a time. Among some hundred it finds it at once.
    ///
    /// - Returns: nil: there is a kind of type that is not known here, and what follows it cannot be found.
    func excerpt(
        of names: Set<String>, finding others: Set<KernelType>
    ) -> (bytes: [UInt8], numbers: [KernelType: UInt32])? {
        let filter = NameFilter(names.union(others.map(\.name)))
        var numbers: [KernelType: UInt32] = [:]
        var excerpt = Excerpt()
        // Where every 64th type stands: its number is one more than a multiple of 64.
        var marks: [Int] = []
        var id: UInt32 = 0
        let isComplete = walk { type, start in
            if id % 64 == 0 { marks.append(start) }
            id += 1
            guard type.name_off != 0, filter.mayHold(beginning(of: type.name_off)) else { return true }
            let kind = type.kind
            let name = String(decoding: name(at: type.name_off), as: UTF8.self)
            // The kinds that hooks and functions are of.
            if kind == BTF_KIND_FUNC || kind == BTF_KIND_TYPEDEF {
                let known = KernelType(name: name, kind: kind)
                if others.contains(known), numbers[known] == nil { numbers[known] = id }
            }
            switch kind {
            case BTF_KIND_INT, BTF_KIND_STRUCT, BTF_KIND_UNION, BTF_KIND_ENUM, BTF_KIND_FWD, BTF_KIND_TYPEDEF,
                BTF_KIND_FLOAT, BTF_KIND_ENUM64:
                if names.contains(name) { _ = excerpt.number(of: id) }
            default: break
            }
            return true
        }
        guard isComplete else { return nil }
        // Those within come to the end of the same list.
        var next = 0
        while next < excerpt.order.count {
            let index = Int(excerpt.order[next] - 1)
            var start = marks[index / 64]
            for _ in 0..<index % 64 { start = self.start(after: start) ?? start }
            copy(start, to: &excerpt)
            next += 1
        }
        return (excerpt.bytes, numbers)
    }

    /// The first four bytes of a name, those from its NUL on as 0.
    @inline(__always)
    private func beginning(of name: UInt32) -> UInt32 {
        guard Int(name) + 4 <= names.count else { return 0 }
        let word = UInt32(littleEndian: word(at: names.lowerBound + Int(name)))
        if word & 0xff == 0 { return 0 }
        if word & 0xff00 == 0 { return word & 0xff }
        return word & 0xff_0000 == 0 ? word & 0xffff : word
    }

    /// Says of most names that they are none of those wanted, by their first four bytes.
    private struct NameFilter {
        private var bits = [UInt64](repeating: 0, count: 1 << 10)

        init(_ names: some Sequence<String>) {
            for name in names {
                let slot = Self.slot(name.utf8.prefix(4).reversed().reduce(0) { $0 << 8 | UInt32($1) })
                bits[slot / 64] |= 1 << UInt64(slot % 64)
            }
            // Names at the very end, whose beginning is not looked at.
            bits[0] |= 1
        }

        func mayHold(_ beginning: UInt32) -> Bool {
            let slot = Self.slot(beginning)
            return bits[slot / 64] >> UInt64(slot % 64) & 1 != 0
        }

        /// 16 bits of a multiplicative hash.
        private static func slot(_ word: UInt32) -> Int { Int((word &* 0x9e37_79b1) >> 16) }
    }

    /// A type, with the numbers that it refers to by changed to those of the excerpt.
    private func copy(_ start: Int, to excerpt: inout Excerpt) {
        let type = self.type(at: start)
        let body = start + MemoryLayout<btf_type>.size
        let count = type.count
        let holdsType =
            switch type.kind {
            case BTF_KIND_TYPEDEF, BTF_KIND_VOLATILE, BTF_KIND_CONST, BTF_KIND_RESTRICT, BTF_KIND_TYPE_TAG: true
            default: false
            }
        excerpt.add(excerpt.name(type.name_off, of: self))
        excerpt.add(type.info)
        switch type.kind {
        case BTF_KIND_PTR: excerpt.add(0)
        case _ where holdsType: excerpt.add(excerpt.number(of: type.type))
        default: excerpt.add(type.size)
        }
        // What follows, as include/uapi/linux/btf.h has it.
        switch type.kind {
        case BTF_KIND_INT: excerpt.add(word(at: body))
        case BTF_KIND_ARRAY:
            excerpt.add(excerpt.number(of: word(at: body)))
            excerpt.add(excerpt.number(of: word(at: body + 4)))
            excerpt.add(word(at: body + 8))
        case BTF_KIND_STRUCT, BTF_KIND_UNION:
            for member in 0..<count {
                excerpt.add(excerpt.name(word(at: body + 12 * member), of: self))
                excerpt.add(excerpt.number(of: word(at: body + 12 * member + 4)))
                excerpt.add(word(at: body + 12 * member + 8))
            }
        case BTF_KIND_ENUM, BTF_KIND_ENUM64:
            let size = type.kind == BTF_KIND_ENUM ? 8 : 12
            for value in 0..<count {
                excerpt.add(excerpt.name(word(at: body + size * value), of: self))
                for offset in stride(from: 4, to: size, by: 4) {
                    excerpt.add(word(at: body + size * value + offset))
                }
            }
        default: break
        }
    }

    /// Type information in the making.
    private struct Excerpt {
        /// The kernel's numbers of the types, in the order of the excerpt's.
        private(set) var order: [UInt32] = []
        private var numbers: [UInt32: UInt32] = [:]
        private var types: [UInt32] = []
        private var strings: [UInt8] = [0]
        private var offsets: [UInt32: UInt32] = [0: 0]

        mutating func add(_ word: UInt32) { types.append(word) }

        /// The number that one of the kernel's types has here; 0 is `void`.
        mutating func number(of id: UInt32) -> UInt32 {
            guard id != 0 else { return 0 }
            if let known = numbers[id] { return known }
            order.append(id)
            numbers[id] = UInt32(order.count)
            return UInt32(order.count)
        }

        mutating func name(_ offset: UInt32, of kernel: KernelTypes) -> UInt32 {
            if let known = offsets[offset] { return known }
            let copy = UInt32(strings.count)
            strings += kernel.name(at: offset)
            strings.append(0)
            offsets[offset] = copy
            return copy
        }

        var bytes: [UInt8] {
            let length = UInt32(4 * types.count)
            let header = btf_header(
                magic: 0xeb9f, version: 1, flags: 0, hdr_len: UInt32(MemoryLayout<btf_header>.size), type_off: 0,
                type_len: length, str_off: length, str_len: UInt32(strings.count))
            return withUnsafeBytes(of: header, Array.init) + types.withUnsafeBytes(Array.init) + strings
        }
    }
}
