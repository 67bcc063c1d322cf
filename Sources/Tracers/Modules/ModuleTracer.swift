// SPDX-License-Identifier: Apache-2.0
import BPF
import BPFObjects
import CEvents
import Glibc
import Linux

/// The tracer of `apus modules`: loads and attaches the programs of `bpf/modules.bpf.c`, and gives a
/// record as each load or unload of a module ends.
///
/// ```swift
/// var tracer = try ModuleTracer.start(.init())
/// while waitReadable([tracer.descriptor], timeout: -1)[0] {
///     for record in try tracer.collect() { print(record) }
/// }
/// ```
public struct ModuleTracer: ~Copyable {
    /// What is told, and how it is seen.
    public struct Options: Sendable {
        /// Give a record for each reference to a module that is taken or given back, too.
        public var showsReferences = false
        /// Attach lines of the kernel's log to the records.
        public var readsLog = true
        /// The kernel's buffer for what has not been collected yet; a power of two. A load takes 7 KB.
        public var bufferBytes = 4 << 20
        /// How the system calls are seen; nil: as well as this kernel can.
        public var hooks: Hooks?

        /// Loads and unloads, with lines of the log.
        public init() {}
    }

    /// By what a load's beginning and end are seen.
    public enum Hooks: String, Sendable, CaseIterable {
        /// On the three system calls alone, and on functions that a load passes through.
        case fentry
        /// On every system call of the machine, as there is no other way: it costs each one.
        case syscallTracepoints = "syscall-tracepoints"
    }

    private let object: Object
    private let links: Links
    private let events: RingBuffer
    private var journal: ModuleJournal
    private let mapBytes: UInt64
    /// Those that were asked for, or the best that this kernel has.
    public let hooks: Hooks
    /// The kernel's functions and tracepoints that programs are attached to.
    public let attached: [String]

    /// Readable when there are records: time for ``collect()``.
    public var descriptor: Int32 { events.descriptor }

    /// - Throws: ``TracerError``, `unavailable` on a kernel without modules.
    public static func start(_ options: Options) throws(TracerError) -> ModuleTracer {
        guard ModuleList.isSupported else { throw .unavailable(unsupported) }
        do throws(BPFError) { return try attach(options) } catch { throw .bpf(error) }
    }

    /// What to say on a kernel without modules.
    public static let unsupported = "this kernel has no loadable modules (it is built without CONFIG_MODULES)"

    private init(
        object: consuming Object, links: consuming Links, events: consuming RingBuffer, journal: ModuleJournal,
        mapBytes: UInt64, hooks: Hooks, attached: [String]
    ) {
        self.object = object
        self.links = links
        self.events = events
        self.journal = journal
        self.mapBytes = mapBytes
        self.hooks = hooks
        self.attached = attached
    }

    /// Programs at the ends of the system calls, and on the functions on the way, by the function.
    private static let callHooks = [
        "finit_enter", "finit_exit", "init_enter", "init_exit", "delete_enter", "delete_exit",
    ]
    private static let stageHooks = [
        "read_file": "kernel_read_file", "check": "load_module", "form": "blocking_notifier_call_chain_robust",
        "parse": "mod_sysfs_setup", "change_state": "blocking_notifier_call_chain", "found": "find_module_all",
    ]

