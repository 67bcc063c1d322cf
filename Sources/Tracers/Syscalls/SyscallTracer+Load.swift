// SPDX-License-Identifier: Apache-2.0
import BPF
import BPFObjects
import CEvents
import Glibc
import Linux

extension SyscallTracer {
    /// The programs, and the ring that they write to.
    struct Loaded: ~Copyable {
        let object: Object
        let events: RingBuffer
    }

    /// Configures and loads `bpf/syscalls.bpf.c`.
    static func load(_ options: Options) throws(BPFError) -> Loaded {
        // A summary has no records.
        let ring = RingBuffer.Creation(
            name: "events", bytes: options.result == .records ? options.bufferBytes : Int(getpagesize()),
            onWakeup: true)
        // The array is static, so its bytes outlive the call.
        var object = try OpenObject(
            name: "syscalls",
            bytes: UnsafeRawBufferPointer(start: apus_syscalls_object.bytes, count: apus_syscalls_object.size))
        try options.target.prepare(
            object, followsChildren: options.followsChildren, storage: "thread_of_task", hash: "thread_of_tid",
            capacity: options.maxThreads)
        try object.set("observer_pid", to: UInt32(getpid()))
        // 0-11: more than the highest number that a CPU can have.
        let last = Procfs.text("/sys/devices/system/cpu/possible")?.split { $0 == "-" || $0 == "," }.last
        if let last = last.flatMap({ UInt32($0) }) { try object.set("cpu_count", to: last + 1) }
        try set(options.filter, in: object)

        switch options.result {
        case .records:
            let rules = SyscallRules.table(of: options.filter)
            try object.set("rules", to: rules)
            try set(kinds: SyscallRules.kinds(in: rules), in: object)
            if Feature.hasFunction("bpf_rdonly_cast"), let type = Feature.kernelStructure("file") {
                try object.set("file_type", to: type)
            }
            try object.set("string_limit", to: UInt32(options.stringLimit))
            try object.set("wakeup_bytes", to: UInt64(options.wakeupBytes))
            if options.isLossless { try object.set("stop_bytes", to: UInt64(options.bufferBytes / 2)) }
            if !options.filter.wantsSignals { try object.omit(program: "signal_deliver") }
            try object.omit(program: "sched_switch")
            try object.omit(program: "sched_wakeup")
        case .summary(let byProcess):
            if !options.filter.patterns.isEmpty { try object.set("rules", to: SyscallRules.paths) }
            try set(kinds: [], in: object)
            try object.set("summary", to: true)
            try object.set("sum_by_process", to: byProcess)
            try object.setCapacity(of: "sums", to: 2 * SYSCALL_NUMBERS)
            try object.setCapacity(of: "sums_by_process", to: byProcess ? options.maxSums : 1)
            try object.setCapacity(of: "commands", to: byProcess ? options.maxSums : 1)
            try object.setCapacity(of: "errors", to: options.maxSums)
            try object.omit(program: "signal_deliver")
        }
        // A pattern is looked for among the captures.
        if !options.filter.patterns.isEmpty { try object.set("has_rules", to: true) }
        if !options.isLossless { try object.omit(program: "signal_generate") }
        try object.use(ring, as: "events")
        return Loaded(object: try object.load(), events: try ring.finish())
    }

    private static func set(
        kinds: Set<UInt8>, in object: borrowing OpenObject
    ) throws(BPFError) {
        func has(_ all: syscall_capture_kind...) -> Bool { all.contains { kinds.contains(UInt8($0.rawValue)) } }
        if kinds.isEmpty { try object.set("has_rules", to: false) }
        try object.set("has_files", to: has(SYSCALL_CAPTURE_FILE))
        try object.set("has_strings", to: has(SYSCALL_CAPTURE_STRINGS))
        try object.set("has_vectors", to: has(SYSCALL_CAPTURE_IOVEC, SYSCALL_CAPTURE_MESSAGE, SYSCALL_CAPTURE_MESSAGES))
        try object.set("has_counts", to: has(SYSCALL_CAPTURE_POINTERS, SYSCALL_CAPTURE_ENTRIES))
    }

    private static func set(_ filter: SyscallFilter, in object: borrowing OpenObject) throws(BPFError) {
        var words = [UInt64](repeating: 0, count: 2 * SYSCALL_NUMBERS / 64)
        var either = [UInt64](repeating: 0, count: SYSCALL_NUMBERS / 64)
        for (key, isWanted) in filter.calls.enumerated() where isWanted {
            words[key / 64] |= 1 << UInt64(key % 64)
            either[key % SYSCALL_NUMBERS / 64] |= 1 << UInt64(key % 64)
        }
        try object.set("wanted", to: words)
        try object.set("wanted_any", to: either)
        try object.set("wants_success", to: filter.wantsSuccess)
        try object.set("wants_failure", to: filter.wantsFailure)
        if !filter.errnos.isEmpty {
            var words = [UInt64](repeating: 0, count: SYSCALL_ERRORS / 64)
            for errno in filter.errnos { words[Int(errno) / 64] |= 1 << UInt64(Int(errno) % 64) }
            try object.set("filters_errors", to: true)
            try object.set("wanted_errors", to: words)
        }
        try object.set("least_ns", to: filter.leastDuration)
        try object.set("most_ns", to: filter.mostDuration)
        try object.set("pattern_count", to: UInt32(filter.patterns.count))
        try object.set(
            "patterns",
            to: filter.patterns.map { pattern in
                var kernel = syscall_pattern()
                kernel.size = UInt16(pattern.literal.utf8.count)
                kernel.is_prefix = pattern.isPrefix ? 1 : 0
                withUnsafeMutableBytes(of: &kernel.text) { $0.copyBytes(from: pattern.literal.utf8) }
                return kernel
            })
    }
}
