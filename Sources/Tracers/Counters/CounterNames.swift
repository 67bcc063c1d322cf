// SPDX-License-Identifier: Apache-2.0
import Linux

/// The events that every perf knows by name; include/uapi/linux/perf_event.h numbers them.
enum CounterNames {
    private static let hardwareType: UInt32 = 0
    private static let softwareType: UInt32 = 1
    private static let cacheType: UInt32 = 3
    static let rawType: UInt32 = 4

    /// The first name is the canonical one.
    private static let hardware: [(names: [String], config: UInt64)] = [
        (["cycles", "cpu-cycles"], 0), (["instructions"], 1), (["cache-references"], 2), (["cache-misses"], 3),
        (["branches", "branch-instructions"], 4), (["branch-misses"], 5), (["bus-cycles"], 6),
        (["stalled-cycles-frontend", "idle-cycles-frontend"], 7),
        (["stalled-cycles-backend", "idle-cycles-backend"], 8), (["ref-cycles"], 9),
    ]

    private static let software: [(names: [String], config: UInt64)] = [
        (["page-faults", "faults"], 2), (["cpu-migrations", "migrations"], 4), (["minor-faults"], 5),
        (["major-faults"], 6), (["alignment-faults"], 7), (["emulation-faults"], 8),
    ]

    /// A cache, its number, and what can be done to it (perf's evsel__hw_cache_stat).
    private static let caches: [(name: String, id: UInt64, operations: [String])] = [
        ("L1-dcache", 0, ["load", "store", "prefetch"]), ("L1-icache", 1, ["load", "prefetch"]),
        ("LLC", 2, ["load", "store", "prefetch"]), ("dTLB", 3, ["load", "store", "prefetch"]), ("iTLB", 4, ["load"]),
        ("branch", 5, ["load"]), ("node", 6, ["load", "store", "prefetch"]),
    ]

    /// What each name stands for: its canonical name and its source.
    static let all: [String: (canonical: String, source: CounterEvent.Source)] = {
        var all: [String: (canonical: String, source: CounterEvent.Source)] = [:]
        func add(_ names: [String], _ source: CounterEvent.Source) {
            for name in names { all[name] = (names[0], source) }
        }
        add(["task-clock"], .clock)
        add(["cpu-clock"], .clock)
        add(["context-switches", "cs"], .switches)
        for (names, config) in software { add(names, .software(.init(type: softwareType, config: config))) }
        for (names, config) in hardware { add(names, .counter(.init(type: hardwareType, config: config))) }
        for cache in caches {
            for (number, operation) in ["load", "store", "prefetch"].enumerated()
            where cache.operations.contains(operation) {
                // PERF_TYPE_HW_CACHE: id | operation << 8 | result << 16; result 1 is a miss.
                let config = cache.id | UInt64(number) << 8
                let plural = operation == "prefetch" ? "prefetches" : operation + "s"
                add(["\(cache.name)-\(plural)"], .counter(.init(type: cacheType, config: config)))
                add(
                    ["\(cache.name)-\(operation)-misses"], .counter(.init(type: cacheType, config: config | 1 << 16)))
            }
        }
        return all
    }()
}