    private static func attach(_ options: Options) throws(BPFError) -> ModuleTracer {
        let hooks = options.hooks ?? (Feature.fentry.isAvailable ? .fentry : .syscallTracepoints)
        // The array is static, so its bytes outlive the call.
        let opened = try OpenObject(
            name: "modules",
            bytes: UnsafeRawBufferPointer(start: apus_modules_object.bytes, count: apus_modules_object.size))
        if let namespace = Procfs.pidNamespace { try opened.set("observer_pid_namespace", to: namespace) }
        try opened.set("registers_helper", to: Feature.taskRegisters.isAvailable)
        try opened.set("preemptible", to: Feature.hasPreemptibleTracepoints)
        for (program, function) in stageHooks where hooks != .fentry || !Feature.hasFunction(function) {
            try opened.omit(program: program)
        }
        for program in hooks == .fentry ? ["sys_enter", "sys_exit"] : callHooks { try opened.omit(program: program) }
        for tracepoint in ["module_get", "module_put"]
        where !options.showsReferences || !Feature.hasTracepoint(tracepoint) {
            try opened.omit(program: tracepoint)
        }
        for tracepoint in ["module_request", "initcall_start", "initcall_finish"]
        where !Feature.hasTracepoint(tracepoint) {
            try opened.omit(program: tracepoint)
        }
        if !options.readsLog || !Feature.hasTracepoint("console") { try opened.omit(program: "console") }
        try opened.setCapacity(of: "events", to: options.bufferBytes)
        let sharesLoads = Feature.hasField("cookie", of: "idempotent")
        // Without these two, who waits for another's load looks like who failed early.
        let seesStages =
            hooks == .fentry && ["read_file", "check"].allSatisfy { Feature.hasFunction(stageHooks[$0] ?? "") }

        let object = try opened.load()
        let events = try RingBuffer(object.map("events"))
        var mapBytes: UInt64 = 0
        for name in ["actions", "events"] { mapBytes += try object.map(name).memoryBytes }
        var links = Links()
        // The beginnings last: what has begun is seen to its end.
        let programs = object.programs
        let beginnings = programs.filter { $0.hasSuffix("_enter") }
        for program in programs.filter({ !beginnings.contains($0) }) + beginnings {
            try links.attach(program, of: object)
        }
        let attached = object.programs.map { program in
            if let function = stageHooks[program] { return "\(program == "found" ? "fexit" : "fentry")/\(function)" }
            guard callHooks.contains(program) else { return "tp_btf/\(program)" }
            let parts = program.split(separator: "_")
            return "\(parts[1] == "enter" ? "fentry" : "fexit")/__x64_sys_\(parts[0])_module"
        }
        return ModuleTracer(
            object: object, links: links, events: events,
            journal: ModuleJournal(sharesLoads: sharesLoads, seesStages: seesStages), mapBytes: mapBytes,
            hooks: hooks, attached: attached.sorted())
    }

    /// What has ended since the last call, in order.
    public mutating func collect() throws(TracerError) -> [ModuleRecord] {
        var decoded: [(header: ModuleEvent.Header, event: ModuleEvent)] = []
        events.drain { record in if let event = ModuleEvent.decode(record) { decoded.append(event) } }
        var records: [ModuleRecord] = []
        for (header, event) in decoded { records += journal.take(event, header) }
        return records
    }

    /// The losses after the last record, if any; to be asked at the end.
    public mutating func collectLosses() throws(TracerError) -> [ModuleRecord] {
        do throws(BPFError) {
            let lost = try object.value(of: "lost", as: UInt64.self)
            return journal.take(lost: lost, at: Clock.boottime).map { [$0] } ?? []
        } catch {
            throw .bpf(error)
        }
    }

    /// Whether anything was missed so far.
    public borrowing func completeness() throws(TracerError) -> Completeness {
        var completeness = Completeness()
        do throws(BPFError) {
            completeness.lostEvents = try object.value(of: "lost", as: UInt64.self)
            if completeness.lostEvents > 0 {
                completeness.reasons.append(
                    "\(counted(completeness.lostEvents, "event")) found no room in the kernel's buffer")
            }
            let open = try object.value(of: "under_way", as: UInt64.self)
            if open > 0 {
                completeness.reasons.append(counted(open, "load or unload", "loads or unloads") + " had not ended")
            }
            completeness.takeSkippedRuns(try object.statistics())
        } catch {
            throw .bpf(error)
        }
        return completeness
    }

    /// What observing cost. The programs are not timed: that would slow every BPF program of the machine.
    public borrowing func cost() throws(TracerError) -> ObserverCost {
        var cost = ObserverCost.ofThisProcess
        cost.mapBytes = mapBytes
        cost.untimedReason =
            hooks == .fentry
            ? "they run when a module moves" : "they run at every system call, and timing would slow each one more"
        do throws(BPFError) {
            cost.runCount = try object.values(of: "cpus", as: module_cpu.self).reduce(0) { $0 + $1.runs }
        } catch {
            throw .bpf(error)
        }
        return cost
    }
}
