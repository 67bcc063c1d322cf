// SPDX-License-Identifier: Apache-2.0
import BPF
import CLinux
import Foundation
import Glibc
import Linux
import TestObjects
import Testing

/// The library BPF against the kernel, with the programs of `Tests/TestObjects/trial.bpf.c`.
extension KernelTests {
    @Suite(.needs(.tracing, .btf, .ringBuffer)) struct BPFTests {
        static let programs = [
            "raw", "typed", "classic", "sample", "user", "function_entry", "function_exit", "tasks", "nesting",
            "printer",
            "rejected",
        ]

        /// The trial object with these programs alone, watching this process.
        static func open(_ programs: String...) throws(BPFError) -> OpenObject {
            let object = try OpenObject(
                name: "trial", bytes: UnsafeRawBufferPointer(start: trial_object, count: trial_object_size))
            for program in Self.programs where !programs.contains(program) {
                try object.omit(program: program)
            }
            try object.set("watched_pid", to: UInt32(getpid()))
            return object
        }

        /// How many descriptors of maps this process has.
        static var openMaps: Int {
            let descriptors = (try? FileManager.default.contentsOfDirectory(atPath: "/proc/self/fd")) ?? []
            return descriptors.count {
                (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/fd/\($0)"))?
                    .hasSuffix("bpf-map") == true
            }
        }

        /// Makes a prime number of calls of getppid(), getpgrp() and getpgid().
        static func work(_ count: Int = 13) {
            for _ in 0..<count {
                _ = getppid()
                _ = getpgrp()
                _ = getpgid(0)
            }
        }

        @Test(arguments: ["raw", "typed"])
        func `a program counts each call that its hook sees, and none once detached`(program: String)
            throws
        {
            let object = try Self.open(program).load()
            do {
                let link = try object.attach(program)
                Self.work()
                #expect(link.program == program)
                #expect(try object.value(of: "calls", as: UInt64.self) == 13)
            }
            Self.work()
            #expect(try object.value(of: "calls", as: UInt64.self) == 13)
        }

        @Test func `a classic tracepoint counts its calls`() throws {
            mount("tracefs", "/sys/kernel/tracing", "tracefs", 0, nil)
            let object = try Self.open("classic").load()
            let link = try object.attach("classic")
            Self.work()
            #expect(try object.value(of: "calls", as: UInt64.self) == 13)
            _ = consume link
        }

        @Test func `an iterator's program runs for each task, and its output is read to the end`()
            throws
        {
            let object = try Self.open("tasks").load()
            let output = try object.attach("tasks").iterate()
            #expect(output.count % 8 == 0)
            #expect(output.count / 8 >= 3)
        }

        @Test(.needsOptional(.uprobes))
        func `a uprobe counts the calls of a function`() throws {
            let object = try Self.open("user").load()
            let (path, offset) = try #require(Self.fileOffset(of: "getpgid"))
            let link = try object.attach("user", uprobeIn: path, offset: offset, process: getpid())
            for _ in 0..<7 { _ = getpgid(0) }
            #expect(try object.value(of: "calls", as: UInt64.self) == 7)
            _ = consume link
        }

        @Test func `a perf event's program samples a process that computes`() throws {
            let object = try Self.open("sample").load()
            var attributes = perf_event_attr()
            attributes.type = UInt32(PERF_TYPE_SOFTWARE.rawValue)
            attributes.size = UInt32(MemoryLayout<perf_event_attr>.size)
            attributes.config = UInt64(PERF_COUNT_SW_CPU_CLOCK.rawValue)
            attributes.sample_period = 1_000_000
            let event = apus_perf_event_open(&attributes, 0, -1)
            try #require(event >= 0)
            let link = try object.attach("sample", perfEvent: event)
            let end = Clock.processCPU + 100_000_000
            while Clock.processCPU < end {}
            #expect(try object.value(of: "calls", as: UInt64.self) >= 10)
            _ = consume link
        }

        @Test(.needsOptional(.fentry), arguments: ["function_entry", "function_exit"])
        func `fentry and fexit count the calls of a kernel function`(program: String) throws {
            let object = try Self.open(program).load()
            let link = try object.attach(program)
            Self.work()
            #expect(try object.value(of: "calls", as: UInt64.self) == 13)
            _ = consume link
        }

        @Test func `maps and variables give what programs put in`() throws {
            let opened = try Self.open("raw")
            // The second factor is what the program adds to its per-CPU counter.
            try opened.set("factors", to: [UInt32(1), 5, 1, 1])
            try opened.setCapacity(of: "by_pid", to: 3)
            let object = try opened.load()
            let link = try object.attach("raw")
            Self.work()
            // Of the whole machine: others may have attached more.
            #expect(try #require(Link.tracingCount) >= 1)
            _ = consume link
            let pid = UInt32(getpid())
            let byPID = try object.map("by_pid")
            #expect(try byPID.value(pid, as: UInt64.self) == 13)
            #expect(try byPID.value(UInt32(1), as: UInt64.self) == nil)
            #expect(try byPID.keys(as: UInt32.self) == [pid])
            #expect(byPID.capacity == 3)
            #expect(try object.map("per_cpu").sum(UInt32(0), as: UInt64.self) == 65)
            #expect(try object.map("by_pid_per_cpu").sum(pid, as: UInt32.self) == 13)
            #expect(try object.map("by_pid_per_cpu").values(UInt32(1), as: UInt32.self) == [])

            let mapped = try MappedArray<UInt64>(object.map("mapped"))
            #expect(mapped.count == 8)
            #expect(mapped.withValue(1) { $0.pointee } == 13)
            mapped.withValue(2) { $0.pointee = 99 }
            #expect(try object.map("mapped").value(UInt32(2), as: UInt64.self) == 99)

            try byPID.set(UInt32(1), to: UInt64(7))
            #expect(try byPID.value(UInt32(1), as: UInt64.self) == 7)
            #expect(try byPID.remove(UInt32(1)))
            #expect(try !byPID.remove(UInt32(1)))
            try object.set("calls", to: UInt64(0))
            #expect(try object.value(of: "calls", as: UInt64.self) == 0)
        }

        @Test func `a map that is full says so`() throws {
            let opened = try Self.open("raw")
            try opened.setCapacity(of: "by_pid", to: 1)
            let map = try opened.load().map("by_pid")
            try map.set(UInt32(1), to: UInt64(1))
            #expect {
                try map.set(UInt32(2), to: UInt64(1))
            } throws: { ($0 as? BPFError)?.errno == E2BIG }
        }

        @Test func `the ring gives every record, in order, once`() throws {
            let object = try Self.open("raw").load()
            let ring = try RingBuffer(object.map("records"))
            let link = try object.attach("raw")
            var seen: [UInt64] = []
            // Three times round the ring of 4096 bytes, 24 a record with its header.
            for _ in 0..<5 {
                Self.work(101)
                ring.drain { record in
                    #expect(record.byteCount == 16)
                    seen.append(record.unsafeLoad(fromByteOffset: 8, as: UInt64.self))
                }
            }
            #expect(seen == Array(1...505))
            #expect(ring.drain { _ in } == 0)
            _ = consume link
        }

        @Test func `a reader by wakeups is woken once, and again when it has read`() throws {
            let object = try Self.open("raw").load()
            let ring = try RingBuffer(object.map("records"), onWakeup: true)
            let link = try object.attach("raw")
            for count in [1, 3, 2] {
                #expect(!waitReadable([ring.descriptor], timeout: 0)[0])
                // The kernel wakes a reader that has read all.
                Self.work(count)
                #expect(waitReadable([ring.descriptor], timeout: 10_000)[0])
                #expect(ring.waitingBytes == 24 * count)
                #expect(ring.drain { _ in } == count && ring.waitingBytes == 0)
            }
            _ = consume link
        }

        @Test func `a closure that throws loses the record that it was given, and no other`() throws {
            let object = try Self.open("raw").load()
            let ring = try RingBuffer(object.map("records"))
            let link = try object.attach("raw")
            Self.work(3)
            struct Stop: Error {}
            #expect(throws: Stop.self) { try ring.drain { _ throws(Stop) in throw Stop() } }
            #expect(ring.drain { _ in } == 2)
            _ = consume link
        }

        @Test func `the asynchronous sequence gives the same records`() async throws {
            let object = try Self.open("raw").load()
            let before = Self.openMaps
            let link: Link
            do {
                let stream = try RingBuffer(object.map("records")).records {
                    $0.unsafeLoad(fromByteOffset: 8, as: UInt64.self)
                }
                link = try object.attach("raw")
                Self.work(13)
                var seen: [UInt64] = []
                for await record in stream {
                    seen.append(record)
                    if seen.count == 13 { break }
                }
                #expect(seen == Array(1...13))
            }
            _ = consume link
            // Who has had enough gives the ring back: its thread ends, and closes it.
            for _ in 0..<500 where Self.openMaps != before { try await Task.sleep(for: .milliseconds(10)) }
            #expect(Self.openMaps == before)
        }

        @Test(.needs(.runStatistics))
        func `programs are timed while the switch is on`() throws {
            let object = try Self.open("raw").load()
            let link = try object.attach("raw")
            do {
                let on = try StatisticsSwitch()
                Self.work(100)
                _ = consume on
            }
            let statistics = try #require(try object.statistics().first { $0.program == "raw" })
            #expect(statistics.runCount >= 100)
            #expect(statistics.runNanoseconds > 0)
            #expect(statistics.missedRuns == 0)
            #expect(statistics.memoryBytes > 0)
            _ = consume link
        }

        /// Before 5.12 nothing keeps a program from running within itself, and this one would do so for ever.
        @Test(.enabled(if: Feature.hasField("misses", of: "bpf_prog_stats"), "the kernel does not skip runs"))
        func `runs that the kernel skipped are counted`() throws {
            let object = try Self.open("nesting", "printer").load()
            let nesting = try object.attach("nesting")
            let printer = try object.attach("printer")
            for _ in 0..<10 { _ = getppid() }
            _ = consume printer
            _ = consume nesting
            let statistics = try #require(try object.statistics().first { $0.program == "nesting" })
            #expect(try object.value(of: "nested", as: UInt64.self) >= 10)
            #expect(statistics.missedRuns >= 10)
        }

        @Test func `the verifier's words are in the error, and not on the terminal`() throws {
            #expect {
                _ = try Self.open("rejected").load()
            } throws: { error in
                guard let error = error as? BPFError else { return false }
                return error.code == .rejected && error.log.contains("invalid mem access")
                    && error.description.contains("verifier") && !error.description.contains("\n")
            }
        }

