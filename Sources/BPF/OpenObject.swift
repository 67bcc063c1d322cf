// SPDX-License-Identifier: Apache-2.0
import CLibbpf
import Glibc

/// A BPF object file that is open and not loaded: what it holds can be configured.
///
/// ``load()`` consumes it and gives the ``Object`` whose programs can be attached.
public struct OpenObject: ~Copyable {
    /// Owned until ``load()`` hands it on; nil only after that.
    private var pointer: OpaquePointer?
    /// For errors: as it was given, or the path of the file.
    public let name: String
    /// Where each global variable lies; read from the object's own BTF.
    private let variables: [String: Variable]
    /// A file in memory, for those of the kernel's types that the programs read; libbpf reads it when it
    /// loads the object. -1: there is none, and libbpf searches all types.
    private let types: Int32
    /// What is to be there when it is loaded, by libbpf's maps.
    private var rings: [(map: OpaquePointer, ring: RingBuffer.Creation)] = []

    /// Opens an object from the bytes of an ELF file. They are copied.
    ///
    /// - Throws: ``BPFError`` when they are not a BPF object.
    public init(name: String, bytes: UnsafeRawBufferPointer) throws(BPFError) {
        try self.init(name: name) { options in
            name.withCString { name in
                options.object_name = name
                return bpf_object__open_mem(bytes.baseAddress, bytes.count, &options)
            }
        }
    }

    /// Opens an object file.
    public init(path: String) throws(BPFError) {
        try self.init(name: path) { bpf_object__open_file(path, &$0) }
    }

    private init(name: String, open: (inout bpf_object_open_opts) -> OpaquePointer?) throws(BPFError) {
        guard KernelHook.registration == 0 else {
            throw BPFError("register hooks for", name, errno: -KernelHook.registration)
        }
        let types = KernelTypes.withShared { _ in memfd_create("types", UInt32(MFD_CLOEXEC)) } ?? -1
        let ((pointer, error), log) = LogCapture.capture {
            var options = bpf_object_open_opts()
            options.sz = MemoryLayout<bpf_object_open_opts>.size
            return "/proc/self/fd/\(types)".withCString { path in
                options.btf_custom_path = types < 0 ? nil : path
                return (open(&options), errno)
            }
        }
        guard let pointer else {
            close(types)
            throw BPFError("open", name, errno: error, log: log)
        }
        self.pointer = pointer
        self.name = name
        self.variables = Variable.all(of: pointer)
        self.types = types
    }

    deinit {
        // Not yet loaded: the object is still ours.
        if let pointer { bpf_object__close(pointer) }
        close(types)
    }

    /// Sets the initial value of a global variable, `const volatile` knobs included.
    ///
    /// - Throws: ``BPFError`` with code `notFound`, or `mismatch` if `T` has another size.
    public func set<T: BitwiseCopyable>(_ variable: String, to value: T) throws(BPFError) {
        try withBytes(of: variable, count: MemoryLayout<T>.size) { $0.storeBytes(of: value, as: T.self) }
    }

    /// Sets the initial value of a global array. A shorter one leaves the rest as it is.
    public func set<T: BitwiseCopyable>(_ variable: String, to values: [T]) throws(BPFError) {
        try withBytes(of: variable, count: nil) { bytes in
            values.withUnsafeBytes { bytes.copyMemory(from: UnsafeRawBufferPointer(rebasing: $0.prefix(bytes.count))) }
        }
    }

    private func withBytes(
        of variable: String, count: Int?, _ body: (UnsafeMutableRawBufferPointer) -> Void
    ) throws(BPFError) {
        guard let found = variables[variable], let map = bpf_object__find_map_by_name(pointer, found.map) else {
            throw BPFError(.notFound, "set the variable", "\(name)/\(variable)")
        }
        guard count == nil || count == found.size else {
            throw BPFError(.mismatch, "set the variable", "\(name)/\(variable)")
        }
        var size = 0
        // libbpf keeps the section's initial content here until the object is loaded.
        guard let base = bpf_map__initial_value(map, &size), found.offset + found.size <= size else {
            throw BPFError(.mismatch, "set the variable", "\(name)/\(variable)")
        }
        body(
            UnsafeMutableRawBufferPointer(
                start: UnsafeMutableRawPointer(mutating: base) + found.offset, count: found.size))
    }

    /// Sets how many entries a map has room for; for a ring buffer, its size in bytes.
    public func setCapacity(of map: String, to entries: Int) throws(BPFError) {
        let status = bpf_map__set_max_entries(try find(map: map), UInt32(clamping: entries))
        guard status == 0 else { throw BPFError("resize the map", map, errno: -status) }
    }

    /// Has the programs write to a ring that is being made, instead of one of the object's own. ``load()``
    /// waits for it.
    public mutating func use(_ ring: RingBuffer.Creation, as map: String) throws(BPFError) {
        rings.append((try find(map: map), ring))
    }

    /// Leaves a map out, for a kernel that does not have its type. No loaded program may use it.
    public func omit(map: String) throws(BPFError) {
        let status = bpf_map__set_autocreate(try find(map: map), false)
        guard status == 0 else { throw BPFError("leave out the map", map, errno: -status) }
    }

