// SPDX-License-Identifier: Apache-2.0
import BPF
import Foundation
import Glibc
import Linux
import Testing
import Tracers

/// Modules that are loaded and unloaded for real. The kernels' own ones are on every guest; those of
/// `Tests/guest/modules` on the guests whose headers are to be had.
extension KernelTests {
    @Suite(
        .needs(.tracing, .btf, .ringBuffer),
        .enabled(if: ModuleList.isSupported, "this kernel has no loadable modules"))
    struct ModulesTests {
        /// The guests whose headers are to be had must have them: without, their tests fail.
        static let hasTestModules =
            access(file("apus_plain"), R_OK) == 0
            || ["6.1", "6.12"].contains(ProcessInfo.processInfo.environment["APUS_GUEST"])
        static let tree = "/lib/modules/\(Host.kernel)/"

        static func file(_ module: String) -> String {
            module.hasPrefix("apus_") ? "/apus/modules/\(module).ko" : "\(tree)\(module).ko"
        }

        /// Each test begins with none of these.
        init() throws {
            for module in [
                "vfat", "fat", "dummy", "tun", "apus_upper", "apus_base", "apus_plain", "apus_slow", "apus_parameters",
                "apus_hostile", "apus_asking",
            ] where access("/sys/module/\(module)", F_OK) == 0 { _ = try Self.run("module-unload", module) }
        }

        // MARK: - Stories

        @Test func `a mount is one story, from the request through modprobe to each module`() throws {
            try Self.shell(
                "modprobe loop && dd if=/dev/zero of=/tmp/image bs=1M count=4 2>/dev/null && mkdosfs /tmp/image "
                    + ">/dev/null && (losetup /dev/loop0 /tmp/image 2>/dev/null || true) && mkdir -p /tmp/mount")
            let loads = try Self.loads { try Self.shell("mount -t vfat /dev/loop0 /tmp/mount") }
            defer { try? Self.shell("umount /tmp/mount") }
            #expect(loads.prefix(2).map(\.name) == ["fat", "vfat"])
            for load in loads.prefix(2) {
                let name = try #require(load.name)
                #expect(load.outcome == .live && load.errno == 0 && load.stage == nil)
                let request = try #require(load.requestedBy)
                #expect(request.alias == "fs-vfat" && request.process.command == "mount" && request.waits)
                #expect(load.loader.isStartedByKernel && load.loader.command == "modprobe")
                #expect(load.loader.pid != request.process.pid && load.loader.uid == 0)
                #expect(load.loader.arguments.last == "fs-vfat")
                #expect(request.process.executable == "/bin/busybox" && request.process.uid == 0)
                #expect(request.process.parentPID == UInt32(getpid()))
                #expect(load.file == Self.file(name))
                #expect(load.isSigned == true && load.taints == "" && load.licence == "GPL")
                #expect(load.sizeBytes == ModuleList.entries().first { $0.name == name }?.sizeBytes)
                let phases = load.phases
                let total = try #require(phases.total)
                let coming = try #require(phases.coming)
                let prepare = try #require(phases.prepare)
                let live = try #require(phases.live)
                let initialize = try #require(phases.initialize)
                #expect(prepare + initialize <= live && live <= total && coming > 0 && coming < prepare)
            }
            #expect(loads.first?.dependencies == [] && loads.dropFirst().first?.dependencies == ["fat"])
            let symbol = try #require(loads[0].requestedBy.map { $0.caller })
            var symbols = KernelSymbols()
            #expect(symbols.name(at: symbol) == "get_fs_type")

            // It is in use now, in two ways.
            let unloads = try Self.unloads {
                _ = try Self.run("module-unload", "vfat")
                _ = try Self.run("module-unload", "fat")
            }
            #expect(unloads.map(\.outcome) == [.refused, .refused])
            #expect(unloads.map(\.errno) == [EWOULDBLOCK, EWOULDBLOCK])
            #expect(unloads[0].reason == "in use: 1 reference" && unloads[0].references == 1)
            #expect(unloads[1].usedBy == ["vfat"] && unloads[1].reason == "used by vfat")
            #expect(unloads.allSatisfy { $0.holdersRead == .atRefusal && $0.cut == [] })
        }