        @Test func `a hook that the kernel does not have is named`() throws {
            var bytes = [UInt8](UnsafeRawBufferPointer(start: trial_object, count: trial_object_size))
            let (section, other) = ("tp_btf/bpf_trace_printk", "tp_btf/bpf_trace_princk")
            var found = 0
            for start in 0..<(bytes.count - section.utf8.count)
            where bytes[start..<start + section.utf8.count].elementsEqual(section.utf8) {
                bytes.replaceSubrange(start..<start + section.utf8.count, with: other.utf8)
                found += 1
            }
            #expect(found > 0)
            #expect {
                try bytes.withUnsafeBytes {
                    let opened = try OpenObject(name: "trial", bytes: $0)
                    for program in Self.programs where program != "nesting" { try opened.omit(program: program) }
                    _ = try opened.load()
                }
            } throws: {
                ($0 as? BPFError)?.code == .notSupported && "\($0)".contains("nesting to \(other)")
            }
        }

        @Test func `names that an object does not have are errors that name them`() throws {
            let opened = try Self.open("raw")
            #expect { try opened.set("nothing", to: UInt32(1)) } throws: { "\($0)".contains("nothing") }
            #expect { try opened.set("watched_pid", to: UInt64(1)) } throws: {
                ($0 as? BPFError)?.code == .mismatch
            }
            #expect { try opened.omit(program: "nothing") } throws: {
                ($0 as? BPFError)?.code == .notFound
            }
            let object = try opened.load()
            #expect { _ = try object.attach("typed") } throws: { ($0 as? BPFError)?.code == .notFound }
            #expect { _ = try object.map("nothing") } throws: { ($0 as? BPFError)?.code == .notFound }
            #expect { try object.set("watched_pid", to: UInt32(1)) } throws: {
                ($0 as? BPFError)?.code == .frozen && "\($0)".contains("before loading")
            }
            #expect { _ = try object.map("by_pid").value(UInt64(1), as: UInt64.self) } throws: {
                ($0 as? BPFError)?.code == .mismatch
            }
            #expect { _ = try OpenObject(path: "/nonexistent.bpf.o") } throws: {
                "\($0)".contains("/nonexistent.bpf.o")
            }
        }

        @Test func `an object is opened from a file as from memory`() throws {
            let path = FileManager.default.temporaryDirectory.appendingPathComponent("\(UUID().uuidString).bpf.o").path
            defer { unlink(path) }
            try Data(bytes: trial_object, count: trial_object_size).write(to: URL(fileURLWithPath: path))
            let opened = try OpenObject(path: path)
            for program in Self.programs where program != "raw" { try opened.omit(program: program) }
            try opened.set("watched_pid", to: UInt32(getpid()))
            let object = try opened.load()
            #expect(object.programs == ["raw"])
            let link = try object.attach("raw")
            for _ in 0..<31 { getppid() }
            #expect(try object.value(of: "calls", as: UInt64.self) == 31)
            _ = consume link
        }

        @Test func `what is no object is refused`() throws {
            #expect {
                _ = try [UInt8](repeating: 7, count: 64).withUnsafeBytes {
                    _ = try OpenObject(name: "junk", bytes: $0)
                }
            } throws: { ($0 as? BPFError)?.operation == "open" }
        }

        @Test func `trials agree with what loading finds`() {
            #expect(Feature.hasTracepoint("sched_switch"))
            #expect(!Feature.hasTracepoint("no_such_tracepoint"))
            #expect(Feature.hasFunction("handle_mm_fault"))
            #expect(Feature.hasField("pid", of: "task_struct"))
            #expect(!Feature.hasField("no_such_field", of: "task_struct"))
        }

        /// The file that holds a function of this process, and the function's offset in it.
        static func fileOffset(of function: String) -> (path: String, offset: Int)? {
            guard let address = dlsym(nil, function).map({ Int(bitPattern: $0) }),
                let maps = Procfs.text("/proc/self/maps")
            else { return nil }
            for line in maps.split(separator: "\n") {
                let fields = line.split(separator: " ", omittingEmptySubsequences: true)
                let range = fields[0].split(separator: "-").compactMap { Int($0, radix: 16) }
                guard fields.count >= 6, range.count == 2, (range[0]..<range[1]).contains(address),
                    let base = Int(fields[2], radix: 16)
                else { continue }
                return (String(fields[5]), address - range[0] + base)
            }
            return nil
        }
    }
}
