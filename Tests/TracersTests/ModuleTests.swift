// SPDX-License-Identifier: Apache-2.0
import CEvents
import Glibc
import Testing

@testable import Tracers

struct ModuleLayoutTests {
    @Test func `Swift and the programs agree on the records`() {
        #expect(MemoryLayout<module_event>.size == 48)
        #expect(MemoryLayout<module_event>.offset(of: \.command) == 32)
        #expect(MemoryLayout<module_request>.offset(of: \.alias) == 48 + 1184 + 16)
        #expect(MemoryLayout<module_log>.offset(of: \.text) == 56)
        #expect(MemoryLayout<module_reference>.offset(of: \.name) == 64)
        #expect(MemoryLayout<module_process>.offset(of: \.executable) == 160)
        #expect(MemoryLayout<module_action>.offset(of: \.process) == 48)
        #expect(MemoryLayout<module_action>.offset(of: \.begin_ns) == 1232)
        #expect(MemoryLayout<module_action>.offset(of: \.name) == 1432)
        #expect(MemoryLayout<module_action>.offset(of: \.file) == 1432 + 56 + 2 * 32 + 2 * 256)
    }
}

struct ModuleJournalTests {
    /// A load that got so far, and ended with an error.
    private func action(_ errno: Int32, _ change: (inout module_action) -> Void = { _ in }) -> module_action {
        var action = module_action()
        action.event.type = MODULE_EVENT_LOAD.rawValue
        action.event.ts_ns = 2_000
        action.event.tid = 7
        action.begin_ns = 1_000
        action.end_ns = 1_500
        action.result = -Int64(errno)
        change(&action)
        return action
    }

    private func stage(
        _ errno: Int32, log: [String] = [], seesStages: Bool = true, _ change: (inout module_action) -> Void = { _ in }
    ) -> ModuleLoad.Stage {
        ModuleLoad.Stage(action(errno, change), errno: errno, log: log, seesStages: seesStages)
    }

    @Test func `a stage is told by how far the load came`() {
        #expect(stage(EINVAL) == .reading)
        #expect(stage(EPERM) == .permission)
        #expect(stage(ENOEXEC) { $0.checked_ns = 1 } == .format)
        #expect(stage(EPERM) { $0.checked_ns = 1 } == .signature)
        #expect(stage(EKEYREJECTED) { $0.checked_ns = 1 } == .signature)
        #expect(stage(ENOENT) { $0.checked_ns = 1 } == .unknownSymbol)
        #expect(stage(ENOMEM) { $0.checked_ns = 1 } == .memory)
        #expect(stage(EBUSY) { $0.checked_ns = 1 } == .duplicateName)
        #expect(stage(EINVAL) { ($0.checked_ns, $0.formed_ns) = (1, 2) } == .parameters)
        #expect(stage(EIO) { ($0.checked_ns, $0.formed_ns, $0.parsed_ns) = (1, 2, 3) } == .other)
        // Its init function may return any error, another stage's too.
        #expect(stage(ENOENT) { ($0.loaded_ns, $0.init_result) = (4, -ENOENT) } == .initialization)
    }

    @Test func `or else by what the kernel logged`() {
        let lines: [(String, ModuleLoad.Stage)] = [
            ("vfat: disagrees about version of symbol module_layout", .symbolVersion),
            ("vfat: Unknown symbol fat_scan (err -22)", .unknownSymbol),
            ("dummy: `abc' invalid for parameter `numdummies'", .parameters),
        ]
        for (line, expected) in lines {
            #expect(stage(EINVAL, log: [line], seesStages: false) == expected, "\(line)")
        }
        #expect(stage(EINVAL, seesStages: false) == .other)
    }

