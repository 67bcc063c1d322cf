// SPDX-License-Identifier: Apache-2.0
import CLibbpf
import Glibc
import Synchronization

/// What a program attaches to by the number of one of the kernel's types: a tracepoint (`tp_btf`), a
/// function (`fentry`, `fexit`) or an iterator (`iter`), of the kernel itself and not of a module.
///
/// libbpf would find the number by reading all of the kernel's types for each object, a third of the
/// time to start (10 of 33 ms, Linux 6.18). So these sections have handlers of our own, which take it
/// from ``KernelTypes``. That libbpf does not read the types all the same, a program is of this type
/// only from its loading on.
enum KernelHook {
    /// Of a program that is to be loaded.
    struct Use {
        let program: String
        let section: String
        let type: KernelType
    }

    private struct Section {
        let prefix: String
        let attach: bpf_attach_type
        /// What the type's name has before the hook's, and its kind.
        let typePrefix: String
        let kind: Int
    }

    private static let sections = [
        Section(prefix: "tp_btf/", attach: BPF_TRACE_RAW_TP, typePrefix: "btf_trace_", kind: BTF_KIND_TYPEDEF),
        Section(prefix: "fentry/", attach: BPF_TRACE_FENTRY, typePrefix: "", kind: BTF_KIND_FUNC),
        Section(prefix: "fexit/", attach: BPF_TRACE_FEXIT, typePrefix: "", kind: BTF_KIND_FUNC),
        Section(prefix: "iter/", attach: BPF_TRACE_ITER, typePrefix: "bpf_iter_", kind: BTF_KIND_FUNC),
    ]

    /// The kernel functions (kfuncs) that programs of these sections can call: as helpers of the numbers
    /// 0x10000, 0x10001, …, which are none. Where the kernel lacks one, no such call may be reached.
    static let functions = ["bpf_preempt_disable", "bpf_preempt_enable", "bpf_rdonly_cast"].map {
        KernelType(name: $0, kind: BTF_KIND_FUNC)
    }
    private static let firstFunction: Int32 = 0x10000

    /// Of a kernel that runs they never change.
    private static let numbers = Mutex<[KernelType: UInt32]>([:])

    /// Has libbpf ask us, for every object of this process. Before one is opened, and once. 0, or -errno where
    /// libbpf refuses.
    static let registration: Int32 = {
        var options = libbpf_prog_handler_opts()
        options.sz = MemoryLayout<libbpf_prog_handler_opts>.size
        options.prog_prepare_load_fn = { program, options, _ in
            guard let type = program.flatMap(type(of:)), let number = numbers.withLock({ $0[type] }) else {
                return -ESRCH
            }
            options?.pointee.attach_btf_id = number
            let status = callKernelFunctions(program)
            return status == 0 ? bpf_program__set_type(program, BPF_PROG_TYPE_TRACING) : status
        }
        for section in sections {
            let status = libbpf_register_prog_handler(
                section.prefix, BPF_PROG_TYPE_RAW_TRACEPOINT, section.attach, &options)
            guard status >= 0 else { return status }
        }
        return 0
    }()

    static func all(in object: OpaquePointer) -> [Use] {
        var uses: [Use] = []
        var program = bpf_object__next_program(object, nil)
        while let current = program {
            if bpf_program__autoload(current), let type = type(of: current) {
                uses.append(
                    Use(
                        program: String(cString: bpf_program__name(current)),
                        section: String(cString: bpf_program__section_name(current)), type: type))
            }
            program = bpf_object__next_program(object, current)
        }
        return uses
    }

    static func remember(_ found: [KernelType: UInt32]) { numbers.withLock { $0.merge(found) { $1 } } }

    /// Changes calls of ``functions`` to what the kernel takes them by.
    private static func callKernelFunctions(_ program: OpaquePointer?) -> Int32 {
        var instructions = Array(
            UnsafeBufferPointer(start: bpf_program__insns(program), count: bpf_program__insn_cnt(program)))
        var isChanged = false
        for index in instructions.indices
        where instructions[index].code == UInt8(BPF_JMP | BPF_CALL) && instructions[index].src_reg == 0
            && instructions[index].imm >= firstFunction
        {
            // libbpf has such calls too, for what must not be reached.
            let function = Int(instructions[index].imm - firstFunction)
            guard function < functions.count, let number = numbers.withLock({ $0[functions[function]] }) else {
                continue
            }
            instructions[index].src_reg = UInt8(BPF_PSEUDO_KFUNC_CALL)
            instructions[index].imm = Int32(number)
            isChanged = true
        }
        return isChanged ? bpf_program__set_insns(program, &instructions, instructions.count) : 0
    }

    private static func type(of program: OpaquePointer) -> KernelType? {
        guard let name = bpf_program__section_name(program).map({ String(cString: $0) }),
            let section = sections.first(where: { name.hasPrefix($0.prefix) })
        else { return nil }
        return KernelType(name: section.typePrefix + name.dropFirst(section.prefix.count), kind: section.kind)
    }

    /// Attaches a loaded program where its section says. nil: it failed, and `errno` says why.
    static func attach(_ program: OpaquePointer) -> OpaquePointer? {
        guard type(of: program) != nil else { return bpf_program__attach(program) }
        return bpf_program__expected_attach_type(program) == BPF_TRACE_ITER
            ? bpf_program__attach_iter(program, nil) : bpf_program__attach_trace(program)
    }
}
