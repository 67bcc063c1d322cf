// SPDX-License-Identifier: Apache-2.0
import CEvents
import Linux
import Symbols

/// Turns stacks of addresses into stacks of locations, the root first.
struct ProfileBuilder {
    private(set) var frames: [Int32] = []
    private var stacks: [Profile.Stack] = []
    private var symbolizer: Symbolizer
    private let source: StackCollection

    init(_ source: StackCollection, _ spaces: AddressSpaces) {
        self.source = source
        symbolizer = Symbolizer(spaces)
        frames.reserveCapacity(source.addresses.count)
        stacks.reserveCapacity(source.entries.count)
    }

    /// How deep a stack is walked, the kernel's part and the user's each: the kernel's limit, or ours.
    static let depthLimit = min(
        Int(PROFILE_FRAMES), Procfs.text("/proc/sys/kernel/perf_event_max_stack").flatMap { Int($0) } ?? 127)

    mutating func add(_ entry: StackCollection.Entry, count: UInt64, blocked: UInt64) {
        let begin = frames.count
        let kernelEnd = entry.addresses.lowerBound + entry.kernelFrames
        for index in entry.addresses.reversed() {
            let address = source.addresses[index]
            if index < kernelEnd {
                frames.append(
                    symbolizer.number(kernel: address, isReturn: index > entry.addresses.lowerBound))
            } else {
                frames.append(
                    symbolizer.number(
                        address, of: Int32(bitPattern: entry.pid), at: entry.seen, user: entry.user,
                        isReturn: index > kernelEnd))
            }
        }
        let userFrames = entry.addresses.count - entry.kernelFrames
        stacks.append(
            Profile.Stack(
                process: entry.process, frames: begin..<frames.count, count: count, blockedNanoseconds: blocked,
                isTruncated: userFrames >= Self.depthLimit || entry.kernelFrames >= Self.depthLimit))
    }

    func resolve() -> SymbolTable { symbolizer.resolve() }

    /// The stacks, with those marked that do not begin where a stack can, and without the scheduler's own
    /// functions, and ours, in which every wait ends.
    func finished(_ symbols: SymbolTable, kind: Profile.Kind) -> [Profile.Stack] {
        stacks.map { stack in
            var (range, isTruncated) = (stack.frames, stack.isTruncated)
            if let root = range.first, !symbols.isRoot(frames[root]) { isTruncated = true }
            if kind == .offCPU, let end = range.suffix(16).lastIndex(where: { symbols.isScheduler(frames[$0]) }) {
                range = range.lowerBound..<end
                while let leaf = range.last, symbols.isScheduler(frames[leaf]) { range = range.dropLast() }
            }
            return Profile.Stack(
                process: stack.process, frames: range, count: stack.count,
                blockedNanoseconds: stack.blockedNanoseconds, isTruncated: isTruncated)
        }
    }
}

extension SymbolTable {
    /// Where stacks begin: as C libraries, their threads and Go's runtime have it.
    private static let roots: Set<String> = [
        "_start", "main", "__libc_start_main", "__libc_start_main_impl", "__libc_start_call_main", "start_thread",
        "clone", "__clone", "clone3", "__clone3", "_dl_start", "_dl_start_user", "__clone_internal",
        "runtime.goexit", "runtime.goexit.abi0", "runtime.mstart", "runtime.main", "runtime.rt0_go",
        "runtime.rt0_go.abi0",
    ]

    /// Whether a stack can begin there. Of a file without names, nobody knows: it may.
    fileprivate func isRoot(_ location: Int32) -> Bool {
        let function = function(of: location)
        if modules[function.module].isKernel { return true }
        guard function.isNamed else { return modules[function.module].name.hasPrefix("/") }
        return Self.roots.contains(String(function.name.prefix { $0 != "@" }))
    }
    /// kernel/sched/core.c.
    fileprivate func isScheduler(_ location: Int32) -> Bool {
        isKernel(location) && ["__schedule", "__schedule_loop", "schedule"].contains(function(of: location).name)
    }
}
