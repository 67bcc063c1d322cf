// SPDX-License-Identifier: Apache-2.0
import BPF
import Foundation
import Glibc
import Linux
import Testing
import Tracers

/// Many loads at once, and the ways to watch.
extension KernelTests.ModulesTests {
    /// The newer of the kernels that have the modules makes a thousand.
    @Test(
        .enabled(if: hasTestModules, "this guest has no test modules"),
        arguments: [KernelTests.guest == "6.12" ? 1000 : 200])
    func `a thousand cycles, failures and races among them: each is told, and nothing is lost`(cycles: Int) throws {
        var truth: [String: Any] = [:]
        // Collected while it runs: a thousand loads are more than the buffer holds.
        let output = "/tmp/cycles.json"
        let process = try LaunchedProcess(
            [
                "/bin/sh", "-c", "exec \"$0\" module-cycles \(cycles) /apus/modules > \(output)",
                ObservedWorkload.program,
            ],
            unblocking: Signals([SIGUSR2]))
        var tracer = try ModuleTracer.start(.init())
        try process.start()
        var records: [ModuleRecord] = []
        while !process.hasEnded() {
            _ = waitReadable([process.descriptor, tracer.descriptor], timeout: 1000)
            records += try tracer.collect()
        }
        #expect(process.reap() == .code(0))
        records += try tracer.collect() + tracer.collectLosses()
        expectSoundness(try tracer.completeness())
        truth =
            try JSONSerialization.jsonObject(with: Data(contentsOf: URL(fileURLWithPath: output))) as? [String: Any]
            ?? [:]
        func counts(_ what: String) -> [String: Int] {
            truth.reduce(into: [:]) { counts, entry in
                let words = entry.key.split(separator: " ")
                if words.count == 2, words[0] == what { counts[String(words[1])] = entry.value as? Int }
            }
        }
        let (loads, unloads) = (counts("loads"), counts("unloads"))
        var outcomes: [String: Int] = [:]
        for case .load(let load) in records {
            #expect((load.errno == 0) == (load.outcome == .live || load.outcome == .shared && load.errno == 0))
            outcomes[load.errno == 0 ? "OK" : SystemError.name(of: load.errno), default: 0] += 1
            switch (load.name, load.outcome) {
            case ("apus_plain", .live), ("apus_slow", .live), ("apus_slow", .shared), ("apus_slow", .alreadyLoaded):
                break
            case ("apus_failing", .failed): #expect(load.stage == .initialization)
            default: Issue.record("\(load)")
            }
        }
        #expect(outcomes == loads)
        var ends: [String: Int] = [:]
        for case .unload(let unload) in records {
            ends[unload.errno == 0 ? "OK" : SystemError.name(of: unload.errno), default: 0] += 1
        }
        #expect(ends == unloads)
        #expect(loads["OK", default: 0] >= cycles + cycles / 100 && loads["ENODEV"] == cycles / 10)
        let kinds = records.reduce(into: [ModuleLoad.Outcome: Int]()) { kinds, record in
            if case .load(let load) = record { kinds[load.outcome, default: 0] += 1 }
        }
        // Of eight that race one loads the module; the others share that since 6.5.
        let sharesLoads = Feature.hasField("cookie", of: "idempotent")
        #expect(kinds[.live] == cycles + cycles / 100 && (kinds[.shared] ?? 0 > 0) == sharesLoads, "\(kinds)")
    }

    @Test func `eight at once that load one file: one does, and each is told, or known not to be`() throws {
        var tracer = try ModuleTracer.start(.init())
        let truth = try Self.run("module-race", Self.file("dummy"), "dummy", "5")
        let records = try tracer.collect() + tracer.collectLosses()
        var errors: [String: Int] = [:]
        var kinds: [ModuleLoad.Outcome: Int] = [:]
        for case .load(let load) in records {
            errors[load.errno == 0 ? "loads OK" : "loads " + SystemError.name(of: load.errno), default: 0] += 1
            kinds[load.outcome, default: 0] += 1
        }
        let made = truth.compactMapValues { $0 as? Int }.filter { $0.key.hasPrefix("loads ") }
        let ends = records.count { if case .unload(let unload) = $0 { unload.outcome == .unloaded } else { false } }
        #expect(made.values.reduce(0, +) == 40)
        // A kernel that can preempt a program within its run skips that program for all who come
        // meanwhile on that CPU; and says how often it did.
        let completeness = try tracer.completeness()
        guard completeness.isExact else {
            let told = errors.values.reduce(0, +)
            #expect(completeness.missedRuns >= 40 - told + 5 - ends, "\(completeness) of \(errors)")
            #expect(completeness.lostEvents == 0 && errors.allSatisfy { made[$0.key, default: 0] >= $0.value })
            return
        }
        #expect(ends == 5 && errors == made)
        let shared = kinds[.shared] ?? 0
        #expect(kinds[.live] == 5 && shared + (kinds[.alreadyLoaded] ?? 0) == 35, "\(kinds)")
        // Before 6.5 none shares; since then those do that come before the first has ended.
        #expect(shared == 0 || Feature.hasField("cookie", of: "idempotent"), "\(kinds)")
    }

