// SPDX-License-Identifier: Apache-2.0
import BPF
import Foundation
import Glibc
import Linux
import Testing
import Tracers

/// Stacks against workloads that know where they spend their time.
extension KernelTests {
    @Suite(.needs(.tracing, .btf, .ringBuffer, .taskIterator)) struct ProfileTests {
        @Test func `shares are right, and samples are as many as the CPU time has room for`() throws {
            var run = try ProfiledWorkload(["shares", KernelTests.isGuest ? "2500" : "5000"], besideLedger: true)
            // Where others have the CPU half of the time, half of the samples are theirs, and what is left is
            // too few for this margin: a quiet run decides.
            for _ in 0..<3 where try !KernelTests.isGuest && !run.isQuiet() {
                run = try ProfiledWorkload(["shares", "5000"], besideLedger: true)
            }
            let profile = run.profile
            // On an emulated CPU the program's start takes a part of all.
            let work = profile.share(of: "run_shares")
            #expect(work > (KernelTests.isGuest ? 0.7 : 0.97))
            for (function, share) in [("spin_half", 0.5), ("spin_third", 0.3), ("spin_fifth", 0.2)] {
                let found = profile.share(of: function) / (KernelTests.isGuest ? work : 1)
                #expect(abs(found - share) <= (KernelTests.isGuest ? 0.1 : 0.03), "\(function): \(found)")
            }
            // No sample is lost but those that were not taken, which is told.
            let missed = try #require(profile.missedSamples)
            #expect(profile.completeness.lostEvents == missed && profile.completeness.missedRuns == 0)
            #expect(profile.completeness.isExact == (missed == 0))
            #expect(KernelTests.isGuest || Double(missed) <= 0.05 * Double(profile.samples), "\(missed)")
            let counted = profile.stacks.reduce(0) { $0 + $1.count }
            #expect(counted == profile.samples)
            let total = try #require(run.report).total
            let cpu = Double([.user, .system, .fault, .irq, .softirq].reduce(0) { $0 + total[$1] })
            // An emulated CPU gets its timer interrupts late, and some of them at once. A span between two
            // switches can have one more or one less, as it begins: three standard deviations of all of them.
            let spans = Double(total.voluntarySwitches + total.involuntarySwitches)
            expectClose(
                profile.samples + missed, cpu / 1e9 * 199, within: KernelTests.isGuest ? 0.3 : 0.02,
                or: 1.5 * spans.squareRoot())
            // The thread's user stacks are whole: main and what it calls.
            let whole = profile.stacks.filter { !$0.isTruncated }.reduce(0) { $0 + $1.count }
            #expect(Double(whole) >= (KernelTests.isGuest ? 0.7 : 0.98) * Double(counted))
            #expect(profile.observer.runCount >= profile.samples)
        }

        @Test(.oldestAndNewest) func `source lines and build ids come with the names`() throws {
            let symbols = try ProfiledWorkload(["shares", "300"]) { $0.takesKernelFrames = false }.profile.symbols
            let spin = try #require(symbols.functions.first { $0.name == "spin_for_cycles" })
            #expect(spin.file?.hasSuffix("spin.c") == true)
            #expect(symbols.modules[spin.module].name.hasSuffix("/workload"))
            #expect(symbols.modules[spin.module].buildID.count >= 8)
            let lines = symbols.locations.filter { symbols.functions[$0.function] == spin }.map(\.line)
            #expect(lines.contains { (10...40).contains($0) }, "\(lines)")
        }

        @Test func `children are followed, and left alone where they are not wanted`() throws {
            let both = try ProfiledWorkload(["child-wait", "300"]) { $0.takesKernelFrames = false }.profile
            #expect(both.samples > 20)
            #expect(both.share(of: "spin_for_cycles") > (KernelTests.isGuest ? 0.2 : 0.8))
            let alone = try ProfiledWorkload(["child-wait", "300"]) {
                $0.followsChildren = false
                $0.takesKernelFrames = false
            }.profile
            #expect(alone.samples < (KernelTests.isGuest ? both.samples : 20))
            #expect(alone.share(of: "spin_for_cycles") < 0.1)
        }

        /// 7.2.13 has been seen to give none on a CPU from some moment on; that is told, and the test skipped.
        private static func needUserStacks(_ profile: Profile) throws {
            let reason = profile.completeness.reasons.first { $0.contains("gave no user stack") }
            if KernelTests.guest == "7.2", let reason { try Test.cancel("\(reason)") }
        }

        @Test func `a process that runs is found, with all that it had mapped`() throws {
            let process = try Running(["spin", "30000", "2"])
            defer { process.stop() }
            let profile = try process.profile(milliseconds: 500) { $0.takesKernelFrames = false }
            #expect(profile.samples > 10)
            try Self.needUserStacks(profile)
            #expect(profile.share(of: "spin_for_cycles") > 0.9)
            // The main thread, and one that it made.
            #expect(profile.share(of: "main") > 0.1 && profile.share(of: "run_spinner") > 0.9)
        }

        @Test func `a process that is not there is an error`() {
            #expect(throws: TracerError.self) { _ = try ProfileTracer.start(.init(target: .processes([4_194_303]))) }
        }

        @Test func `time in which a thread is blocked is charged to the stack that waits`() throws {
            let run = try ProfiledWorkload(["stacks", "4", "40"], besideLedger: true) { $0.kind = .offCPU }
            let profile = run.profile
            let waits = profile.stacks.filter { profile.names(of: $0).contains { $0.hasPrefix("wait_") } }
            // Left or right, twice: each its own stack.
            #expect(waits.count == 4, "\(waits.map { profile.names(of: $0) })")
            for wait in waits {
                #expect(wait.count == 1)
                #expect(wait.blockedNanoseconds >= (KernelTests.isGuest ? 20_000_000 : 38_000_000))
                let names = profile.names(of: wait).filter { $0.hasPrefix("wait_left") || $0.hasPrefix("wait_right") }
                #expect(names.count == 2)
                // The scheduler itself, and what watches it, is left out.
                #expect(!profile.names(of: wait).contains { $0.contains("schedule") && !$0.contains("timeout") })
            }
            // However late timers came: both go by the same switches.
            let slept = Double(try #require(run.report).total[.sleep])
            expectClose(
                waits.reduce(0) { $0 + $1.blockedNanoseconds }, slept, within: 0,
                or: KernelTests.isGuest ? 5_000_000 : 2_000_000)
            expectSoundness(profile.completeness)
            #expect(profile.samples == 0)
        }

        @Test func `a wait that began before and goes on is charged for as long as it was watched`() throws {
            let process = try Running(["sleep", "20000"])
            defer { process.stop() }
            usleep(KernelTests.isGuest ? 1_000_000 : 200_000)
            let profile = try process.profile(milliseconds: 400) { $0.kind = .offCPU }
            #expect(profile.openWaits == 1 && profile.stacks.count == 1)
            let wait = try #require(profile.stacks.first)
            #expect(wait.blockedNanoseconds >= 400_000_000 && wait.blockedNanoseconds <= profile.elapsed)
            expectClose(
                wait.blockedNanoseconds, Double(profile.elapsed), within: 0.05, or: KernelTests.isGuest ? 200e6 : 20e6)
            // Its frame pointers were walked from without.
            let names = profile.names(of: wait)
            #expect(names.contains("main") && names.contains("run_sleep"), "\(names)")
            #expect(names.contains { $0.contains("nanosleep") }, "\(names)")
        }

        @Test(.oldestAndNewest) func `code that is made in time has the name that its maker tells`() throws {
            let run = try ProfiledWorkload(["jit", "400"]) { $0.takesKernelFrames = false }
            if let map = run.truth["map"] as? String { unlink(map) }
            let profile = run.profile
            #expect(profile.share(of: "compiled_in_time(int, long)") > (KernelTests.isGuest ? 0.2 : 0.8))
            #expect(profile.share(of: "run_jit") > (KernelTests.isGuest ? 0.2 : 0.8))
        }

        @Test(.oldestAndNewest) func `a program that is gone before it is looked at keeps its names`() throws {
            let folder = FileManager.default.temporaryDirectory.appendingPathComponent("apus-\(UUID().uuidString)").path
            try FileManager.default.copyItem(atPath: ObservedWorkload.program, toPath: folder)
            // Deleted, and another file in its place, before anything is named: names come from what ran.
            let profile = try ProfiledWorkload(
                ["shares", "500"], program: folder, configure: { $0.takesKernelFrames = false },
                beforeReport: {
                    try FileManager.default.removeItem(atPath: folder)
                    try Data("not this".utf8).write(to: URL(fileURLWithPath: folder))
                }
            ).profile
            unlink(folder)
            #expect(
                profile.share(of: "spin_half") > (KernelTests.isGuest ? 0.15 : 0.3),
                "\(profile.symbols.functions.map(\.name))")
        }

        @Test(.oldestAndNewest) func `files that only the target can see have their names`() throws {
            let folder = FileManager.default.temporaryDirectory.appendingPathComponent("apus-\(UUID().uuidString)").path
            try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: false)
            defer { rmdir(folder) }
            let process = try Running(
                ["spin", "30000"],
                script: "exec unshare -m sh -c 'mount -t tmpfs apus \(folder) && cp \"$0\" \(folder)/workload && "
                    + "exec \(folder)/workload \"$@\" > /dev/null' \"$0\" \"$@\"")
            defer { process.stop() }
            let profile = try process.profile(milliseconds: 400) { $0.takesKernelFrames = false }
            #expect(access("\(folder)/workload", F_OK) != 0 && profile.samples > 10)
            try Self.needUserStacks(profile)
            #expect(
                profile.share(of: "spin_for_cycles") > (KernelTests.isGuest ? 0.5 : 0.9),
                "\(profile.symbols.functions.map(\.name))")
            #expect(profile.symbols.modules.contains { $0.name == "\(folder)/workload" && !$0.buildID.isEmpty })
        }

        @Test(.oldestAndNewest) func `without names there are modules and offsets, and every sample`() throws {
            let path = FileManager.default.temporaryDirectory.appendingPathComponent("apus-\(UUID().uuidString)").path
            try FileManager.default.copyItem(atPath: ObservedWorkload.program, toPath: path)
            defer { unlink(path) }
            try stripSymbols(path)
            let profile = try ProfiledWorkload(["shares", "500"], program: path) { $0.takesKernelFrames = false }
                .profile
            try Self.needUserStacks(profile)
            let base = (path as NSString).lastPathComponent
            let unnamed = profile.symbols.functions.filter { $0.name.hasPrefix(base + "+0x") }
            #expect(!unnamed.isEmpty && unnamed.allSatisfy { !$0.isNamed })
            #expect(profile.stacks.reduce(0) { $0 + $1.count } == profile.samples && profile.samples > 50)
        }

        @Test func `stacks that find no room are counted`() throws {
            let profile = try ProfiledWorkload(["stacks", "64", "1"]) {
                $0.kind = .offCPU
                $0.takesKernelFrames = false
                $0.maxStacks = 8
            }.profile
            #expect(profile.stacks.count <= 8)
            #expect(profile.completeness.lostEvents >= 56 - 8)
            #expect(profile.completeness.reasons.contains { $0.contains("--max-stacks") })
        }
    }
}

