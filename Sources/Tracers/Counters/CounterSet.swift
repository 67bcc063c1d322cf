// SPDX-License-Identifier: Apache-2.0
import BPF
import CEvents
import Glibc
import Linux

/// The counters of every CPU, open, and what each is for.
struct CounterSet: ~Copyable {
    /// One for each counter of a CPU, those that are charged by mode first.
    private(set) var reads: [counters_read] = []
    private(set) var byMode = 0
    /// For each event: why this machine does not have it; nil: it has.
    private(set) var unsupported: [String?]
    private var counters = PerfEvents()
    /// By counter, then by CPU number; -1 where a CPU does not have it.
    private var descriptors: [[Int32]] = []
    private let cpus = CPUs.online
    private let possible = CPUs.possible

    /// A counter that is to be opened.
    private struct Wanted {
        let event: Int
        let attributes: PerfEventAttributes
        let mode: counters_mode
        let group: Int?
    }

    /// Opens what the events take. What this machine does not have is noted, and left out.
    ///
    /// - Throws: ``TracerError`` where counting is not permitted, or takes more than there can be.
    static func open(_ events: [CounterEvent]) throws(TracerError) -> CounterSet {
        // A group is counted together or not at all: what it has opened before it was too large is closed again.
        var tooLarge: Set<Int> = []
        while true {
            var set = CounterSet(events: events.count)
            try set.open(events, without: tooLarge)
            if set.tooLarge.isSubset(of: tooLarge) { return set }
            tooLarge.formUnion(set.tooLarge)
        }
    }

    private init(events: Int) { unsupported = Array(repeating: nil, count: events) }

    /// Groups that have more events than a CPU has counters.
    private var tooLarge: Set<Int> = []
    private static let isTooLarge = "its group has more events than this machine can count at once"

    private mutating func open(_ events: [CounterEvent], without left: Set<Int>) throws(TracerError) {
        let wanted = events.enumerated().flatMap { Self.counters(of: $1, at: $0) }
        guard wanted.count <= COUNTERS_READS else {
            throw .unavailable(
                "too many events: they take \(wanted.count) counters, and there is room for \(COUNTERS_READS)")
        }
        PerfEvents.raiseDescriptorLimit()
        var leaders: [Int: [Int32]] = [:]
        for one in wanted.filter({ $0.mode == COUNTERS_BY_MODE }) + wanted.filter({ $0.mode != COUNTERS_BY_MODE }) {
            if let group = one.group, left.contains(group) {
                unsupported[one.event] = Self.isTooLarge
                continue
            }
            let opened = try open(one, leaders: one.group.flatMap { leaders[$0] })
            guard opened.contains(where: { $0 >= 0 }) else { continue }
            if let group = one.group, leaders[group] == nil { leaders[group] = opened }
            descriptors.append(opened)
            reads.append(counters_read(event: UInt16(one.event), mode: UInt16(one.mode.rawValue)))
            if one.mode == COUNTERS_BY_MODE { byMode += 1 }
        }
    }

    /// How many entries the map `counters` has.
    var capacity: Int { max(1, reads.count * possible) }
    /// By which factor a counter's index grows into it.
    var stride: Int { possible }

    /// Puts the counters where the programs read them. The map holds on to them.
    borrowing func fill(_ map: borrowing Map) throws(BPFError) {
        for (counter, descriptors) in descriptors.enumerated() {
            for (cpu, descriptor) in descriptors.enumerated() where descriptor >= 0 {
                try map.set(UInt32(counter * possible + cpu), to: descriptor)
            }
        }
    }

    private static func counters(of event: CounterEvent, at index: Int) -> [Wanted] {
        func wanted(_ attributes: PerfEventAttributes, _ modes: Set<CounterEvent.Mode>, _ mode: counters_mode) -> Wanted
        {
            var attributes = attributes
            attributes.excludesUser = !modes.contains(.user)
            attributes.excludesKernel = !modes.contains(.kernel)
            return Wanted(event: index, attributes: attributes, mode: mode, group: event.isCounter ? event.group : nil)
        }
        func column(_ mode: CounterEvent.Mode) -> counters_mode { mode == .user ? COUNTERS_USER : COUNTERS_KERNEL }
        switch event.source {
        case .clock, .switches: return []
        case .software(let attributes):
            return CounterEvent.Mode.allCases.filter(event.modes.contains).map { wanted(attributes, [$0], column($0)) }
        case .counter(let attributes):
            guard let only = event.modes.first, event.modes.count == 1 else {
                return [wanted(attributes, event.modes, COUNTERS_BY_MODE)]
            }
            return [wanted(attributes, [only], column(only))]
        }
    }

    /// Opens it on each CPU.
    private mutating func open(_ one: Wanted, leaders: [Int32]?) throws(TracerError) -> [Int32] {
        var opened = Array(repeating: Int32(-1), count: possible)
        var failure: Int32 = 0
        for cpu in cpus where leaders.map({ $0[cpu] >= 0 }) != false {
            do throws(SystemError) {
                opened[cpu] = try counters.open(one.attributes, onCPU: cpu, group: leaders?[cpu])
            } catch {
                failure = error.errno
                switch failure {
                // Of an event that the kernel keeps to itself all the same: it is one that there is not.
                case EPERM where !Capability.perfmon.isEffective, EACCES where !Capability.perfmon.isEffective:
                    let missing = [Capability.bpf, .perfmon].filter { !$0.isEffective }.map(\.name)
                    throw .unavailable(
                        "counting is not permitted: it needs \(missing.joined(separator: " and ")), or root "
                            + "(/proc/sys/kernel/perf_event_paranoid is "
                            + "\(Procfs.text("/proc/sys/kernel/perf_event_paranoid") ?? "not readable"))")
                case EMFILE, ENFILE, ENOMEM: throw .system(error)
                default: continue
                }
            }
        }
        if !opened.contains(where: { $0 >= 0 }) {
            if failure == EINVAL, leaders != nil, let group = one.group { tooLarge.insert(group) }
            unsupported[one.event] =
                failure == EINVAL && leaders != nil
                ? Self.isTooLarge
                : failure == EINVAL
                    ? "this machine does not have it, or not in these modes (EINVAL)"
                    : failure == EPERM || failure == EACCES
                        ? "the kernel does not let anybody count it (\(SystemError.name(of: failure)))"
                        : "this machine does not have it (\(SystemError.name(of: failure)))"
        }
        return opened
    }
}
