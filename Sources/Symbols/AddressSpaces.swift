// SPDX-License-Identifier: Apache-2.0
import Glibc
public import Linux

/// What was mapped where, in which process and since when.
public final class AddressSpaces {
    /// One process from an execution, or its birth, to the next.
    private final class Space {
        let begin: UInt64
        /// By time. What is unmapped stays, until something else is mapped over it: the kernel tells of no
        /// unmapping.
        var ranges: [(time: UInt64, range: MappedRange, module: Int)]

        init(begin: UInt64, ranges: [(UInt64, MappedRange, Int)] = []) {
            self.begin = begin
            self.ranges = ranges
        }
    }

    /// Where an address is.
    struct Place {
        /// An index into ``AddressSpaces/modules``.
        let module: Int
        let fileOffset: UInt64
    }

    /// How often a process had mapped something at some time: while that stays, so does what is mapped.
    struct Version: Hashable {
        let pid: Int32
        let space: Int
        let ranges: Int
    }

    private var spaces: [Int32: [Space]] = [:]
    private let everything: Bool
    private let followsChildren: Bool
    private(set) var modules: [ModuleFile] = []
    private var moduleIndex: [ModuleFile.Key: Int] = [:]

    /// - Parameter everything: all processes of the machine matter, not only those that were added and,
    ///   with `followsChildren`, their children.
    public init(everything: Bool, followsChildren: Bool) {
        self.everything = everything
        self.followsChildren = followsChildren
    }

    /// Adds a process that runs, with what it has mapped now.
    public func add(_ pid: Int32) {
        let ranges = MappedRange.all(of: pid)
        if ranges == nil && access("/proc/\(pid)", F_OK) == 0 { unreadable.insert(pid) }
        add(pid, ranges: ranges ?? [])
    }

    /// Processes of which this one may not know what they have mapped: their addresses have no names.
    public private(set) var unreadable: Set<Int32> = []

    /// Adds a process that is yet to execute.
    public func expect(_ pid: Int32) { add(pid, ranges: []) }

    private func add(_ pid: Int32, ranges: [MappedRange]) {
        // At 0: whatever is met in it was mapped before.
        spaces[pid] = [Space(begin: 0, ranges: ranges.map { (0, $0, module(of: $0, in: pid)) })]
    }

    /// Takes in events, which are to come by time.
    public func take(_ events: [MappingEvent]) {
        for event in events {
            switch event.kind {
            case .map(let range):
                if everything && spaces[event.pid] == nil { spaces[event.pid] = [Space(begin: 0)] }
                guard let space = spaces[event.pid]?.last else { continue }
                space.ranges.append((event.time, range, module(of: range, in: event.pid)))
            case .execute:
                if everything || spaces[event.pid] != nil {
                    spaces[event.pid, default: []].append(Space(begin: event.time))
                }
            case .fork(let parent):
                let copy = spaces[parent]?.last?.ranges
                guard everything || (copy != nil && followsChildren) else { continue }
                spaces[event.pid, default: []].append(Space(begin: event.time, ranges: copy ?? []))
            }
        }
    }

    private func module(of range: MappedRange, in pid: Int32) -> Int {
        let key = ModuleFile.Key(range)
        let index: Int
        if let known = moduleIndex[key] {
            index = known
        } else {
            index = modules.count
            modules.append(ModuleFile(range))
            moduleIndex[key] = index
        }
        modules[index].open(for: range, of: pid)
        return index
    }

    /// Which of a process's address spaces, and in which state, there was at a time; nil for a process that
    /// was not heard of.
    func version(of pid: Int32, at time: UInt64) -> Version? {
        guard let all = spaces[pid], let index = all.lastIndex(where: { $0.begin <= time }) else { return nil }
        let ranges = all[index].ranges
        var (low, high) = (0, ranges.count)
        while low < high {
            let middle = (low + high) / 2
            if ranges[middle].time <= time { low = middle + 1 } else { high = middle }
        }
        return Version(pid: pid, space: index, ranges: low)
    }

    /// What a process had at an address; nil where nothing was mapped to be executed.
    func place(of address: UInt64, in version: Version) -> Place? {
        guard let space = spaces[version.pid]?[version.space] else { return nil }
        // The newest first: it is what lies above.
        for entry in space.ranges.prefix(version.ranges).reversed()
        where address >= entry.range.start && address < entry.range.end {
            return Place(module: entry.module, fileOffset: address - entry.range.start + entry.range.fileOffset)
        }
        return nil
    }
}