    /// Leaves a program out.
    public func omit(program: String) throws(BPFError) {
        guard let found = bpf_object__find_program_by_name(pointer, program) else {
            throw BPFError(.notFound, "leave out the program", "\(name)/\(program)")
        }
        let status = bpf_program__set_autoload(found, false)
        guard status == 0 else { throw BPFError("leave out the program", program, errno: -status) }
    }

    private func find(map: String) throws(BPFError) -> OpaquePointer {
        guard let found = bpf_object__find_map_by_name(pointer, map) else {
            throw BPFError(.notFound, "configure the map", "\(name)/\(map)")
        }
        return found
    }

    /// Creates the maps, has the verifier check the programs, and loads them.
    ///
    /// The programs' types are fitted to those of the kernel (CO-RE) by an excerpt, in which types have
    /// other numbers than in the kernel: a program cannot use `bpf_core_type_id_kernel()`.
    /// ``Feature/kernelStructure(_:)`` gives a number, for a knob.
    ///
    /// - Throws: ``BPFError`` whose `log` holds the verifier's words.
    public consuming func load() throws(BPFError) -> Object {
        guard let pointer = pointer.take() else { throw BPFError(.failed, "load", name, errno: EINVAL) }
        do throws(BPFError) {
            try fit(pointer)
            for (map, ring) in rings {
                let status = bpf_map__reuse_fd(map, try ring.descriptor)
                guard status == 0 else { throw BPFError("use the ring", name, errno: -status) }
            }
        } catch {
            bpf_object__close(pointer)
            throw error
        }
        let (status, log) = LogCapture.capture { bpf_object__load(pointer) }
        guard status == 0 else {
            bpf_object__close(pointer)
            throw BPFError("load", name, errno: -status, log: log)
        }
        return Object(pointer: pointer, name: name, variables: variables)
    }

    /// Finds, of the kernel's types, those that the programs read, and the numbers of those that they attach
    /// to.
    private borrowing func fit(_ object: OpaquePointer) throws(BPFError) {
        let hooks = KernelHook.all(in: object)
        let names = bpf_object__btf(object).map(Self.typeNames(of:)) ?? []
        let found = KernelTypes.withShared {
            $0.excerpt(of: names, finding: Set(hooks.map(\.type)).union(KernelHook.functions))
        }
        KernelTypes.release()
        guard let found = found ?? nil else {
            // There are none, or not to be understood: a program that needs none can be loaded.
            guard types < 0, hooks.isEmpty else {
                throw BPFError(.notSupported, "use", "the kernel's type information (BTF)")
            }
            return
        }
        KernelHook.remember(found.numbers)
        if let missing = hooks.first(where: { found.numbers[$0.type] == nil }) {
            throw BPFError(.notSupported, "attach", "\(missing.program) to \(missing.section)")
        }
        guard types >= 0 else { return }
        guard found.bytes.withUnsafeBytes({ write(types, $0.baseAddress, $0.count) }) == found.bytes.count else {
            throw BPFError("excerpt the kernel's types", name, errno: errno)
        }
    }
}

extension OpenObject {
    /// The names of an object's types as the kernel has them: what follows `___` tells apart several of
    /// one name.
    private static func typeNames(of btf: OpaquePointer) -> Set<String> {
        var names: Set<String> = []
        for id in 1..<btf__type_cnt(btf) {
            guard let type = btf__type_by_id(btf, id), type.pointee.name_off != 0,
                let bytes = btf__name_by_offset(btf, type.pointee.name_off)
            else { continue }
            let length = strstr(bytes, "___").map { UnsafePointer($0) - bytes } ?? strlen(bytes)
            names.insert(String(decoding: UnsafeRawBufferPointer(start: bytes, count: length), as: UTF8.self))
        }
        return names
    }
}

/// Where a global variable lies: in which section's map, at which offset, in bytes.
struct Variable {
    let map: String
    let offset: Int
    let size: Int

    /// Every variable of an object, by name, from the data sections in its BTF.
    static func all(of object: OpaquePointer) -> [String: Variable] {
        guard let btf = bpf_object__btf(object) else { return [:] }
        var found: [String: Variable] = [:]
        for id in 1..<btf__type_cnt(btf) {
            guard let section = btf__type_by_id(btf, id), section.pointee.kind == BTF_KIND_DATASEC,
                let map = btf__name_by_offset(btf, section.pointee.name_off)
            else { continue }
            // include/uapi/linux/btf.h: vlen entries of btf_var_secinfo follow the type.
            let entries = UnsafeRawPointer(section + 1).assumingMemoryBound(to: btf_var_secinfo.self)
            for entry in UnsafeBufferPointer(start: entries, count: section.pointee.count) {
                guard let variable = btf__type_by_id(btf, entry.type),
                    let name = btf__name_by_offset(btf, variable.pointee.name_off)
                else { continue }
                found[String(cString: name)] = Variable(
                    map: String(cString: map), offset: Int(entry.offset), size: Int(entry.size))
            }
        }
        return found
    }
}
