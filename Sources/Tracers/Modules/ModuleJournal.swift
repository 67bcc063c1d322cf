// SPDX-License-Identifier: Apache-2.0
import CEvents
import Glibc
import Linux

/// Joins events to records: a load with who asked the kernel for it, and with the lines that the
/// kernel logged meanwhile.
struct ModuleJournal {
    /// Whether loads of one file share their work on this kernel.
    let sharesLoads: Bool
    /// Whether the points on the way are seen, or just the call's ends.
    let seesStages: Bool

    private var lost: UInt64 = 0
    private var requests: [ModuleRequest] = []
    private var lines: [(time: UInt64, tid: UInt32, text: String, isCut: Bool)] = []
    /// The last of the lines that were given up while a load might still have wanted them.
    private var forgotten: UInt64 = 0
    /// Which request a helper process answers, by its birth: it may load several modules.
    private var answers: [UInt64: ModuleRequest] = [:]

    init(sharesLoads: Bool, seesStages: Bool) {
        self.sharesLoads = sharesLoads
        self.seesStages = seesStages
    }

    /// Takes in an event; what is whole by it.
    mutating func take(_ event: ModuleEvent, _ header: ModuleEvent.Header) -> [ModuleRecord] {
        var records = take(lost: header.lost, at: header.time).map { [$0] } ?? []
        switch event {
        case .request(let request):
            requests.append(request)
            if requests.count > 1024 { requests.removeFirst(512) }
        case .log(let tid, let text, let isCut):
            for line in text.split(separator: "\n") { lines.append((header.time, tid, Self.withoutTime(line), isCut)) }
            if lines.count > 16_384 {
                forgotten = lines[8191].time
                lines.removeFirst(8192)
            }
        case .reference(let reference): records.append(.reference(reference))
        case .action(let action):
            records.append(
                action.event.type == MODULE_EVENT_LOAD.rawValue ? .load(load(action)) : .unload(unload(action)))
        }
        return records
    }

    /// Notes how many events were lost in all; a record of those that are new.
    mutating func take(lost total: UInt64, at time: UInt64) -> ModuleRecord? {
        guard total > lost else { return nil }
        defer { lost = total }
        return .lost(total - lost, time: time)
    }

    // MARK: - Loads

    private mutating func load(_ action: module_action) -> ModuleLoad {
        var load = ModuleLoad()
        load.time = action.event.ts_ns
        load.loader = ModuleProcess(loaderOf: action)
        load.file = ModuleEvent.path(action.file)
        load.isFromMemory = action.from_memory != 0
        load.parameters = ModuleEvent.text(action.parameters)
        load.isLate = action.is_late != 0
        let name = ModuleEvent.text(action.name)
        load.name = name.isEmpty ? load.file.map(Self.moduleName) : name
        if action.loaded_ns > 0 {
            load.sizeBytes = action.size_bytes
            load.taints = Taints.letters(action.taints)
            load.isSigned = action.is_signed == 0 ? nil : action.is_signed == 2
        }
        load.version = Self.nonempty(ModuleEvent.text(action.version))
        load.srcversion = Self.nonempty(ModuleEvent.text(action.srcversion))
        load.licence = Self.info("license", action)
        load.dependencies = ModuleEvent.uses(action)
        load.cut = ModuleEvent.cut(action, uses: "dependencies")
        func span(_ from: UInt64, _ to: UInt64) -> UInt64? { from > 0 && to > from ? to - from : nil }
        if !load.isLate {
            load.phases.total = span(action.begin_ns, action.end_ns)
            load.phases.coming = span(action.begin_ns, action.formed_ns)
            load.phases.prepare = span(action.begin_ns, action.loaded_ns)
            if action.result >= 0 { load.phases.live = span(action.begin_ns, action.live_ns) }
        }
        load.phases.initialize = span(action.init_ns, action.init_end_ns)
        load.log = log(of: action, name: load.name, cut: &load.cut)
        load.requestedBy = request(of: action, load.loader)
        decide(&load, action)
        return load
    }

    private func decide(_ load: inout ModuleLoad, _ action: module_action) {
        if action.result >= 0 {
            load.outcome = action.loaded_ns > 0 || !sharesLoads ? .live : .shared
            return
        }
        load.errno = Int32(truncatingIfNeeded: -action.result)
        if load.errno == EEXIST && action.loaded_ns == 0 && action.formed_ns == 0 {
            let comparison = Self.compare(action, name: load.name)
            let isAnother = comparison?.isSame == false
            load.comparedBy = comparison?.by
            load.outcome = isAnother ? .failed : .alreadyLoaded
            load.stage = isAnother ? .duplicateName : nil
            return
        }
        // Who waits for another's load never reads the file. Some errors come before either.
        // finit_module(2) knows three flags.
        let isRefused = [EBADF, EPERM, EFAULT].contains(load.errno) || action.flags & ~7 != 0
        if sharesLoads && seesStages && action.from_memory == 0 && action.read_ns == 0 && !isRefused {
            load.outcome = .shared
            return
        }
        load.outcome = .failed
        load.stage = ModuleLoad.Stage(action, errno: load.errno, log: load.log, seesStages: seesStages)
    }

