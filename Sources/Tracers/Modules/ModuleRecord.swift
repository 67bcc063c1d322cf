// SPDX-License-Identifier: Apache-2.0

/// One thing that happened to a module, whole: from who asked to what came of it.
public enum ModuleRecord: Sendable {
    /// A load, whatever its outcome.
    case load(ModuleLoad)
    /// An unload, whatever its outcome.
    case unload(ModuleUnload)
    /// A reference, where ``ModuleTracer/Options/showsReferences`` asks for them.
    case reference(ModuleReference)
    /// So many events of the kernel's were lost between the record before and the one after.
    case lost(UInt64, time: UInt64)
}

/// A process that loads a module, or for which the kernel asks for one.
public struct ModuleProcess: Sendable, Equatable {
    /// In the observer's PID namespace; 0: it is not in that.
    public var pid: UInt32 = 0
    /// The thread, in the observer's PID namespace; 0: it is not in that.
    public var tid: UInt32 = 0
    /// The thread's name, at most 15 bytes.
    public var command = ""
    /// The real user, as the first user namespace numbers it.
    public var uid: UInt32 = 0
    /// Its executable's path; nil where the kernel did not tell.
    public var executable: String?
    /// The beginning of its command line; of a loader alone.
    public var arguments: [String] = []
    /// In the observer's PID namespace; 0: it is not in that.
    public var parentPID: UInt32 = 0
    /// The parent's name, at most 15 bytes.
    public var parentCommand = ""
    /// The last part of its cgroup's path, which names a container or a service; nil: the root.
    public var cgroup: String?
    /// The kernel started it, by its user-mode helper.
    public var isStartedByKernel = false
}

/// The kernel asked for a module on behalf of a process: `request_module()`.
public struct ModuleRequest: Sendable, Equatable {
    /// On whose behalf.
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
    /// What came of a load.
    public enum Outcome: String, Sendable, CaseIterable {
        /// It is loaded, and its init function succeeded.
        case live
        /// It is not loaded: see ``ModuleLoad/stage``.
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
        /// It uses a symbol that nothing that is loaded has.
        case unknownSymbol = "unknown-symbol"
        /// A symbol's checksum differs (modversions).
        case symbolVersion = "symbol-version"
        /// Another module has that name, or had it while this one waited for its end.
        case duplicateName = "duplicate-name"
        /// There was no memory for it (ENOMEM).
        case memory
        /// A parameter that it does not have, or a value that it does not take; or a notifier refused it.
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
    /// What came of it.
    public var outcome = Outcome.failed
    /// Where it failed; nil with any other outcome than `failed`.
    public var stage: Stage?
    /// An error number, or 0.
    public var errno: Int32 = 0
    /// By what the file was compared with the module of its name that was there; nil: it was not.
    public var comparedBy: Identity?
    /// The path, as the loader's mount namespace has it; nil: none is known.
    public var file: String?
    /// `init_module`: there is no file.
    public var isFromMemory = false
    /// What the loader passed: `debug=1`; empty: nothing.
    public var parameters = ""
    /// What stays in memory once its init code is gone.
    public var sizeBytes: UInt64?
    /// `OE`; empty: none; nil: it did not come so far.
    public var taints: String?
    /// nil: the kernel does not check signatures, or it did not come so far.
    public var isSigned: Bool?
    /// What it declares by MODULE_VERSION; nil: nothing, or it did not come so far.
    public var version: String?
    /// The checksum of its sources; nil: it was built without one, or it did not come so far.
    public var srcversion: String?
    /// What it declares by MODULE_LICENSE; nil: nothing, or the file was not seen.
    public var licence: String?
    /// Modules whose symbols it uses.
    public var dependencies: [String] = []
    /// How long it took to get where.
    public var phases = Phases()
    /// Who made the system call.
    public var loader = ModuleProcess()
    /// The kernel's request that the loader answers; nil: none is known.
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
    /// Whether the kernel let go of it.
    public enum Outcome: String, Sendable, CaseIterable { case unloaded, refused }

    /// When it was read who holds a module.
    public enum Reading: String, Sendable {
        /// In the kernel, by what it refused for.
        case atRefusal = "at-refusal"
        /// From /proc/modules, when the record was collected: it can have changed.
        case afterwards
    }

    /// CLOCK_BOOTTIME at its end, nanoseconds.
    public var time: UInt64 = 0
    /// As the caller wrote it.
    public var name = ""
    /// What came of it.
    public var outcome = Outcome.unloaded
    /// An error number, or 0.
    public var errno: Int32 = 0
    /// In plain words, of a refusal.
    public var reason: String?
    /// `rmmod -f`.
    public var isForced = false
    /// Of a refusal: how many references there are; nil: it was not read.
    public var references: Int?
    /// Of a refusal: modules that use it; empty, too, where it was not read.
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
    /// Who made the system call.
    public var loader = ModuleProcess()
    /// As ``ModuleLoad/log``.
    public var log: [String] = []
}

/// A reference to a module, taken or given back.
public struct ModuleReference: Sendable {
    /// CLOCK_BOOTTIME, nanoseconds.
    public var time: UInt64 = 0
    /// The module's.
    public var name = ""
    /// It was given back; false: taken.
    public var isPut = false
    /// How many there are after it.
    public var count: Int32 = 0
    /// Where in the kernel.
    public var caller: UInt64 = 0
    /// The process that did it, in the observer's PID namespace; 0: it is not in that.
    public var pid: UInt32 = 0
    /// The name of the thread that did it, at most 15 bytes.
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