    @Test func `lines of the log go to the load whose thread printed them, or that they name`() {
        var journal = ModuleJournal(sharesLoads: false, seesStages: true)
        let header = { (time: UInt64) in ModuleEvent.Header(time: time, lost: 0) }
        for (time, tid, text) in [
            (UInt64(1_499), UInt32(7), "before it began"), (1_600, 7, "[    1.234567] of its own\n"),
            (1_700, 8, "fat: of another thread"), (1_800, 9, "fatal, but not fat's"), (1_900, 9, "a bad_fat line"),
        ] { #expect(journal.take(.log(tid: tid, text: text, isCut: time == 1_700), header(time)).isEmpty) }
        let records = journal.take(
            .action(
                action(0) { action in
                    withUnsafeMutableBytes(of: &action.name) { $0.copyBytes(from: Array("fat".utf8)) }
                    action.loaded_ns = 1_200
                }), header(2_000))
        guard case .load(let load) = records.first else {
            Issue.record("no record")
            return
        }
        #expect(load.log == ["of its own", "fat: of another thread", "fatal, but not fat's"])
        #expect(load.outcome == .live && load.phases.total == 500 && load.phases.prepare == 200)
        #expect(load.cut == ["log"])
    }

    @Test func `lines that were given up before their load ended are told as cut`() {
        var journal = ModuleJournal(sharesLoads: false, seesStages: true)
        for _ in 0..<16_385 {
            _ = journal.take(.log(tid: 7, text: "a line", isCut: false), .init(time: 1_600, lost: 0))
        }
        let records = journal.take(.action(action(0) { $0.loaded_ns = 1_200 }), .init(time: 2_000, lost: 0))
        guard case .load(let load) = records.first else {
            Issue.record("no record")
            return
        }
        #expect(load.cut == ["log"] && load.log.count == 16_385 - 8_192)
    }

    @Test func `what the kernel cut is named`() {
        let cut = action(0) { $0.cut = UInt8((MODULE_CUT_PARAMETERS.rawValue) | (MODULE_CUT_USES.rawValue)) }
        #expect(ModuleEvent.cut(cut, uses: "used_by") == ["parameters", "used_by"])
        #expect(ModuleEvent.cut(action(0), uses: "used_by") == [])
    }

    @Test func `with nothing to compare, a module that is there is not said to be another`() {
        var journal = ModuleJournal(sharesLoads: false, seesStages: true)
        for name in ["no_such_module_here", "../../etc"] {
            let records = journal.take(
                .action(
                    action(EEXIST) { action in
                        withUnsafeMutableBytes(of: &action.name) { $0.copyBytes(from: Array(name.utf8)) }
                        action.build_id_size = 20
                    }), .init(time: 2_000, lost: 0))
            guard case .load(let load) = records.first else {
                Issue.record("no record")
                return
            }
            #expect(load.outcome == .alreadyLoaded && load.stage == nil && load.comparedBy == nil)
        }
    }

    /// An unload as its record has it.
    private func unload(_ errno: Int32, _ change: (inout module_action) -> Void) throws -> ModuleUnload {
        var journal = ModuleJournal(sharesLoads: false, seesStages: true)
        let records = journal.take(
            .action(
                action(errno) {
                    $0.event.type = MODULE_EVENT_UNLOAD.rawValue
                    change(&$0)
                }), .init(time: 2_000, lost: 0))
        guard case .unload(let unload) = try #require(records.first) else { throw NoUnload() }
        return unload
    }

    struct NoUnload: Error {}

    @Test func `a refusal tells what the kernel refused for, as it was then`() throws {
        for (state, reason) in [
            (UInt32(0), "it has no exit function"), (1, "it is being loaded"), (2, "it is being unloaded"),
        ] {
            #expect(try unload(EBUSY) { ($0.found_ns, $0.state) = (1_100, state) }.reason == reason)
        }
        let unknown = try unload(EBUSY) { _ in }
        #expect(unknown.reason == "it was being loaded or unloaded, or has no exit function")
        #expect(unknown.references == nil && unknown.holdersRead == nil)
        let held = try unload(EWOULDBLOCK) { ($0.found_ns, $0.references) = (1_100, 2) }
        #expect(held.reason == "in use: 2 references" && held.references == 2 && held.holdersRead == .atRefusal)
    }

    @Test func `the exit function's time begins where the kernel found the module, or is not told`() throws {
        let seen = try unload(0) { ($0.found_ns, $0.exited_ns, $0.freed_ns) = (1_100, 1_300, 1_400) }
        #expect(seen.total == 500 && seen.exit == 200 && seen.freed == 400)
        let unseen = try unload(0) { $0.freed_ns = 1_400 }
        #expect(unseen.exit == nil && unseen.freed == 400)
    }

    @Test func `a loss is told where it is in the stream, once`() {
        var journal = ModuleJournal(sharesLoads: false, seesStages: true)
        let kinds = [UInt64(0), 3, 3, 5].flatMap { lost in
            journal.take(.reference(ModuleReference()), .init(time: 1, lost: lost)).map { record in
                if case .lost(let count, _) = record { "lost \(count)" } else { "reference" }
            }
        }
        #expect(kinds == ["reference", "lost 3", "reference", "reference", "lost 2", "reference"])
        #expect(journal.take(lost: 5, at: 2) == nil)
    }

    @Test func `a waiter for another's load is told from a load of its own`() {
        var journal = ModuleJournal(sharesLoads: true, seesStages: true)
        func outcome(_ errno: Int32, _ change: (inout module_action) -> Void) -> ModuleLoad.Outcome? {
            let records = journal.take(.action(action(errno, change)), .init(time: 2_000, lost: 0))
            if case .load(let load) = records.first { return load.outcome }
            return nil
        }
        #expect(outcome(0) { _ in } == .shared)
        #expect(outcome(ENODEV) { _ in } == .shared)
        #expect(outcome(EBADF) { _ in } == .failed)
        #expect(outcome(ENODEV) { ($0.read_ns, $0.checked_ns) = (1, 2) } == .failed)
        #expect(outcome(0) { $0.loaded_ns = 3 } == .live)
        #expect(outcome(ENODEV) { $0.from_memory = 1 } == .failed)
    }

    @Test func `names and letters are the kernel's`() {
        #expect(ModuleJournal.moduleName("/lib/modules/6.1/kernel/fs/nls/nls-cp437.ko.xz") == "nls_cp437")
        #expect(Taints.letters(1 << 12 | 1 << 13 | 1) == "POE")
        #expect(Taints.letters(0) == "")
    }
}