/// A workload that runs by itself.
private struct Running {
    let process: LaunchedProcess

    /// - Parameter script: executes the workload, which it gets as its name, with its arguments.
    init(_ arguments: [String], script: String = "exec \"$0\" \"$@\" > /dev/null") throws {
        process = try LaunchedProcess(
            ["/bin/sh", "-c", script, ObservedWorkload.program] + arguments,
            unblocking: try Signals([SIGUSR2]))
        try process.start()
        // Past the shell, and its own start.
        let start = Clock.monotonic
        while Procfs.field("Name", of: process.pid) != "workload", Clock.monotonic - start < 5_000_000_000 {
            usleep(1_000)
        }
        usleep(KernelTests.isGuest ? 200_000 : 20_000)
    }

    func stop() {
        kill(process.pid, SIGKILL)
        _ = process.reap()
    }

    func profile(
        milliseconds: UInt32, _ configure: (inout ProfileTracer.Options) -> Void = { _ in }
    ) throws -> Profile {
        var options = ProfileTracer.Options(target: .processes([process.pid]))
        configure(&options)
        var tracer = try ProfileTracer.start(options)
        usleep(milliseconds * 1000)
        tracer.collect()
        return try tracer.finish()
    }
}

/// Takes the table of symbols out of an ELF file, as strip(1) does: its section is of another type then.
private func stripSymbols(_ path: String) throws {
    var bytes = [UInt8](try Data(contentsOf: URL(fileURLWithPath: path)))
    func word<T: FixedWidthInteger>(_ offset: Int, _ type: T.Type) -> T {
        bytes.withUnsafeBytes { $0.loadUnaligned(fromByteOffset: offset, as: T.self) }
    }
    // Elf64_Ehdr: e_shoff, e_shentsize, e_shnum; Elf64_Shdr: sh_type after sh_name.
    let (start, size, count) = (Int(word(40, UInt64.self)), Int(word(58, UInt16.self)), Int(word(60, UInt16.self)))
    for index in 0..<count {
        let type = start + index * size + 4
        // SHT_SYMTAB and SHT_DYNSYM become SHT_NULL. The loader finds the latter by its segment.
        if [2, 11].contains(word(type, UInt32.self)) { bytes[type] = 0 }
    }
    try Data(bytes).write(to: URL(fileURLWithPath: path))
}
