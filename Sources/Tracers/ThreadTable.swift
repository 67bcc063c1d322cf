// SPDX-License-Identifier: Apache-2.0
import BPF
import CEvents
import Glibc
import Linux

/// What is observed.
public enum Target: Sendable, Equatable {
    /// A program that is yet to execute, and is announced by its PID.
    case launched
    /// Processes that run, all their threads.
    case processes([Int32])
    /// Every thread of the machine.
    case everything

    /// Sets what all programs on threads have in their object, before that is loaded.
    ///
    /// - Parameters:
    ///   - storage: the map in which a task has what belongs to it.
    ///   - hash: the map that is used instead on a kernel without task storage (before 5.11).
    ///   - capacity: of the hash.
    func prepare(
        _ object: borrowing OpenObject, followsChildren: Bool, storage: String, hash: String, capacity: Int
    ) throws(BPFError) {
        try object.set("everything", to: self == .everything)
        try object.set("follow", to: followsChildren)
        if let namespace = Procfs.pidNamespace { try object.set("observer_pid_namespace", to: namespace) }
        // The helper was made for programs that have task storage: one trial less.
        let hasRegisters = Feature.taskRegisters.isAvailable
        let hasTaskStorage = hasRegisters || Feature.taskStorage.isAvailable
        try object.set("registers_helper", to: hasRegisters)
        try object.set("task_storage", to: hasTaskStorage)
        if !hasTaskStorage { try object.omit(map: storage) }
        try object.setCapacity(of: hash, to: hasTaskStorage ? 1 : capacity)
        try object.set("preemptible", to: Feature.hasPreemptibleTracepoints)
    }
}

/// The threads of a target, as `bpf/threads.bpf.h` keeps them: each has a slot of an array from its
/// birth, or from when it was found, until its end has been read.
struct ThreadTable: ~Copyable {
    let object: Object
    // Before the object in nothing but order of release: links keep their programs by themselves.
    private let links: Links
    private let visitor: Link
    private let stack: Map
    private let ended: RingBuffer
    private(set) var launchedPID: UInt32?
    /// The launched program was found when it ran already.
    private(set) var foundLaunchedLate = false

    /// Readable when so many threads have ended that their slots are wanted.
    var descriptor: Int32 { ended.descriptor }

    /// Attaches all programs but those that are called by name.
    static func attach(_ object: consuming Object, called: Set<String> = ["fill"]) throws(BPFError) -> ThreadTable {
        let stack = try object.map("free_slots")
        let ended = try RingBuffer(object.map("ended"), onWakeup: true)
        let visitor = try object.attach("visit")
        var links = Links()
        for program in object.programs where program != "visit" && !called.contains(program) {
            try links.attach(program, of: object)
        }
        return ThreadTable(object: object, links: links, visitor: visitor, stack: stack, ended: ended)
    }

    private init(
        object: consuming Object, links: consuming Links, visitor: consuming Link, stack: consuming Map,
        ended: consuming RingBuffer
    ) {
        self.object = object
        self.links = links
        self.visitor = visitor
        self.stack = stack
        self.ended = ended
    }

    /// Sets what every tracer of threads has in its object, before that is loaded.
    ///
    /// - Parameters:
    ///   - maxThreads: that can live at once, or have ended and not been read yet.
    ///   - measuresFaults: with the programs `fault_enter` and `fault_exit`.
    /// - Returns: how many slots there are, the first one, which is never used, included.
    static func prepare(
        _ object: borrowing OpenObject, target: Target, followsChildren: Bool, maxThreads: Int, measuresFaults: Bool
    ) throws(BPFError) -> Int {
        let tasks = target == .everything ? 2 * (Procfs.taskCount ?? 0) : 0
        let slots = max(maxThreads, tasks) + 1
        try target.prepare(
            object, followsChildren: followsChildren, storage: "slot_of_task", hash: "slot_of_tid", capacity: slots)
        try object.setCapacity(of: "threads", to: slots)
        try object.setCapacity(of: "free_slots", to: slots)
        // 8 bytes of header and 8 of record for each slot; a power of two.
        var ring = Int(getpagesize())
        while ring < 16 * slots { ring *= 2 }
        try object.setCapacity(of: "ended", to: ring)
        try object.set("wakeup_bytes", to: UInt64(4 * slots))

        if !measuresFaults {
            try object.omit(program: "fault_enter")
            try object.omit(program: "fault_exit")
        }
        for interrupt in interrupts where !Feature.hasTracepoint("\(interrupt)_entry") {
            try object.omit(program: "\(interrupt)_entry")
            try object.omit(program: "\(interrupt)_exit")
        }
        try object.set("unused_slots", to: UInt32(slots - 1))
        return slots
    }

