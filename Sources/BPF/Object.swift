// SPDX-License-Identifier: Apache-2.0
import CLibbpf
import Glibc

/// A loaded BPF object: its programs are in the kernel and can be attached, its maps exist.
///
/// When it goes out of scope the programs and maps go, unless a ``Link`` or a ``Map`` still holds
/// them.
public struct Object: ~Copyable {
    // Valid from load() to deinit, and handed to nobody but libbpf.
    private let pointer: OpaquePointer
    /// As ``OpenObject`` had it.
    public let name: String
    private let variables: [String: Variable]
    /// The kernel's memory of the sections of global variables, mapped until deinit.
    private let sections: [String: UnsafeMutableRawBufferPointer]

    init(pointer: OpaquePointer, name: String, variables: [String: Variable]) {
        self.pointer = pointer
        self.name = name
        self.variables = variables
        var sections: [String: UnsafeMutableRawBufferPointer] = [:]
        for section in Set(variables.values.map(\.map)) {
            guard let map = bpf_object__find_map_by_name(pointer, section) else { continue }
            // libbpf asks for a mappable map where the kernel has them (5.5). Constants are frozen.
            let size = Int(bpf_map__value_size(map))
            let access = section == ".rodata" ? PROT_READ : PROT_READ | PROT_WRITE
            guard let base = mmap(nil, size, access, MAP_SHARED, bpf_map__fd(map), 0), base != MAP_FAILED else {
                continue
            }
            sections[section] = UnsafeMutableRawBufferPointer(start: base, count: size)
        }
        self.sections = sections
    }

    deinit {
        for section in sections.values { munmap(section.baseAddress, section.count) }
        bpf_object__close(pointer)
    }

    /// The names of the programs that were loaded, in the order of the object file.
    public var programs: [String] {
        var names: [String] = []
        var program = bpf_object__next_program(pointer, nil)
        while let current = program {
            if bpf_program__fd(current) >= 0, let name = bpf_program__name(current) {
                names.append(String(cString: name))
            }
            program = bpf_object__next_program(pointer, current)
        }
        return names
    }

    /// Calls a program once, here and now, as `BPF_PROG_TEST_RUN` does: a `raw_tp` program that is not
    /// attached and reads no arguments, or a `socket` program, on an empty packet.
    ///
    /// - Parameter cpu: the CPU to call it on, where it interrupts what runs (`raw_tp` alone); nil: this one.
    /// - Returns: what the program returned.
    @discardableResult
    public func call(_ program: String, onCPU cpu: Int? = nil) throws(BPFError) -> UInt32 {
        let found = try find(program: program)
        var options = bpf_test_run_opts()
        options.sz = MemoryLayout<bpf_test_run_opts>.size
        if let cpu {
            options.flags = UInt32(BPF_F_TEST_RUN_ON_CPU)
            options.cpu = UInt32(cpu)
        }
        // ETH_HLEN: the least that bpf_prog_test_run_skb() takes. A raw_tp program may be given nothing.
        let packet: [UInt8] =
            bpf_program__type(found) == BPF_PROG_TYPE_SOCKET_FILTER ? Array(repeating: 0, count: 14) : []
        let status = packet.withUnsafeBytes { packet in
            options.data_in = packet.isEmpty ? nil : packet.baseAddress
            options.data_size_in = UInt32(packet.count)
            return bpf_prog_test_run_opts(bpf_program__fd(found), &options)
        }
        guard status == 0 else { throw BPFError("call", program, errno: -status) }
        return options.retval
    }

    func find(program: String) throws(BPFError) -> OpaquePointer {
        guard let found = bpf_object__find_program_by_name(pointer, program), bpf_program__fd(found) >= 0 else {
            throw BPFError(.notFound, "use the program", "\(name)/\(program)")
        }
        return found
    }

    /// The map of that name. It stays valid by itself: it holds a descriptor of its own.
    public func map(_ map: String) throws(BPFError) -> Map {
        guard let found = bpf_object__find_map_by_name(pointer, map), bpf_map__fd(found) >= 0 else {
            throw BPFError(.notFound, "use the map", "\(name)/\(map)")
        }
        return try Map(duplicating: found, name: map)
    }

    /// Reads a global variable as it is now.
    public func value<T: BitwiseCopyable>(of variable: String, as type: T.Type) throws(BPFError) -> T {
        try address(of: variable, size: MemoryLayout<T>.size).loadUnaligned(as: T.self)
    }

    /// Reads a global array as it is now.
    public func values<T: BitwiseCopyable>(of variable: String, as type: T.Type) throws(BPFError) -> [T] {
        let size = variables[variable]?.size ?? 0
        let base = try address(of: variable, size: size)
        return stride(from: 0, through: size - MemoryLayout<T>.stride, by: MemoryLayout<T>.stride).map {
            base.loadUnaligned(fromByteOffset: $0, as: T.self)
        }
    }

    /// Writes a global variable; the programs see it at once. Knobs (`const`) cannot be written
    /// any more: the kernel has frozen them.
    public func set<T: BitwiseCopyable>(_ variable: String, to value: T) throws(BPFError) {
        guard variables[variable]?.map != ".rodata" else {
            throw BPFError(.frozen, "change", "\(name)/\(variable)")
        }
        try address(of: variable, size: MemoryLayout<T>.size).storeBytes(of: value, as: T.self)
    }

    /// Where the variable is mapped. Valid as long as the object is.
    private func address(of variable: String, size: Int) throws(BPFError) -> UnsafeMutableRawPointer {
        guard let found = variables[variable], let section = sections[found.map], let base = section.baseAddress else {
            throw BPFError(.notFound, "use the variable", "\(name)/\(variable)")
        }
        guard found.size == size, found.offset + size <= section.count else {
            throw BPFError(.mismatch, "use the variable", "\(name)/\(variable)")
        }
        return base + found.offset
    }

    /// The documented escape hatch: libbpf's own `struct bpf_object *`, for what this library does
    /// not wrap. It is valid during the call alone and must not be closed.
    ///
    /// Programs in the sections `tp_btf/`, `fentry/`, `fexit/` and `iter/` have handlers of this library's,
    /// which are registered with libbpf for the whole process: `bpf_program__attach()` does not attach them,
    /// ``attach(_:)`` does.
    public func withUnsafeObject<R>(_ body: (OpaquePointer) throws -> R) rethrows -> R {
        try body(pointer)
    }
}
