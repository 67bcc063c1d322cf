// SPDX-License-Identifier: Apache-2.0
import Glibc
import Linux
import Testing

@testable import Symbols

/// Found by name in this very program: `@_cdecl` gives it one that is known.
@_cdecl("apus_symbols_test_landmark")
public func landmark() -> Int32 { 42 }

@Suite struct SymbolFileTests {
    @Test func `an address of this program has its function, and the build id of its file`() throws {
        let spaces = AddressSpaces(everything: false, followsChildren: false)
        spaces.add(getpid())
        let function: @convention(c) () -> Int32 = landmark
        let address = UInt64(UInt(bitPattern: unsafeBitCast(function, to: UnsafeRawPointer.self)))
        var symbolizer = Symbolizer(spaces)
        let number = symbolizer.number(address, of: getpid(), at: 1, user: getuid(), isReturn: false)
        let table = symbolizer.resolve()
        let found = table.function(of: number)
        #expect(found.name == "apus_symbols_test_landmark" && found.isNamed)
        #expect(!table.modules[found.module].buildID.isEmpty)
        #expect(!table.isKernel(number))
    }

    @Test func `functions of shared libraries and of the vdso are found`() throws {
        let spaces = AddressSpaces(everything: false, followsChildren: false)
        spaces.add(getpid())
        var symbolizer = Symbolizer(spaces)
        let library = try #require(dlsym(UnsafeMutableRawPointer(bitPattern: 0), "getenv"))
        let numbers = [
            symbolizer.number(
                UInt64(UInt(bitPattern: library)), of: getpid(), at: 1, user: 0, isReturn: false),
            symbolizer.number(try vdsoAddress(), of: getpid(), at: 1, user: 0, isReturn: false),
        ]
        let table = symbolizer.resolve()
        #expect(table.function(of: numbers[0]).name == "getenv")
        let vdso = table.function(of: numbers[1])
        #expect(table.modules[vdso.module].name == "[vdso]")
        #expect(!table.modules[vdso.module].buildID.isEmpty)
    }

    /// The middle of its code.
    private func vdsoAddress() throws -> UInt64 {
        let range = try #require(MappedRange.all(of: getpid())?.first { $0.name == "[vdso]" })
        return range.start + 0xa00
    }

    @Test func `what cannot be named is its module and an offset, or in none`() {
        let spaces = AddressSpaces(everything: false, followsChildren: false)
        let range = MappedRange(start: 0x10000, end: 0x20000, fileOffset: 0x3000, name: "/no/such/lib.so")
        spaces.expect(7)
        spaces.take([MappingEvent(pid: 7, time: 5, kind: .map(range))])
        var symbolizer = Symbolizer(spaces)
        let number = symbolizer.number(0x10123, of: 7, at: 6, user: 0, isReturn: false)
        let before = symbolizer.number(0x10123, of: 7, at: 4, user: 0, isReturn: false)
        let stranger = symbolizer.number(0x10123, of: 8, at: 6, user: 0, isReturn: false)
        let table = symbolizer.resolve()
        #expect(table.function(of: number).name == "lib.so+0x3123")
        #expect(table.function(of: before).name == "[unmapped]")
        #expect(table.function(of: stranger).name == "[unmapped]")
        #expect(table.functions.allSatisfy { !$0.isNamed })
    }

    @Test func `an address is looked up in what was mapped at its time`() {
        let spaces = AddressSpaces(everything: false, followsChildren: true)
        func event(_ pid: Int32, _ time: UInt64, _ kind: MappingEvent.Kind) -> MappingEvent {
            MappingEvent(pid: pid, time: time, kind: kind)
        }
        func range(_ name: String) -> MappedRange {
            MappedRange(start: 0x1000, end: 0x2000, fileOffset: 0, name: name)
        }
        spaces.expect(1)
        spaces.take([
            event(1, 10, .map(range("/a"))), event(1, 20, .map(range("/b"))), event(2, 25, .fork(parent: 1)),
            event(1, 30, .execute), event(1, 31, .map(range("/c"))), event(3, 40, .map(range("/stranger"))),
            event(2, 50, .map(range("/d"))),
        ])
        var symbolizer = Symbolizer(spaces)
        let wanted: [(Int32, UInt64, String)] = [
            (1, 5, "[unmapped]"), (1, 15, "/a"), (1, 25, "/b"), (1, 30, "[unmapped]"), (1, 35, "/c"), (2, 30, "/b"),
            (2, 60, "/d"), (3, 50, "[unmapped]"),
        ]
        let numbers = wanted.map { symbolizer.number(0x1800, of: $0.0, at: $0.1, user: 0, isReturn: false) }
        let table = symbolizer.resolve()
        for (number, wanted) in zip(numbers, wanted) {
            #expect(table.modules[table.function(of: number).module].name == wanted.2, "\(wanted)")
        }
    }

    @Test(arguments: ["", "\u{7f}ELF", "\u{7f}ELF\u{2}\u{1}\u{1}", String(repeating: "x", count: 5000)])
    func `a file that is none of its kind has no symbols, and does no harm`(content: String) {
        let descriptor = memfd(content)
        defer { close(descriptor) }
        let file = SymbolFile(descriptor: descriptor, path: "x")
        #expect(file?.symbol(at: 0) == nil && file?.line(at: 0) == nil && file?.address(ofFileOffset: 0) == nil)
    }

    private func memfd(_ content: String) -> Int32 {
        let path = "/tmp/apus-symbols-\(getpid())-\(content.utf8.count)"
        let descriptor = open(path, O_RDWR | O_CREAT | O_TRUNC, 0o600)
        unlink(path)
        write(descriptor, content, content.utf8.count)
        return descriptor
    }

    @Test func `a map of generated code is read, the newest of what overlaps, and nonsense passed over`() {
        let map = PerfMap(
            text: Array(
                "1000 10 first one\n0x2000 20 second\nnonsense\n3000 zz x\nffffffffffffffff 2 wraps\n1008 8 newer\n"
                    .utf8))
        #expect(map.name(at: 0x1000) == "first one" && map.name(at: 0x1009) == "newer")
        #expect(map.name(at: 0x201f) == "second" && map.name(at: 0x2020) == nil && map.name(at: 0) == nil)
        #expect(map.name(at: .max) == nil)
    }
}