    @Test func `what finds no room in the buffer is counted, in its place`() throws {
        var options = ModuleTracer.Options()
        options.bufferBytes = 8192
        options.readsLog = false
        var tracer = try ModuleTracer.start(options)
        for _ in 0..<3 { _ = try Self.run("module-unload", "no_such_module") }
        var records = try tracer.collect()
        _ = try Self.run("module-unload", "no_such_module")
        records += try tracer.collect() + tracer.collectLosses()
        let kinds = records.map { if case .lost(let count, _) = $0 { "lost \(count)" } else { $0.name ?? "" } }
        #expect(kinds == ["no_such_module", "lost 2", "no_such_module"])
        #expect(try tracer.completeness().lostEvents == 2)
    }

    // MARK: - Ways to watch

    @Test func `without fentry the tracepoints of system calls tell as much, but for some stages`() throws {
        var options = ModuleTracer.Options()
        options.hooks = .syscallTracepoints
        let records = try Self.records(options) {
            _ = try Self.run("module-load", Self.file("dummy"))
            _ = try Self.run("module-load", Self.file("dummy"))
            _ = try Self.run("module-unload", "dummy")
            _ = try Self.run("module-load", Self.file("dummy"), "numdummies=abc")
            _ = try Self.run("module-load", Self.file("vfat"))
        }
        let outcomes = records.map { record in
            switch record {
            case .load(let load): load.outcome.rawValue + (load.stage.map { " \($0.rawValue)" } ?? "")
            case .unload(let unload): unload.outcome.rawValue
            default: "\(record)"
            }
        }
        #expect(
            outcomes == ["live", "already-loaded", "unloaded", "failed parameters", "failed unknown-symbol"])
        guard case .load(let load) = try #require(records.first) else { return }
        #expect(load.phases.total ?? 0 > load.phases.prepare ?? .max && load.phases.initialize ?? 0 > 0)
    }

    @Test(arguments: ModuleTracer.Hooks.allCases)
    func `each run of a program is counted, and with fentry hardly any while no module moves`(
        hooks: ModuleTracer.Hooks
    ) throws {
        let statistics = try StatisticsSwitch()
        var options = ModuleTracer.Options()
        options.hooks = hooks
        let tracer = try ModuleTracer.start(options)
        #expect(
            tracer.attached.contains { $0.hasSuffix("/sys_enter") || $0.hasSuffix("/sys_exit") }
                == (hooks == .syscallTracepoints))
        let outerBefore = try tracer.cost().runCount
        let kernelBefore = Self.runsByTheKernel()
        let innerBefore = try tracer.cost().runCount
        _ = try Self.run("getppid", "20000")
        let innerAfter = try tracer.cost().runCount
        let kernelAfter = Self.runsByTheKernel()
        let outerAfter = try tracer.cost().runCount
        let kernel = kernelAfter - kernelBefore
        // Reading the kernel's count takes system calls itself, so ours is read around it and within; a
        // run that is under way on the other CPU can be in one of them.
        #expect(innerAfter - innerBefore <= kernel + 8 && kernel <= outerAfter - outerBefore + 8)
        #expect(hooks == .fentry ? kernel < 500 : kernel >= 40_000, "\(kernel)")
        let reason = try #require(try tracer.cost().untimedReason)
        #expect(reason.contains("every system call") == (hooks == .syscallTracepoints))
        _ = consume statistics
    }

    /// Runs of the programs that this process holds, as the kernel counts them.
    private static func runsByTheKernel() -> UInt64 {
        let entries = (try? FileManager.default.contentsOfDirectory(atPath: "/proc/self/fdinfo")) ?? []
        return entries.reduce(0) { sum, entry in
            let lines = (Procfs.text("/proc/self/fdinfo/\(entry)") ?? "").split(separator: "\n")
            let count = lines.first { $0.hasPrefix("run_cnt:") }?.split(separator: "\t").last
            return sum + (count.flatMap { UInt64($0) } ?? 0)
        }
    }

    @Test func `references are told with their count and who took them`() throws {
        _ = try Self.run("module-load", Self.file("tun"))
        var options = ModuleTracer.Options()
        options.showsReferences = true
        let records = try Self.records(options) { try Self.shell("exec 3<>/dev/net/tun") }
        let references = records.compactMap { record -> ModuleReference? in
            if case .reference(let reference) = record, reference.name == "tun" { reference } else { nil }
        }
        #expect(references.contains { !$0.isPut } && references.contains(where: \.isPut))
        #expect(references.last?.count == 0)
        #expect(references.allSatisfy { $0.command == "sh" && $0.caller > 0 })
    }

    @Test func `the command stops by itself, and tells what it was asked for`() throws {
        let script = "for i in 1 2 3; do modprobe dummy; modprobe tun; rmmod dummy; rmmod tun; done"
        let output = try Self.apus(
            "modules", "--relative", "--count", "3", "--name", "dum*", "--name", "nothing", "--", "sh", "-c", script
        )
        let lines = output.split(separator: "\n")
        #expect(lines.filter { $0.contains(" dummy ") }.count == 3 && !output.contains(" tun "), "\(output)")
        #expect(lines.first?.drop { $0 == " " }.prefix { $0.isNumber || $0 == "." }.count ?? 0 >= 8, "\(output)")
        #expect(output.contains("2 live, 1 unloaded") || output.contains("3 live"), "\(output)")
        let quiet = try Self.apus("modules", "--duration", "0.2")
        #expect(quiet.contains("no module moved") && quiet.contains("exact"))
    }
}
