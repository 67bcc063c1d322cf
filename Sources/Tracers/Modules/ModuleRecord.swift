// SPDX-License-Identifier: Apache-2.0

/// One thing that happened to a module, whole: from who asked to what came of it.
public enum ModuleRecord: Sendable {
    case load(ModuleLoad)
    case unload(ModuleUnload)
    case reference(ModuleReference)
    /// So many events of the kernel's were lost between the record before and the one after.
    case lost(UInt64, time: UInt64)
}

/// A process that loads a module, or for which the kernel asks for one.
public struct ModuleProcess: Sendable, Equatable {
    public var pid: UInt32 = 0
    public var tid: UInt32 = 0
    public var command = ""
    public var uid: UInt32 = 0
    /// Its executable's path; nil where the kernel did not tell.
    public var executable: String?
    /// The beginning of its command line; of a loader alone.
    public var arguments: [String] = []
    public var parentPID: UInt32 = 0
    public var parentCommand = ""
    /// The last part of its cgroup's path, which names a container or a service; nil: the root.
    public var cgroup: String?
    /// The kernel started it, by its user-mode helper.
    public var isStartedByKernel = false
}

/// The kernel asked for a module on behalf of a process: `request_module()`.
public struct ModuleRequest: Sendable, Equatable {
    public var process = ModuleProcess()
    /// What was asked for: `fs-vfat`.
    public var alias = ""
    /// Where in the kernel; 0 where it is not known.
    public var caller: UInt64 = 0
    /// Whether the process waits for the module.
    public var waits = false
    /// CLOCK_BOOTTIME, nanoseconds.
    public var time: UInt64 = 0
}

/// A load, from the system call's entry to its exit.
public struct ModuleLoad: Sendable {
    public enum Outcome: String, Sendable, CaseIterable {
        /// It is loaded, and its init function succeeded.
        case live
        case failed
        /// A module of that name was there (EEXIST): the same, by ``comparedBy``; or nothing tells.
        case alreadyLoaded = "already-loaded"
        /// Another load of the same file was under way, and its result is this one's as well
        /// (since 6.5).
        case shared
    }

    /// What tells whether a module is the one that a file would make.
    public enum Identity: String, Sendable {
        /// The linker's note in both.
        case buildID = "build-id"
        /// The checksum of its sources, in modules that declare a version.
        case srcversion
    }

    /// Where a load failed.
    public enum Stage: String, Sendable, CaseIterable {
        /// The file could not be read.
        case reading
        /// The caller may not load modules, or nobody may any more.
        case permission
        /// It is not signed as the kernel demands, or the signature is not right.
        case signature
        /// It is no module, or one for another kernel (vermagic).
        case format
        case unknownSymbol = "unknown-symbol"
        /// A symbol's checksum differs (modversions).
        case symbolVersion = "symbol-version"
        /// Another module has that name, or had it while this one waited for its end.
        case duplicateName = "duplicate-name"
        case memory
        case parameters
        /// Its init function returned the error.
        case initialization = "init"
        /// None that could be told apart.
        case other
    }

    /// CLOCK_BOOTTIME at its end, nanoseconds.
    public var time: UInt64 = 0
    /// nil where the kernel did not come to know it, and there is no file.
    public var name: String?
    public var outcome = Outcome.failed
    public var stage: Stage?
    /// An error number, or 0.
    public var errno: Int32 = 0
    /// By what the file was compared with the module of its name that was there; nil: it was not.
    public var comparedBy: Identity?
    /// The path, as the loader's mount namespace has it; nil: none is known.
    public var file: String?
    /// `init_module`: there is no file.
    public var isFromMemory = false
    public var parameters = ""
    /// What stays in memory once its init code is gone.
    public var sizeBytes: UInt64?
    /// `OE`; empty: none; nil: it did not come so far.
    public var taints: String?
    /// nil: the kernel does not check signatures, or it did not come so far.
    public var isSigned: Bool?
    public var version: String?
    public var srcversion: String?
    public var licence: String?
    /// Modules whose symbols it uses.
    public var dependencies: [String] = []
    public var phases = Phases()
    public var loader = ModuleProcess()
    public var requestedBy: ModuleRequest?
    /// Lines of the kernel's log that its loader printed, or that name it.
    public var log: [String] = []
    /// What was longer than its room, by its name in JSON: a string then ends in `…`.
    public var cut: [String] = []
    /// Its call was not seen to begin: observing began in the middle of it, or the program has 32 bits.
    public var isLate = false

    /// Nanoseconds; nil where that point was not passed, or could not be seen.
    public struct Phases: Sendable, Equatable {
        /// The whole system call.
        public var total: UInt64?
        /// From its entry until the module is COMING: read, verified, laid out, symbols resolved.
        public var coming: UInt64?
        /// From its entry until the module is ready to be initialized: parameters are set, too.
        public var prepare: UInt64?
        /// Its init function alone.
        public var initialize: UInt64?
        /// From the call's entry until the module is LIVE.
        public var live: UInt64?
    }
}

/// An unload, from the system call's entry to its exit.
public struct ModuleUnload: Sendable {
    public enum Outcome: String, Sendable, CaseIterable { case unloaded, refused }

    public enum Reading: String, Sendable {
        /// In the kernel, by what it refused for.
        case atRefusal = "at-refusal"
        /// From /proc/modules, when the record was collected: it can have changed.
        case afterwards
    }

    /// CLOCK_BOOTTIME at its end, nanoseconds.
    public var time: UInt64 = 0
    public var name = ""
    public var outcome = Outcome.unloaded
    /// An error number, or 0.
    public var errno: Int32 = 0
    /// In plain words, of a refusal.
    public var reason: String?
    /// `rmmod -f`.
    public var isForced = false
    /// Of a refusal: how many references there are, and which modules use it.
    public var references: Int?
    public var usedBy: [String] = []
    /// When these two were read; nil: they were not.
    public var holdersRead: Reading?
    /// The whole system call, nanoseconds.
    public var total: UInt64?
    /// Its exit function: from when the kernel has found the module and its lock, waits for nothing
    /// any more, and has but to give the lock back. nil: there is no hook.
    public var exit: UInt64?
    /// From the call's entry until the kernel frees it, once all who listen have been told.
    public var freed: UInt64?
    /// As ``ModuleLoad/cut``.
    public var cut: [String] = []
    public var loader = ModuleProcess()
    public var log: [String] = []
}

/// A reference to a module, taken or given back.
public struct ModuleReference: Sendable {
    public var time: UInt64 = 0
    public var name = ""
    public var isPut = false
    /// How many there are after it.
    public var count: Int32 = 0
    /// Where in the kernel.
    public var caller: UInt64 = 0
    public var pid: UInt32 = 0
    public var command = ""
}

extension ModuleRecord {
    /// The module's name, where it is known.
    public var name: String? {
        switch self {
        case .load(let load): load.name
        case .unload(let unload): unload.name
        case .reference(let reference): reference.name
        case .lost: nil
        }
    }
}