        @Test(.enabled(if: hasTestModules, "this guest has no test modules"))
        func `a module that asks for another from its init function`() throws {
            try Self.shell("cp \(Self.file("apus_plain")) \(Self.tree) && depmod 2>/dev/null")
            let loads = try Self.loads { _ = try Self.run("module-load", Self.file("apus_asking")) }
            // The inner one ends first.
            #expect(loads.map(\.name) == ["apus_plain", "apus_asking"])
            #expect(loads[0].requestedBy?.process.pid == loads[1].loader.pid)
            #expect(loads[0].requestedBy?.alias == "apus_plain")
            #expect(loads[0].version == "1.7" && loads[0].licence == "Dual BSD/GPL")
            let srcversion = try #require(Procfs.text("/sys/module/apus_plain/srcversion"))
            #expect(loads[0].srcversion == srcversion && srcversion.count > 20)
            #expect(loads.allSatisfy { $0.taints == "OE" && $0.isSigned == false })
        }

        @Test(.enabled(if: hasTestModules, "this guest has no test modules"))
        func `init time is that of the module's own clock`() throws {
            // An emulated CPU can be away for a while about the call: the least of three decides.
            var beyond: [UInt64] = []
            for turn in 0..<3 {
                let load = try #require(
                    try Self.loads { _ = try Self.run("module-load", Self.file("apus_slow")) }.first)
                let truth = try #require(
                    Procfs.text("/sys/module/apus_slow/parameters/init_ns").flatMap { UInt64($0) })
                let initialize = try #require(load.phases.initialize)
                #expect(truth >= 50_000_000)
                try #require(initialize >= truth, "\(initialize) against \(truth)")
                beyond.append(initialize - truth)
                if turn < 2 { _ = try Self.run("module-unload", "apus_slow") }
            }
            #expect(try #require(beyond.min()) < 1_000_000, "\(beyond)")
            let unload = try #require(try Self.unloads { _ = try Self.run("module-unload", "apus_slow") }.first)
            #expect(unload.outcome == .unloaded && unload.errno == 0 && unload.name == "apus_slow")
            let exit = try #require(unload.exit)
            let freed = try #require(unload.freed)
            let whole = try #require(unload.total)
            // What it slept, and the way there and back on an emulated CPU.
            #expect(exit >= 20_000_000 && exit < freed && freed <= whole, "\(exit), \(freed) of \(whole)")
        }

        @Test(.enabled(if: hasTestModules, "this guest has no test modules"))
        func `the exit function's time has no wait for the module's lock in it`() throws {
            var exits: [UInt64] = []
            for _ in 0..<3 {
                _ = try Self.run("module-load", Self.file("apus_plain"))
                let unload = try #require(try Self.unloads { _ = try Self.run("module-unload", "apus_plain") }.first)
                let exit = try #require(unload.exit)
                #expect(exit < unload.total ?? 0, "\(exit)")
                exits.append(exit)
            }
            // It does nothing; an emulated CPU can be away meanwhile.
            #expect(try #require(exits.min()) < 5_000_000, "\(exits)")
        }

        @Test(.enabled(if: hasTestModules, "this guest has no test modules"))
        func `a module that is being loaded is not unloaded, and that is why`() throws {
            let loader = try LaunchedProcess(
                ["insmod", Self.file("apus_slow"), "init_ms=1500"], unblocking: Signals([SIGUSR2]))
            let unloads = try Self.unloads {
                try loader.start()
                while Procfs.text("/sys/module/apus_slow/initstate") != "coming" && !loader.hasEnded() {}
                _ = try Self.run("module-unload", "apus_slow")
                #expect(loader.reap() == .code(0))
            }
            #expect(unloads.map(\.errno) == [EBUSY] && unloads.map(\.reason) == ["it is being loaded"])
        }

        @Test(.enabled(if: hasTestModules, "this guest has no test modules"))
        func `what is longer than a record's room is told as cut`() throws {
            let word = "word=" + String(repeating: "x", count: 300)
            let load = try Self.load { try Self.run("module-load", Self.file("apus_parameters"), word) }
            #expect(load.cut == ["parameters", "arguments"], "\(load)")
            #expect(load.parameters == word.prefix(252) + "…" && load.loader.arguments.last?.hasSuffix("x…") == true)
            _ = try Self.run("module-unload", "apus_parameters")
            // 255 bytes fit.
            let fitting = String(word.prefix(255))
            let whole = try Self.load { try Self.run("module-load", Self.file("apus_parameters"), fitting) }
            #expect(whole.parameters == fitting && whole.cut == ["arguments"])

            let name = String(repeating: "n", count: 80)
            try Self.shell("mkdir -p /tmp/\(name) && cp \(Self.file("apus_failing")) /tmp/\(name)/")
            let deep = try Self.load { try Self.run("module-load", "/tmp/\(name)/apus_failing.ko") }
            #expect(deep.file == "/tmp/\(name.prefix(60))…/apus_failing.ko")
        }

        @Test(.enabled(if: hasTestModules, "this guest has no test modules"))
        func `users beyond those that a record has room for are told as cut`() throws {
            _ = try Self.run("module-load", Self.file("apus_base"))
            try Self.shell("for module in /apus/modules/users/*.ko; do insmod $module || exit; done")
            let unload = try #require(try Self.unloads { _ = try Self.run("module-unload", "apus_base") }.first)
            // The last to come is the first in the kernel's list.
            let all = (1...33).map { "apus_use\($0 < 10 ? "0" : "")\($0)" }
            #expect(unload.usedBy.count == 32 && Set(unload.usedBy).isSubset(of: all), "\(unload.usedBy)")
            #expect(unload.cut == ["used_by"] && unload.errno == EWOULDBLOCK)
            try Self.shell("rmmod apus_use33")
            let fewer = try #require(try Self.unloads { _ = try Self.run("module-unload", "apus_base") }.first)
            #expect(fewer.usedBy.count == 32 && fewer.cut == [] && !fewer.usedBy.contains("apus_use33"))
            try Self.shell(
                "for module in /apus/modules/users/*.ko; do rmmod $(basename $module .ko) 2>/dev/null; done; true")
        }

        @Test func `a loader's cgroup is told`() throws {
            let folder = "/sys/fs/cgroup/apus-loaders"
            defer { rmdir(folder) }
            let loads = try Self.loads {
                try Self.shell(
                    "mkdir \(folder) && echo $$ > \(folder)/cgroup.procs && "
                        + "exec \(ObservedWorkload.program) module-load \(Self.file("dummy"))")
            }
            #expect(loads.map(\.loader.cgroup) == ["apus-loaders"])
        }

        // MARK: - Hostile text

        @Test(.enabled(if: hasTestModules, "this guest has no test modules"))
        func `a hostile line of the log is in the record, and harmless in text and JSON`() throws {
            let load = try Self.load { try Self.run("module-load", Self.file("apus_hostile")) }
            #expect(load.log.contains { $0.contains("\u{1b}[2J") && $0.contains("\"quoted\"") }, "\(load.log)")
            for format in ["-v", "--json"] {
                _ = try Self.run("module-unload", "apus_hostile")
                let output = try Self.apus("modules", format, "--", "insmod", Self.file("apus_hostile"))
                #expect(output.contains("quoted"))
                #expect(output.unicodeScalars.allSatisfy { $0 == "\n" || $0.properties.generalCategory != .control })
                guard format == "--json" else { continue }
                for line in output.split(separator: "\n") {
                    let document = try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any]
                    #expect(document?["schema"] as? String == "apus.modules/1")
                }
            }
        }

        // MARK: - The list

        @Test func `the list agrees with lsmod to the letter`() throws {
            try Self.shell("modprobe vfat && modprobe tun")
            let entries = ModuleList.entries()
            // busybox: a title, then NAME SIZE REFERENCES USERS
            let lines = try Self.output("lsmod").split(separator: "\n").dropFirst()
            #expect(
                lines.map { $0.split(separator: " ").joined(separator: " ") }
                    == entries.map { entry in
                        let users = entry.usedBy + (entry.isPermanent ? ["[permanent]"] : [])
                        return
                            ([entry.name, "\(entry.sizeBytes)", "\(entry.references ?? 0)"]
                            + (users.isEmpty ? [] : [users.joined(separator: ",")])).joined(separator: " ")
                    })
            let vfat = try #require(entries.first { $0.name == "vfat" })
            #expect(vfat.state == "Live" && vfat.isSigned == true && vfat.taints == "")
            #expect(entries.first { $0.name == "fat" }?.usedBy == ["vfat"])
            let text = try Self.apus("modules", "--list", "--name", "fat")
            #expect(text.split(separator: "\n").count == 2 && text.contains(" vfat"))
            let seen = try Self.apus("modules", "--list", "-q", "--", "sh", "-c", "modprobe dummy")
            #expect(seen.contains("    loaded ") && seen.contains("modprobe") || seen.contains(" by sh"), "\(seen)")
        }

        // MARK: - Helpers

        /// Watches from its first use on: to attach to a dozen functions takes seconds in a guest.
        nonisolated(unsafe) private static var watching: ModuleTracer?

        static func records(during body: () throws -> Void) throws -> [ModuleRecord] {
            // It may have seen more than it has room for, of what others watched.
            if try watching?.completeness().isExact != true {
                watching = nil
                watching = try ModuleTracer.start(.init())
            }
            _ = try watching?.collect()
            try body()
            let records = try (watching?.collect() ?? []) + (watching?.collectLosses() ?? [])
            if let completeness = try watching?.completeness() { expectSoundness(completeness) }
            return records
        }

        static func records(_ options: ModuleTracer.Options, during body: () throws -> Void) throws -> [ModuleRecord] {
            var tracer = try ModuleTracer.start(options)
            try body()
            let records = try tracer.collect() + tracer.collectLosses()
            expectSoundness(try tracer.completeness())
            return records
        }

        static func loads(during body: () throws -> Void) throws -> [ModuleLoad] {
            try records(during: body).compactMap { if case .load(let load) = $0 { load } else { nil } }
        }

        static func unloads(during body: () throws -> Void) throws -> [ModuleUnload] {
            try records(during: body).compactMap { if case .unload(let unload) = $0 { unload } else { nil } }
        }

        /// One load by the workload, whose process and error number are what it says itself.
        static func load(by body: () throws -> [String: Any]) throws -> ModuleLoad {
            var truth: [String: Any] = [:]
            let loads = try loads { truth = try body() }
            let load = try #require(loads.first)
            #expect(loads.count == 1)
            #expect(load.errno == (truth["errno"] as? NSNumber)?.int32Value)
            #expect(load.loader.pid == (truth["pid"] as? NSNumber)?.uint32Value)
            return load
        }

        /// What the workload printed.
        @discardableResult
        static func run(_ arguments: String..., environment: [String: String] = [:]) throws -> [String: Any] {
            let text = try output(ObservedWorkload.program, arguments, environment: environment)
            return try JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: Any] ?? [:]
        }

        /// What `apus` printed, results and all.
        static func apus(_ arguments: String...) throws -> String {
            let program = (ObservedWorkload.program as NSString).deletingLastPathComponent + "/apus"
            return try output("/bin/sh", ["-c", "\"$0\" \"$@\" 2>&1", program] + arguments)
        }

        static func shell(_ script: String) throws { _ = try output("/bin/sh", ["-c", script]) }

        static func output(_ program: String, _ arguments: [String] = [], environment: [String: String] = [:]) throws
            -> String
        {
            let process = Process()
            process.executableURL = URL(fileURLWithPath: program.hasPrefix("/") ? program : "/usr/bin/env")
            process.arguments = (program.hasPrefix("/") ? [] : [program]) + arguments
            process.environment = ProcessInfo.processInfo.environment.merging(environment) { $1 }
            let pipe = Pipe()
            process.standardOutput = pipe
            try process.run()
            let data = try pipe.fileHandleForReading.readToEnd() ?? Data()
            process.waitUntilExit()
            #expect(process.terminationStatus == 0, "\(program) \(arguments)")
            return String(decoding: data, as: UTF8.self)
        }
    }
}
