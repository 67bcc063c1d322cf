// SPDX-License-Identifier: Apache-2.0
import BPF
import Foundation
import Glibc
import TestObjects
import Testing

// The example of the library's DocC page, Sources/BPF/BPF.docc/BPF.md.
// example
/// Counts this process's calls of getppid(2) while `body` runs.
func countCalls(objectFile: UnsafeRawBufferPointer, during body: () -> Void) throws -> UInt64 {
    let opened = try OpenObject(name: "trial", bytes: objectFile)
    for program in [
        "typed", "classic", "sample", "user", "function_entry", "function_exit", "tasks", "nesting", "printer",
        "rejected",
    ] {
        try opened.omit(program: program)
    }
    try opened.set("watched_pid", to: UInt32(getpid()))

    let object = try opened.load()
    let ring = try RingBuffer(object.map("records"))
    let link = try object.attach("raw")
    body()
    _ = consume link  // Detached: the count is final.

    var records: UInt64 = 0
    ring.drain { record in
        records += record.byteCount == 16 ? 1 : 0
    }
    let calls = try object.value(of: "calls", as: UInt64.self)
    return min(calls, records)
}
// end

extension KernelTests {
    @Suite(.needs(.tracing, .btf, .ringBuffer))
    struct ExampleTests {
        @Test func `the example of the documentation counts exactly`() throws {
            let object = UnsafeRawBufferPointer(start: trial_object, count: trial_object_size)
            #expect(try countCalls(objectFile: object) { for _ in 0..<17 { _ = getppid() } } == 17)
        }

        @Test(.enabled(if: !KernelTests.isGuest, "the sources are not in the guest"))
        func `the documentation shows this very code`() throws {
            let here = URL(fileURLWithPath: #filePath)
            let page = here.deletingLastPathComponent().appendingPathComponent("../../Sources/BPF/BPF.docc/BPF.md")
            let text = try String(contentsOf: here, encoding: .utf8)
            let example = try #require(
                text.components(separatedBy: "// example\n").last?.components(separatedBy: "// end\n").first)
            #expect(try String(contentsOf: page, encoding: .utf8).contains("```swift\n" + example + "```"))
        }
    }
}
