// SPDX-License-Identifier: Apache-2.0
import CLibbpf
import Glibc

/// What this kernel allows this process, found by trying it and never by comparing versions.
public enum Feature: String, CaseIterable, Sendable {
    /// BPF programs with kernel types at all: load one that does nothing.
    case tracing
    /// Kernel type information at /sys/kernel/btf/vmlinux.
    case btf
    /// `BPF_MAP_TYPE_RINGBUF`, since 5.8.
    case ringBuffer
    /// `BPF_MAP_TYPE_TASK_STORAGE`, and its use by a tracing program, since 5.11.
    case taskStorage
    /// `iter/task` programs, since 5.8.
    case taskIterator
    /// fentry and fexit programs, since 5.5; a lockdown or a kernel without function tracing lacks them.
    case fentry
    /// kprobes through `perf_event_open`.
    case kprobes
    /// uprobes through `perf_event_open`.
    case uprobes
    /// `bpf_task_pt_regs()`, since 5.15.
    case taskRegisters
    /// `BPF_ENABLE_STATS`, since 5.8; needs CAP_SYS_ADMIN.
    case runStatistics
    /// `bpf_ktime_get_coarse_ns()`, since 5.11.
    case coarseClock
    /// `bpf_ktime_get_tai_ns()`, since 6.1.
    case taiClock
}

extension Feature {
    /// The first Linux that has it; nil where a build decides, or a right.
    public var since: String? {
        switch self {
        case .ringBuffer, .taskIterator, .runStatistics: "5.8"
        case .taskStorage: "5.11"
        case .fentry: "5.5"
        case .coarseClock: "5.11"
        case .taskRegisters: "5.15"
        case .taiClock: "6.1"
        case .tracing, .btf, .kprobes, .uprobes: nil
        }
    }

    /// Tries the feature; of probes, whether the kernel lists them. nil: it is there. Else why it is not.
    ///
    /// What a trial makes is gone when this returns. It takes up to a few milliseconds.
    public func trial() -> BPFError? {
        guard var error = attempt() else { return nil }
        error.since = since
        return error
    }

    private func attempt() -> BPFError? {
        switch self {
        case .tracing: Self.load(BPF_PROG_TYPE_RAW_TRACEPOINT, [.setR0, .exit], rawValue)
        case .btf:
            access("/sys/kernel/btf/vmlinux", R_OK) == 0
                ? nil : BPFError(nil, "read", "/sys/kernel/btf/vmlinux", errno: errno)
        case .ringBuffer: Self.create(BPF_MAP_TYPE_RINGBUF, key: 0, value: 0, entries: getpagesize())
        case .taskStorage: Self.taskStorage()
        case .taskIterator:
            Self.load(BPF_PROG_TYPE_TRACING, [.setR0, .exit], rawValue, attach: BPF_TRACE_ITER, to: "bpf_iter_task")
        case .fentry:
            Self.load(
                BPF_PROG_TYPE_TRACING, [.setR0, .exit], rawValue, attach: BPF_TRACE_FENTRY, to: "handle_mm_fault")
        case .kprobes: Self.probe("kprobe")
        case .uprobes: Self.probe("uprobe")
        case .taskRegisters:
            // r1 = current, r0 = bpf_task_pt_regs(r1)
            Self.load(
                BPF_PROG_TYPE_TRACING,
                [.call(BPF_FUNC_get_current_task_btf), .move(1, 0), .call(BPF_FUNC_task_pt_regs), .setR0, .exit],
                rawValue, attach: BPF_TRACE_RAW_TP, to: "btf_trace_sched_switch")
        case .runStatistics: Self.runStatistics()
        case .coarseClock:
            // Not for programs that can run in an NMI.
            Self.load(BPF_PROG_TYPE_SOCKET_FILTER, [.call(BPF_FUNC_ktime_get_coarse_ns), .setR0, .exit], rawValue)
        case .taiClock:
            Self.load(BPF_PROG_TYPE_RAW_TRACEPOINT, [.call(BPF_FUNC_ktime_get_tai_ns), .setR0, .exit], rawValue)
        }
    }

    /// Whether ``trial()`` finds it; takes as long.
    public var isAvailable: Bool { trial() == nil }

    /// Whether the kernel has a tracepoint that `tp_btf/NAME` can attach to.
    public static func hasTracepoint(_ name: String) -> Bool {
        // Nothing else has such a name.
        KernelTypes.withShared { $0.hasName("btf_trace_\(name)") } ?? false
    }

    /// Whether programs on tracepoints can be preempted, and can prevent that.
    ///
    /// Since 7.0 tracepoints are protected by SRCU, with preemption on. There was an SRCU of that name
    /// before 6.13 as well, for tracepoints in idle CPUs alone; `faultable` came between.
    public static var hasPreemptibleTracepoints: Bool {
        KernelTypes.withShared {
            $0.hasName("tracepoint_srcu_srcu_data") && $0.hasName("bpf_preempt_disable")
                && $0.hasMember("faultable", of: "tracepoint_ext")
        } ?? false
    }

    /// Whether the kernel's type information has a function of that name.
    public static func hasFunction(_ name: String) -> Bool { kernelType(name, BTF_KIND_FUNC) != nil }

    /// The number of a kernel structure among the kernel's types; nil where it has none of that name.
    public static func kernelStructure(_ name: String) -> UInt32? { kernelType(name, BTF_KIND_STRUCT) }

    /// Whether a kernel structure has a field of that name.
    public static func hasField(_ field: String, of type: String) -> Bool {
        KernelTypes.withShared { $0.hasMember(field, of: type) } ?? false
    }

    // MARK: - The trials