    /// Whether the module that is there is of the same build as the file; nil: nothing tells.
    private static func compare(_ action: module_action, name: String?) -> (by: ModuleLoad.Identity, isSame: Bool)? {
        // The name is the file's, which can say anything.
        guard let name, !name.contains("/") else { return nil }
        let folder = "/sys/module/\(name)/"
        let buildID = withUnsafeBytes(of: action.build_id) { Array($0.prefix(Int(action.build_id_size))) }
        // In the note it comes last, after sixteen bytes.
        if !buildID.isEmpty, let note = Procfs.bytes(folder + "notes/.note.gnu.build-id"),
            note.count == 16 + buildID.count
        {
            return (.buildID, note.suffix(buildID.count).elementsEqual(buildID))
        }
        if let source = info("srcversion", action), let loaded = Procfs.text(folder + "srcversion") {
            return (.srcversion, source == loaded)
        }
        return nil
    }

    /// What the file's .modinfo says.
    private static func info(_ key: String, _ action: module_action) -> String? {
        ModuleEvent.strings(action.modinfo, count: action.modinfo_size)
            .first { $0.hasPrefix("\(key)=") }.map { String($0.dropFirst(key.count + 1)) }
    }

    // MARK: - Who asked

    /// The request that a helper of the kernel's answers: the last one for what is on its command
    /// line (call_modprobe in kernel/module/kmod.c) from before it was born.
    private mutating func request(of action: module_action, _ loader: ModuleProcess) -> ModuleRequest? {
        guard loader.isStartedByKernel else { return nil }
        if let known = answers[action.loader_start_ns], loader.arguments.last == known.alias { return known }
        // Its birth is CLOCK_MONOTONIC, and end_ns is ts_ns by that clock.
        let birth = action.loader_start_ns &+ action.event.ts_ns &- action.end_ns
        guard let alias = loader.arguments.last,
            let index = requests.lastIndex(where: { $0.alias == alias && $0.time <= birth })
        else { return nil }
        if answers.count > 1024 { answers = [:] }
        answers[action.loader_start_ns] = requests[index]
        return requests.remove(at: index)
    }

    // MARK: - Unloads

    private mutating func unload(_ action: module_action) -> ModuleUnload {
        var unload = ModuleUnload()
        unload.time = action.event.ts_ns
        unload.name = ModuleEvent.text(action.name)
        unload.loader = ModuleProcess(loaderOf: action)
        unload.isForced = Int32(bitPattern: action.flags) & O_TRUNC != 0
        unload.total = action.end_ns - action.begin_ns
        if action.found_ns > 0 && action.exited_ns > 0 { unload.exit = action.exited_ns - action.found_ns }
        if action.freed_ns > 0 { unload.freed = action.freed_ns - action.begin_ns }
        unload.cut = ModuleEvent.cut(action, uses: "used_by")
        unload.log = log(of: action, name: unload.name, cut: &unload.cut)
        guard action.result < 0 else { return unload }
        unload.outcome = .refused
        unload.errno = Int32(truncatingIfNeeded: -action.result)
        var state: Int?
        var isPermanent = false
        if action.found_ns > 0 {
            state = Int(action.state)
            unload.holdersRead = .atRefusal
            unload.references = Int(action.references)
            unload.usedBy = ModuleEvent.uses(action)
        } else if [EBUSY, EWOULDBLOCK].contains(unload.errno), let entry = ModuleList.entry(of: unload.name) {
            isPermanent = entry.isPermanent
            unload.holdersRead = .afterwards
            unload.references = entry.references
            unload.usedBy = entry.usedBy
        }
        unload.reason = Self.reason(unload, state: state, isPermanent: isPermanent)
        return unload
    }

