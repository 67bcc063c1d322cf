// SPDX-License-Identifier: Apache-2.0
import BPF
import BPFObjects
import CEvents
import Glibc
import Linux
import Symbols

/// Samples call stacks, or weighs them by the time that threads are blocked in them: loads and attaches
/// the programs of `bpf/profile.bpf.c`.
///
/// ```swift
/// var tracer = try ProfileTracer.start(.init(target: .processes([812])))
/// for _ in 0..<50 { usleep(100_000); try tracer.collect() }
/// let profile = try tracer.finish()
/// ```
public struct ProfileTracer: ~Copyable {
    /// What is sampled, of whom and how often.
    public struct Options: Sendable {
        /// Whose threads are sampled.
        public var target: Target
        /// Samples a second on each CPU, from 1 to ``Linux/SamplingClock/maxRate``.
        public var frequency = 199
        /// Samples on a CPU, or the time that threads are blocked.
        public var kind = Profile.Kind.onCPU
        /// Take the part of a stack that is in the kernel.
        public var takesKernelFrames = true
        /// Take the part of a stack that is in user space.
        public var takesUserFrames = true
        /// Observe the children that the target's processes make, too.
        public var followsChildren = true
        /// Distinct stacks that there is room for; each takes 96 bytes of kernel memory.
        public var maxStacks = 131_072

        /// - Parameter target: whose threads are sampled.
        public init(target: Target) { self.target = target }
    }

    private let object: Object
    private var links: Links
    private let ring: RingBuffer
    private let events: MappingEvents
    private let spaces: AddressSpaces
    private let options: Options
    private let clock: SamplingClock?
    private let mapBytes: UInt64
    private var begin: UInt64 = 0
    private var timing = RunTiming(.exact)
    private var stacks = StackCollection()
    private var sampledCPUs: Set<Int> = []

    /// Readable when it is time for ``collect()``: processes mapped something, or many new stacks came.
    public var descriptors: [Int32] { [ring.descriptor] + events.descriptors }
    /// Milliseconds after which to collect even if nothing is readable; negative: no need.
    public var timeout: Int32 { events.isWaiting ? 2 : -1 }

    /// Loads, attaches, finds the target and begins to sample.
    ///
    /// - Throws: ``TracerError``, `noSuchProcess` if one of the processes is not there.
    public static func start(_ options: Options) throws(TracerError) -> ProfileTracer {
        let events: MappingEvents
        do { events = try MappingEvents() } catch {
            guard error.errno == EACCES || error.errno == EPERM else { throw .system(error) }
            throw .unavailable(notPermitted)
        }
        var tracer: ProfileTracer
        do throws(BPFError) { tracer = try attach(options, events) } catch { throw .bpf(error) }
        // Before the first wait that is found.
        tracer.begin = Clock.monotonic
        try tracer.find()
        // Their callers are read from memory, which they may leave soon.
        tracer.collect()
        if let clock = tracer.clock { try tracer.sample(clock) }
        return tracer
    }

    private init(
        object: consuming Object, links: consuming Links, ring: consuming RingBuffer, events: MappingEvents,
        options: Options, clock: SamplingClock?, mapBytes: UInt64
    ) {
        self.object = object
        self.links = links
        self.ring = ring
        self.events = events
        self.options = options
        self.clock = clock
        self.mapBytes = mapBytes
        spaces = AddressSpaces(
            everything: options.target == .everything, followsChildren: options.followsChildren)
        timing.toggle()
    }

    private static func attach(_ options: Options, _ events: MappingEvents) throws(BPFError) -> ProfileTracer {
        let clock = options.kind == .onCPU ? SamplingClock.best(frequency: options.frequency) : nil
        let object = try load(options, clock)
        let ring = try RingBuffer(object.map("stacks"))
        var bytes: UInt64 = 0
        for name in ["counts", "stacks", "waits", "targets"] { bytes += try object.map(name).memoryBytes }
        var links = Links()
        for program in object.programs where program != "visit" && program != "sample" {
            try links.attach(program, of: object)
        }
        return ProfileTracer(
            object: object, links: links, ring: ring, events: events, options: options, clock: clock, mapBytes: bytes)
    }

    private static let notPermitted =
        "not permitted to sample: it needs CAP_PERFMON (and CAP_BPF), or root; see apus doctor"