    /// Tracepoints that a kernel can be built without.
    static let interrupts = [
        "irq_handler", "local_timer", "reschedule", "call_function", "call_function_single", "irq_work",
    ]

    /// Why page faults cannot be told apart, as tracers of threads do it; nil: they can.
    static var faultsReason: String? {
        Feature.fentry.trial().map { error in
            error.code == .notPermitted ? "fentry is not permitted on this kernel" : "this kernel has no fentry"
        }
    }

    /// Kernel memory of its maps and of others, in bytes.
    borrowing func memoryBytes(andOf others: [String] = []) throws(BPFError) -> UInt64 {
        var bytes: UInt64 = 0
        for name in ["threads", "free_slots", "ended"] + others { bytes += try object.map(name).memoryBytes }
        return bytes
    }

    /// Puts slots on the stack of free ones, from within the kernel. Slot 0 means "none".
    borrowing func freeSlots(calls: Int) throws(BPFError) {
        var (left, rest) = (calls, try object.value(of: "unused_slots", as: UInt32.self))
        while left > 0 && rest > 0 {
            try object.call("fill")
            let now = try object.value(of: "unused_slots", as: UInt32.self)
            // Full before its time: what room there is has been made.
            guard now < rest else { return }
            (left, rest) = (left - 1, now)
        }
    }

    /// Gives slots to threads that run already.
    borrowing func find(_ target: Target) throws(BPFError) {
        if case .processes(let pids) = target {
            let targets = try object.map("targets")
            for pid in pids { try targets.set(UInt32(pid), to: UInt8(1)) }
        }
        if target != .launched {
            // A thread can be born behind the iterator's back by one that it has not seen yet.
            var before: UInt64
            repeat {
                before = try object.value(of: "found_threads", as: UInt64.self)
                try visitor.iterate()
            } while try object.value(of: "found_threads", as: UInt64.self) > before
        }
        try object.set("found", to: true)
    }

    /// Announces the PID of a launched program.
    mutating func expect(_ pid: Int32) throws(BPFError) {
        launchedPID = UInt32(pid)
        try object.set("launched_pid", to: UInt32(pid))
    }

    /// Makes the rest of the room; to be called once a launched program runs.
    ///
    /// A kernel can fail to tell that the program was executed; by now it was, and it is looked for.
    mutating func makeRoom() throws(BPFError) {
        try freeSlots(calls: .max)
        guard let launchedPID, try object.value(of: "launched_pid", as: UInt32.self) != 0 else { return }
        try object.map("targets").set(launchedPID, to: UInt8(1))
        try object.set("found", to: false)
        try visitor.iterate()
        try object.set("found", to: true)
        foundLaunchedLate = true
    }

    /// The slots of threads that live, after the kernel has brought their counts up to date.
    borrowing func living() throws(BPFError) -> [UInt32] {
        try visitor.iterate().withUnsafeBytes { bytes in
            stride(from: 0, to: bytes.count - 3, by: 4).map {
                bytes.loadUnaligned(fromByteOffset: $0, as: UInt32.self)
            }
        }
    }

    /// Those of some slots that stay open: threads that the kernel does not list any more, and has not told the
    /// end of. It takes a thread off its list some microseconds before the last switch, and on a busy machine
    /// milliseconds; so they are looked at for 20 ms.
    static func stillOpen(_ slots: some Sequence<Int>, _ isOpen: (Int) -> Bool) -> [Int] {
        var open = slots.filter(isOpen)
        for _ in 0..<20 where !open.isEmpty {
            usleep(1_000)
            open = open.filter(isOpen)
        }
        return open
    }

    /// The slots of threads that have ended since the last call.
    borrowing func drain() -> [UInt32] {
        var slots: [UInt32] = []
        // Variables of the object: neither can fail.
        let wakeupBytes = (try? object.value(of: "wakeup_bytes", as: UInt64.self)) ?? 1
        repeat {
            ended.drain { slots.append($0.unsafeLoad(as: UInt32.self)) }
            // Only now is a wakeup asked for again, as in SyscallTracer.collect().
            try? object.set("is_woken", to: false)
        } while ended.waitingBytes >= wakeupBytes
        return slots
    }

    /// Gives back a slot that has been read and cleared.
    borrowing func free(_ slot: UInt32) throws(BPFError) { try stack.push(slot) }
}

/// A process, where PIDs are used again.
struct ProcessID: Hashable {
    let pid: UInt32
    let start: UInt64
}

extension Sequence {
    /// The threads of each process, in the order of the processes' first ones.
    func grouped(by process: (Element) -> ProcessID) -> [[Element]] {
        var indices: [ProcessID: Int] = [:]
        var groups: [[Element]] = []
        for element in self {
            let process = process(element)
            if let index = indices[process] {
                groups[index].append(element)
            } else {
                indices[process] = groups.count
                groups.append([element])
            }
        }
        return groups
    }
}
