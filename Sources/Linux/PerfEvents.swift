// SPDX-License-Identifier: Apache-2.0
import CLinux
import Glibc

/// What to count: the part of `struct perf_event_attr` that names an event.
public struct PerfEventAttributes: Sendable, Equatable, Hashable {
    /// `PERF_TYPE_…`, or the type of an ``EventSource``.
    public var type: UInt32
    /// Which of the type's events: `PERF_COUNT_…`, or as the source's terms say.
    public var config: UInt64
    /// More of what the source's terms say.
    public var config1: UInt64 = 0
    /// More of what the source's terms say.
    public var config2: UInt64 = 0
    /// Not what happens in user mode.
    public var excludesUser = false
    /// Not what happens in the kernel.
    public var excludesKernel = false

    /// An event in both modes.
    public init(type: UInt32, config: UInt64) {
        self.type = type
        self.config = config
    }
}

/// Counters that are open, each for all threads of one CPU. They are closed with this.
public struct PerfEvents: ~Copyable {
    private var descriptors: [Int32] = []

    /// None is open yet.
    public init() {}

    deinit { descriptors.forEach { _ = close($0) } }

    /// Opens a counter; it counts from now on.
    ///
    /// - Parameters:
    ///   - cpu: of which CPU.
    ///   - group: the descriptor of one that it is to be counted together with, or not at all.
    /// - Returns: its descriptor, which stays owned by this.
    public mutating func open(
        _ event: PerfEventAttributes, onCPU cpu: Int, group: Int32? = nil
    ) throws(SystemError) -> Int32 {
        var attributes = perf_event_attr()
        attributes.size = UInt32(MemoryLayout<perf_event_attr>.size)
        attributes.type = event.type
        attributes.config = event.config
        attributes.config1 = event.config1
        attributes.config2 = event.config2
        attributes.exclude_user = event.excludesUser ? 1 : 0
        attributes.exclude_kernel = event.excludesKernel ? 1 : 0
        let descriptor = apus_perf_event_open_on_cpu(&attributes, Int32(cpu), group ?? -1)
        guard descriptor >= 0 else { throw SystemError("count", "events on CPU \(cpu)", errno: errno) }
        descriptors.append(descriptor)
        return descriptor
    }

    /// Lets this process, and what it launches later, have as many descriptors as it may.
    public static func raiseDescriptorLimit() {
        var limit = rlimit()
        guard getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 else { return }
        limit.rlim_cur = limit.rlim_max
        setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
    }
}

/// The CPUs of the machine.
public enum CPUs {
    /// The numbers of those that run.
    public static var online: [Int] { list(Procfs.text("/sys/devices/system/cpu/online") ?? "0") }

    /// How many numbers there are, those of CPUs that can come included.
    public static var possible: Int { (list(Procfs.text("/sys/devices/system/cpu/possible") ?? "0").max() ?? 0) + 1 }

    /// The numbers in a list as the kernel writes it: `0-3,7`.
    static func list(_ text: String) -> [Int] {
        text.split(separator: ",").flatMap { range -> [Int] in
            let ends = range.split(separator: "-").compactMap { Int($0) }
            guard let first = ends.first, let last = ends.last, first <= last else { return [] }
            return Array(first...last)
        }
    }
}
