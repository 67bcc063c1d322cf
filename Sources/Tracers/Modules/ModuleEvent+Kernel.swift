// SPDX-License-Identifier: Apache-2.0
import CEvents

/// An event as the programs of `bpf/modules.bpf.c` wrote it, with Swift's values.
enum ModuleEvent {
    case action(module_action)
    case request(ModuleRequest)
    case reference(ModuleReference)
    case log(tid: UInt32, text: String, isCut: Bool)

    /// The record's own header: when, and how many were lost before it.
    struct Header {
        let time: UInt64
        let lost: UInt64
    }

    /// nil: shorter than its type says, which the programs never write.
    static func decode(_ record: RawSpan) -> (header: Header, event: ModuleEvent)? {
        record.withUnsafeBytes { bytes in
            guard let event = load(bytes, as: module_event.self) else { return nil }
            let header = Header(time: event.ts_ns, lost: event.lost)
            switch module_event_type(event.type) {
            case MODULE_EVENT_LOAD, MODULE_EVENT_UNLOAD:
                return load(bytes, as: module_action.self).map { (header, .action($0)) }
            case MODULE_EVENT_REQUEST:
                guard let request = load(bytes, as: module_request.self) else { return nil }
                return (
                    header,
                    .request(
                        ModuleRequest(
                            process: ModuleProcess(event, request.process), alias: text(request.alias),
                            caller: request.caller, waits: request.waits != 0, time: event.ts_ns))
                )
            case MODULE_EVENT_REFERENCE:
                guard let reference = load(bytes, as: module_reference.self) else { return nil }
                return (
                    header,
                    .reference(
                        ModuleReference(
                            time: event.ts_ns, name: text(reference.name), isPut: reference.is_put != 0,
                            count: reference.count, caller: reference.caller, pid: event.pid,
                            command: text(event.command)))
                )
            case MODULE_EVENT_LOG:
                guard let line = load(bytes, as: module_log.self) else { return nil }
                let text = withUnsafeBytes(of: line.text) {
                    String(decoding: $0.prefix(Int(line.length)), as: UTF8.self)
                }
                return (header, .log(tid: event.tid, text: text, isCut: line.cut != 0))
            default: return nil
            }
        }
    }

    private static func load<T: BitwiseCopyable>(_ bytes: UnsafeRawBufferPointer, as type: T.Type) -> T? {
        bytes.count >= MemoryLayout<T>.size ? bytes.loadUnaligned(as: T.self) : nil
    }

    /// A C array of characters, up to its NUL.
    static func text<T>(_ array: T) -> String {
        withUnsafeBytes(of: array) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
    }

    /// Modules that one uses, or that use it.
    static func uses(_ action: module_action) -> [String] {
        withUnsafeBytes(of: action.uses) { bytes in
            (0..<Int(action.use_count)).map { index in
                let name = bytes.dropFirst(index * MODULE_NAME_SIZE).prefix { $0 != 0 }
                return String(decoding: name, as: UTF8.self)
            }
        }
    }

    /// What was longer than its room, by its name in JSON.
    static func cut(_ action: module_action, uses: String) -> [String] {
        [(MODULE_CUT_PARAMETERS, "parameters"), (MODULE_CUT_ARGUMENTS, "arguments"), (MODULE_CUT_USES, uses)]
            .filter { UInt32(action.cut) & $0.0.rawValue != 0 }.map(\.1)
    }

    /// Strings one after the other, each with its NUL; one that was cut off has none.
    static func strings<T>(_ array: T, count: UInt32) -> [String] {
        withUnsafeBytes(of: array) { bytes in
            bytes.prefix(Int(count)).split(separator: 0, omittingEmptySubsequences: true)
                .map { String(decoding: $0, as: UTF8.self) }
        }
    }

    /// A path, whose last name comes first; nil: there is none.
    static func path(_ path: module_path) -> String? {
        let names = withUnsafeBytes(of: path.parts) { bytes in
            (0..<MODULE_PATH_PARTS).map { index in
                let part = bytes.dropFirst(index * MODULE_PART_SIZE).prefix(
                    MODULE_PART_SIZE)
                return String(decoding: part.prefix { $0 != 0 }, as: UTF8.self)
            }
        }
        guard let first = names.first, !first.isEmpty else { return nil }
        // Deeper than the record has room for.
        let isCut = names.last?.isEmpty == false
        return (isCut ? "…/" : "/") + names.prefix { !$0.isEmpty }.reversed().joined(separator: "/")
    }
}

extension ModuleProcess {
    init(_ event: module_event, _ process: module_process) {
        pid = event.pid
        tid = event.tid
        command = ModuleEvent.text(event.command)
        uid = process.uid
        executable = ModuleEvent.path(process.executable)
        parentPID = process.parent_pid
        parentCommand = ModuleEvent.text(process.parent_command)
        let name = ModuleEvent.text(process.cgroup)
        cgroup = name.isEmpty || name == "/" ? nil : name
        isStartedByKernel = process.by_kernel != 0
    }

    init(loaderOf action: module_action) {
        self.init(action.event, action.process)
        arguments = ModuleEvent.strings(action.arguments, count: action.arguments_size)
    }
}

/// The letters of `enum taint_flags` that a module can have (kernel/panic.c), by bit.
enum Taints {
    private static let letters: [(bit: Int, letter: Character)] = [
        (0, "P"), (1, "F"), (10, "C"), (12, "O"), (13, "E"), (15, "K"), (16, "X"), (18, "N"),
    ]

    static func letters(_ bits: UInt64) -> String {
        String(letters.filter { bits >> $0.bit & 1 != 0 }.map(\.letter))
    }
}