    private static func load(_ options: Options, _ clock: SamplingClock?) throws(BPFError) -> Object {
        // The array is static, so its bytes outlive the call.
        let object = try OpenObject(
            name: "profile",
            bytes: UnsafeRawBufferPointer(start: apus_profile_object.bytes, count: apus_profile_object.size))
        let isOffCPU = options.kind == .offCPU
        try object.set("everything", to: options.target == .everything)
        try object.set("follow", to: options.followsChildren)
        try object.set("off_cpu", to: isOffCPU)
        try object.set("period_ns", to: clock == .cpuClock ? period(options.frequency) : 0)
        let parts =
            (options.takesKernelFrames ? PROFILE_KERNEL.rawValue : 0)
            | (options.takesUserFrames ? PROFILE_USER.rawValue : 0)
        try object.set("parts", to: parts)
        try object.set("seeds", to: [UInt64.random(in: 1 ... .max), UInt64.random(in: 1 ... .max)])
        if let namespace = Procfs.pidNamespace { try object.set("observer_pid_namespace", to: namespace) }
        try object.setCapacity(of: "counts", to: options.maxStacks)
        try object.setCapacity(of: "waits", to: isOffCPU ? 65_536 : 1)
        // At 100 frames a stack, 9,000 that nobody has read yet.
        let size = 8 << 20
        try object.setCapacity(of: "stacks", to: size)
        try object.set("wakeup_bytes", to: UInt64(size / 4))
        if isOffCPU {
            try object.set("registers_helper", to: Feature.taskRegisters.isAvailable)
            try object.omit(program: "sample")
        } else {
            try object.omit(program: "sched_switch")
            try object.omit(program: "sched_wakeup")
        }
        if options.target == .everything {
            for program in ["sched_process_fork", "sched_process_exec", "sched_process_free"] {
                try object.omit(program: program)
            }
        }
        return try object.load()
    }

    /// Marks the processes of the target, and reads what they have mapped.
    private borrowing func find() throws(TracerError) {
        guard options.target != .launched else { return }
        var found: Set<UInt32> = []
        do throws(BPFError) {
            if case .processes(let pids) = options.target {
                let wanted = try object.map("wanted")
                for pid in pids { try wanted.set(UInt32(pid), to: UInt8(1)) }
            }
            try object.attach("visit").iterate().withUnsafeBytes { bytes in
                for offset in stride(from: 0, to: bytes.count - 3, by: 4) {
                    found.insert(bytes.loadUnaligned(fromByteOffset: offset, as: UInt32.self))
                }
            }
        } catch {
            throw .bpf(error)
        }
        if case .processes(let pids) = options.target {
            for pid in pids where !found.contains(UInt32(pid)) { throw .noSuchProcess(pid) }
        }
        for pid in found where pid > 0 { spaces.add(Int32(bitPattern: pid)) }
    }

    private static func period(_ frequency: Int) -> UInt64 { UInt64((1e9 / Double(frequency)).rounded()) }

    /// Starts the clock on each CPU.
    private mutating func sample(_ clock: SamplingClock) throws(TracerError) {
        PerfEvents.raiseDescriptorLimit()
        begin = Clock.monotonic
        for cpu in CPUs.online {
            let event: Int32
            do throws(SystemError) {
                switch clock {
                case .cycles: event = try SamplingClock.openCycles(cpu: cpu, frequency: options.frequency)
                case .cpuClock: event = try SamplingClock.open(cpu: cpu, period: Self.period(options.frequency))
                }
            } catch {
                // It went offline meanwhile.
                if error.errno == ENODEV { continue }
                guard error.errno == EACCES || error.errno == EPERM else { throw .system(error) }
                throw .unavailable(Self.notPermitted)
            }
            do throws(BPFError) { try links.attach("sample", of: object, perfEvent: event) } catch {
                close(event)
                throw .bpf(error)
            }
            sampledCPUs.insert(cpu)
        }
    }

    /// Announces the PID of a launched program: it is sampled from its execution on.
    public mutating func expect(_ pid: Int32) throws(TracerError) {
        spaces.expect(pid)
        do { try object.set("launched_pid", to: UInt32(pid)) } catch { throw .bpf(error) }
    }