    /// What delete_module() of kernel/module/main.c refuses for: in this order users, a state other than
    /// LIVE, no exit function, references.
    private static func reason(_ unload: ModuleUnload, state: Int?, isPermanent: Bool) -> String {
        switch (unload.errno, state) {
        case (ENOENT, _): return "it is not loaded"
        case (EPERM, _): return "not permitted"
        // enum module_state: LIVE, COMING, GOING.
        case (EBUSY, 0): return "it has no exit function"
        case (EBUSY, 1): return "it is being loaded"
        case (EBUSY, 2): return "it is being unloaded"
        case (EBUSY, _) where isPermanent: return "it has no exit function"
        case (EBUSY, _): return "it was being loaded or unloaded, or has no exit function"
        case (EWOULDBLOCK, _) where !unload.usedBy.isEmpty: return "used by " + unload.usedBy.joined(separator: ", ")
        case (EWOULDBLOCK, _):
            guard let count = unload.references, count > 0 else { return "it was in use" }
            return count == 1 ? "in use: 1 reference" : "in use: \(count) references"
        default: return String(cString: strerror(unload.errno))
        }
    }

    // MARK: - The log

    /// Lines that the loading thread printed, or that name the module, while it was at it. Both
    /// clocks run alike but while the machine sleeps.
    private mutating func log(of action: module_action, name: String?, cut: inout [String]) -> [String] {
        let duration = action.end_ns - action.begin_ns
        let begin = action.event.ts_ns > duration ? action.event.ts_ns - duration : 0
        let chosen = lines.filter { line in
            line.time >= begin && line.time <= action.event.ts_ns
                && (line.tid == action.event.tid || name.map { Self.names($0, in: line.text) } == true)
        }
        // Older than any call that is likely to be under way still.
        let limit = action.event.ts_ns > 60_000_000_000 ? action.event.ts_ns - 60_000_000_000 : 0
        if forgotten >= begin || chosen.contains(where: \.isCut) { cut.append("log") }
        forgotten = max(forgotten, lines.last { $0.time < limit }?.time ?? 0)
        lines.removeAll { line in
            line.time < limit || (line.tid == action.event.tid && line.time <= action.event.ts_ns)
        }
        return chosen.map(\.text)
    }

    /// Whether a line names a module, as a word of its own.
    private static func names(_ module: String, in line: String) -> Bool {
        line.split { !($0.isLetter || $0.isNumber || $0 == "_" || $0 == "-") }.contains { $0 == module }
    }

    /// Before 5.19 a line comes with its time: `[   12.345678] `.
    private static func withoutTime(_ line: Substring) -> String {
        guard line.hasPrefix("["), let end = line.firstIndex(of: "]") else { return String(line) }
        let time = line[line.index(after: line.startIndex)..<end]
        guard time.allSatisfy({ $0.isNumber || $0 == "." || $0 == " " }) else { return String(line) }
        return String(line[line.index(after: end)...].drop { $0 == " " })
    }

    private static func nonempty(_ text: String) -> String? { text.isEmpty ? nil : text }

    /// The name of the module in a file: `/lib/modules/6.1/fs/nls/nls-cp437.ko.xz` is `nls_cp437`.
    static func moduleName(_ file: String) -> String {
        let base = file.split(separator: "/").last ?? ""
        return String((base.split(separator: ".").first ?? "").map { $0 == "-" ? "_" : $0 })
    }
}

extension ModuleLoad.Stage {
    /// Where a load failed: by how far it came, what the kernel logged, and the error number.
    init(_ action: module_action, errno: Int32, log: [String], seesStages: Bool) {
        func says(_ words: String) -> Bool { log.contains { $0.contains(words) } }
        if action.init_result < 0 {
            self = .initialization
        } else if errno == ENOMEM {
            self = .memory
        } else if action.parsed_ns > 0 || action.loaded_ns > 0 {
            self = .other
        } else if says("is blacklisted") {
            self = .permission
        } else if action.formed_ns > 0 && action.parsed_ns == 0 {
            // Those whom the kernel tells of a module that comes may refuse it, too.
            self = says("BTF") ? .other : .parameters
        } else if [ENOKEY, EKEYREJECTED, EKEYEXPIRED, EKEYREVOKED, EBADMSG, ENOPKG].contains(errno) {
            self = .signature
        } else if errno == EPERM {
            self = seesStages && action.checked_ns > 0 ? .signature : .permission
        } else if seesStages && action.checked_ns == 0 {
            // Shorter than a header: it is not looked at any further.
            self = errno == ENOEXEC ? .format : .reading
        } else if says("disagrees about version of symbol") || says("no symbol version for") {
            self = .symbolVersion
        } else if says("Unknown symbol") {
            self = .unknownSymbol
        } else if says("invalid for parameter") || says("Unknown parameter") || says("too large for parameter") {
            self = .parameters
        } else {
            switch errno {
            case ENOEXEC: self = .format
            case ENOENT: self = .unknownSymbol
            case EEXIST, EBUSY: self = .duplicateName
            case EBADF, ETXTBSY, EFBIG, EIO, EISDIR: self = .reading
            default: self = .other
            }
        }
    }
}