    private static func create(_ type: bpf_map_type, key: UInt32, value: UInt32, entries: Int32) -> BPFError? {
        let (descriptor, log) = LogCapture.capture { bpf_map_create(type, "trial", key, value, UInt32(entries), nil) }
        guard descriptor >= 0 else { return BPFError(nil, "create", "a map", errno: -descriptor, log: log) }
        close(descriptor)
        return nil
    }

    /// A map with an integer for each task, and a program that looks one up.
    private static func taskStorage() -> BPFError? {
        let types = btf__new_empty()
        defer { btf__free(types) }
        let integer = btf__add_int(types, "int", 4, Int32(BTF_INT_SIGNED))
        var options = bpf_map_create_opts()
        options.sz = MemoryLayout<bpf_map_create_opts>.size
        let (map, log) = LogCapture.capture { () -> Int32 in
            let status = btf__load_into_kernel(types)
            guard integer > 0, status == 0 else { return status < 0 ? status : -EINVAL }
            options.btf_fd = UInt32(btf__fd(types))
            options.btf_key_type_id = UInt32(integer)
            options.btf_value_type_id = UInt32(integer)
            options.map_flags = UInt32(BPF_F_NO_PREALLOC)
            return bpf_map_create(BPF_MAP_TYPE_TASK_STORAGE, "trial", 4, 4, 0, &options)
        }
        guard map >= 0 else {
            return BPFError(map == -EINVAL ? .notSupported : nil, "create", "task storage", errno: -map, log: log)
        }
        defer { close(map) }
        // r0 = bpf_task_storage_get(map, current, 0, 0)
        return load(
            BPF_PROG_TYPE_TRACING,
            [.call(BPF_FUNC_get_current_task_btf), .move(2, 0)] + bpf_insn.map(map, in: 1) + [
                .set(3), .set(4), .call(BPF_FUNC_task_storage_get), .setR0, .exit,
            ],
            "taskStorage", attach: BPF_TRACE_RAW_TP, to: "btf_trace_sched_switch")
    }

    private static func runStatistics() -> BPFError? {
        do { _ = try StatisticsSwitch() } catch { return error }
        return nil
    }

    private static func load(
        _ type: bpf_prog_type, _ instructions: [bpf_insn], _ name: String, attach: bpf_attach_type? = nil,
        to target: String? = nil
    ) -> BPFError? {
        var log = [CChar](repeating: 0, count: 4096)
        var options = bpf_prog_load_opts()
        options.sz = MemoryLayout<bpf_prog_load_opts>.size
        if let attach, let target {
            let id = kernelType(target, attach == BPF_TRACE_RAW_TP ? BTF_KIND_TYPEDEF : BTF_KIND_FUNC)
            guard let id else { return BPFError(.notSupported, "find", target) }
            options.expected_attach_type = attach
            options.attach_btf_id = id
        }
        let (descriptor, _) = LogCapture.capture {
            log.withUnsafeMutableBufferPointer { log in
                options.log_buf = log.baseAddress
                options.log_size = UInt32(log.count)
                options.log_level = 1
                return bpf_prog_load(type, "trial", "GPL", instructions, instructions.count, &options)
            }
        }
        guard descriptor >= 0 else {
            let text = String(decoding: log.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
            return BPFError(descriptor == -EINVAL ? .notSupported : nil, "load", name, errno: -descriptor, log: text)
        }
        defer { close(descriptor) }
        // A lockdown or a missing tracer can show only when it is attached.
        guard let attach, attach == BPF_TRACE_FENTRY else { return nil }
        let link = bpf_raw_tracepoint_open(nil, descriptor)
        guard link >= 0 else { return BPFError(nil, "attach", name, errno: -link) }
        close(link)
        return nil
    }

    private static func kernelType(_ name: String, _ kind: Int) -> UInt32? {
        KernelTypes.withShared { $0.id(of: name, kind: kind) } ?? nil
    }

    /// Kernels with a probe type list it as an event source.
    private static func probe(_ name: String) -> BPFError? {
        access("/sys/bus/event_source/devices/\(name)/type", F_OK) == 0
            ? nil : BPFError(.notSupported, "use", name + "s")
    }
}

extension bpf_insn {
    // include/uapi/linux/bpf.h and bpf_common.h: BPF_ALU64|BPF_MOV, BPF_JMP|BPF_EXIT, BPF_JMP|BPF_CALL.
    fileprivate static var setR0: bpf_insn { make(0xb7) }
    fileprivate static var exit: bpf_insn { make(0x95) }
    fileprivate static func set(_ register: UInt8) -> bpf_insn { make(0xb7, destination: register) }
    fileprivate static func move(_ register: UInt8, _ source: UInt8) -> bpf_insn {
        make(0xbf, destination: register, source: source)
    }
    /// BPF_LD|BPF_IMM|BPF_DW with BPF_PSEUDO_MAP_FD, which takes two.
    fileprivate static func map(_ descriptor: Int32, in register: UInt8) -> [bpf_insn] {
        [make(0x18, destination: register, source: UInt8(BPF_PSEUDO_MAP_FD), immediate: descriptor), make(0)]
    }
    fileprivate static func call(_ helper: bpf_func_id) -> bpf_insn { make(0x85, immediate: Int32(helper.rawValue)) }

    private static func make(
        _ code: UInt8, destination: UInt8 = 0, source: UInt8 = 0, immediate: Int32 = 0
    ) -> bpf_insn {
        var instruction = bpf_insn()
        instruction.code = code
        instruction.dst_reg = destination
        instruction.src_reg = source
        instruction.imm = immediate
        return instruction
    }
}