    /// Takes in new stacks, and what processes have mapped.
    public mutating func collect() {
        spaces.take(events.collect(all: false))
        ring.drain { stacks.take($0) }
        // Of a variable of the object: that cannot fail.
        try? object.set("is_woken", to: false)
    }

    /// Ends sampling, and gives names to all that was met. Waits that are under way count until now.
    public mutating func finish() throws(TracerError) -> Profile {
        links = Links()
        let end = Clock.monotonic
        spaces.take(events.collect(all: true))
        ring.drain { stacks.take($0) }
        do throws(BPFError) {
            return try profile(until: end)
        } catch {
            throw .bpf(error)
        }
    }

    private borrowing func profile(until end: UInt64) throws(BPFError) -> Profile {
        let counts = try object.map("counts")
        let waits = try object.map("waits")
        var open: [StackKey: UInt64] = [:]
        var openWaits = 0
        if options.kind == .offCPU {
            for thread in try waits.keys(as: UInt32.self) {
                guard let wait = try waits.value(thread, as: profile_wait.self) else { continue }
                open[StackKey(wait.key), default: 0] += end > wait.since_ns ? end - wait.since_ns : 0
                openWaits += 1
            }
        }
        let start = Clock.monotonic
        var builder = ProfileBuilder(stacks, spaces)
        for entry in stacks.entries {
            guard let count = try counts.value(entry.key, as: profile_count.self) else { continue }
            builder.add(entry, count: count.count, blocked: count.blocked_ns + (open[entry.key] ?? 0))
        }
        let symbols = builder.resolve()
        let cpus = try object.values(of: "cpus", as: profile_cpu.self)
        return Profile(
            kind: options.kind, frequency: options.kind == .onCPU ? options.frequency : 0, clock: clock,
            elapsed: end - begin, processes: stacks.processes, stacks: builder.finished(symbols, kind: options.kind),
            frames: builder.frames, symbols: symbols,
            samples: cpus.reduce(0) { $0 + $1.samples }, kernelSamples: cpus.reduce(0) { $0 + $1.kernel_samples },
            missedSamples: clock == .cpuClock ? cpus.reduce(0) { $0 + $1.missed } : nil, openWaits: openWaits,
            depthLimit: ProfileBuilder.depthLimit, symbolizing: Clock.monotonic - start,
            completeness: try completeness(cpus),
            observer: try timing.cost(
                of: object, runs: cpus.reduce(0) { $0 + $1.runs }, mapBytes: mapBytes))
    }

    private borrowing func completeness(_ cpus: [profile_cpu]) throws(BPFError) -> Completeness {
        var completeness = Completeness()
        let missed = cpus.reduce(0) { $0 + $1.missed }
        if missed > 0 {
            let all = cpus.reduce(missed) { $0 + $1.samples }
            completeness.reasons.append("\(missed) of \(all) samples were due and not taken")
        }
        let late = CPUs.online.filter { !sampledCPUs.contains($0) }
        if options.kind == .onCPU && !late.isEmpty {
            completeness.reasons.append(
                "CPUs that came later were not sampled: \(late.map { String($0) }.joined(separator: ", "))")
        }
        let dropped = cpus.reduce(0) { $0 + $1.dropped }
        if dropped > 0 {
            completeness.reasons.append(
                "no room for the stacks of \(dropped) \(options.kind == .onCPU ? "samples" : "waits"): see --max-stacks"
            )
        }
        let unwalked = try object.value(of: "unwalked_samples", as: UInt64.self)
        if unwalked > 0 { completeness.reasons.append("the kernel gave no user stack of \(unwalked) samples") }
        let untracked = try object.value(of: "untracked_processes", as: UInt64.self)
        if untracked > 0 { completeness.reasons.append("no room for \(untracked) processes") }
        if events.lost > 0 {
            completeness.reasons.append("\(events.lost) records of what processes map were lost: names can be missing")
        }
        if !spaces.unreadable.isEmpty {
            completeness.reasons.append(
                "what \(spaces.unreadable.count) processes map could not be read, so names are missing: "
                    + "CAP_SYS_PTRACE")
        }
        completeness.lostEvents = missed + dropped + untracked + events.lost
        completeness.takeSkippedRuns(try object.statistics())
        return completeness
    }
}
