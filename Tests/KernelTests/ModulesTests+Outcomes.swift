// SPDX-License-Identifier: Apache-2.0
import BPF
import Foundation
import Glibc
import Linux
import Testing
import Tracers

/// Each outcome and stage, and what of a record is cut.
extension KernelTests.ModulesTests {
    /// A load that fails: the file, its parameters, and what is expected.
    struct Failing: CustomTestStringConvertible, Sendable {
        let module: String
        var parameters = ""
        let stage: ModuleLoad.Stage
        let errno: Int32
        var isOfTestModules: Bool { module.hasPrefix("apus_") }
        var testDescription: String { "\(module) \(stage.rawValue)" }
    }

    static let failing = [
        Failing(module: "vfat", stage: .unknownSymbol, errno: ENOENT),
        Failing(module: "dummy", parameters: "numdummies=abc", stage: .parameters, errno: EINVAL),
        Failing(module: "apus_unknown", stage: .unknownSymbol, errno: ENOENT),
        Failing(module: "apus_upper", stage: .unknownSymbol, errno: ENOENT),
        Failing(module: "apus_failing", stage: .initialization, errno: ENODEV),
        Failing(module: "apus_parameters", parameters: "number=x", stage: .parameters, errno: EINVAL),
        Failing(module: "apus_foreign", stage: .format, errno: ENOEXEC),
        Failing(module: "apus_huge", stage: .memory, errno: ENOMEM),
    ]

    @Test(arguments: failing.filter { hasTestModules || !$0.isOfTestModules })
    func `a load that fails tells where`(failing: Failing) throws {
        let load = try Self.load { try Self.run("module-load", Self.file(failing.module), failing.parameters) }
        #expect(load.outcome == .failed && load.stage == failing.stage, "\(load)")
        #expect(load.errno == failing.errno)
        // The file of another kernel's module has the module's own name in it.
        #expect(load.name == (failing.module == "apus_foreign" ? "apus_plain" : failing.module))
        #expect(load.parameters == failing.parameters && load.file == Self.file(failing.module))
        #expect(load.loader.command == "workload" && load.loader.executable == ObservedWorkload.program)
        #expect(failing.stage != .unknownSymbol || load.log.contains { $0.contains("Unknown symbol") })
    }

    @Test(.enabled(if: hasTestModules, "this guest has no test modules"))
    func `parameters are told as they were passed`() throws {
        let load = try Self.load { try Self.run("module-load", Self.file("apus_parameters"), "number=7 word=x") }
        #expect(load.outcome == .live && load.parameters == "number=7 word=x")
    }

    @Test(.enabled(if: hasTestModules, "this guest has no test modules"))
    func `a symbol of another version is told from an unknown one`() throws {
        _ = try Self.run("module-load", Self.file("apus_base"))
        let load = try Self.load { try Self.run("module-load", Self.file("apus_versions")) }
        #expect(load.outcome == .failed && load.stage == .symbolVersion && load.errno == EINVAL, "\(load)")
        #expect(load.name == "apus_upper")
    }

    @Test func `a file that is no module is a matter of format`() throws {
        try Self.shell("echo junk > /tmp/junk.ko; dd if=/dev/urandom of=/tmp/noise.ko bs=4096 count=2 2>/dev/null")
        for name in ["junk", "noise"] {
            let load = try Self.load { try Self.run("module-load", "/tmp/\(name).ko") }
            #expect(load.outcome == .failed && load.stage == .format && load.errno == ENOEXEC, "\(load)")
            #expect(load.name == name)
        }
    }

    @Test func `a file that cannot be read fails in reading`() throws {
        let load = try Self.load { try Self.run("module-load", "/tmp") }
        #expect(load.outcome == .failed && load.stage == .reading, "\(load)")
    }

    @Test func `a signature that is not right`() throws {
        var bytes = try #require(Procfs.bytes(Self.file("dummy")))
        // Within the signature proper, which ends before the trailer: 12 bytes and a magic of 28.
        bytes[bytes.count - 100] ^= 0xff
        try Data(bytes).write(to: URL(fileURLWithPath: "/tmp/dummy.ko"))
        let load = try Self.load { try Self.run("module-load", "/tmp/dummy.ko") }
        #expect(load.outcome == .failed && load.stage == .signature, "\(load)")
    }

    @Test func `a user who may not load modules`() throws {
        let load = try Self.load {
            try Self.run("module-load", Self.file("dummy"), environment: ["WORKLOAD_UID": "65534"])
        }
        #expect(load.outcome == .failed && load.stage == .permission && load.errno == EPERM, "\(load)")
        #expect(load.loader.uid == 65534)
    }

    @Test func `a module that is there, and another of its name`() throws {
        try Self.shell("cp \(Self.file("dummy")) /tmp/copy.ko")
        // Another build of that name, not signed, without the magic at its end.
        var bytes = try #require(Procfs.bytes(Self.file("dummy"))).dropLast(28)
        let note: [UInt8] = [4, 0, 0, 0, 20, 0, 0, 0, 3, 0, 0, 0] + Array("GNU\0".utf8)
        let place = try #require(bytes.firstRange(of: note))
        bytes[place.upperBound] ^= 0xff
        try Data(bytes).write(to: URL(fileURLWithPath: "/tmp/dummy.ko"))
        // Who asks first has not been seen.
        _ = try Self.run("module-load", Self.file("dummy"))
        let loads = try Self.loads {
            for file in [Self.file("dummy"), "/tmp/copy.ko", "/tmp/dummy.ko"] {
                _ = try Self.run("module-load", file)
            }
            _ = try Self.run("module-load-from-memory", Self.file("dummy"))
            _ = try Self.run("module-load-from-memory", "/tmp/dummy.ko")
        }
        #expect(loads.map(\.outcome) == [.alreadyLoaded, .alreadyLoaded, .failed, .alreadyLoaded, .failed])
        #expect(loads.map(\.stage) == [nil, nil, .duplicateName, nil, .duplicateName])
        #expect(loads.allSatisfy { $0.name == "dummy" && $0.errno == EEXIST && $0.comparedBy == .buildID })
        #expect(loads.map { $0.file == nil } == [false, false, false, true, true])
    }

    @Test func `what is not loaded, or has no exit function, is not unloaded`() throws {
        let unload = try #require(try Self.unloads { _ = try Self.run("module-unload", "no_such_module") }.first)
        #expect(unload.outcome == .refused && unload.errno == ENOENT && unload.reason == "it is not loaded")
        guard Self.hasTestModules else { return }
        _ = try Self.run("module-load", Self.file("apus_permanent"))
        let permanent = try #require(try Self.unloads { _ = try Self.run("module-unload", "apus_permanent") }.first)
        #expect(permanent.outcome == .refused && permanent.errno == EBUSY)
        #expect(permanent.reason == "it has no exit function" && !permanent.isForced)
        let forced = try #require(
            try Self.unloads { _ = try Self.run("module-unload", "apus_permanent", "force") }.first)
        #expect(forced.isForced)
    }
}
