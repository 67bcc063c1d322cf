// SPDX-License-Identifier: Apache-2.0
import Foundation
import Testing

extension CommandTests {
    @Suite(.needsKernel) struct HostileTextTests {
        /// Thread names, as C writes them; a name holds 15 bytes.
        static let names = [
            #"\x1b[31mred\x1b[0m"#, #"\x1b]0;title\x07"#, #"\xff\xfe\x80A\xc3"#, #"\x9b31mA\xc2\x9b"#,
            #"a\nb\rc\td\x7f"#,
            #"\"\\{}\x01"#, #"\xe2\x80\xaeabc"#, #"\xf0\x9f\x90\xa6bird"#, #"aaaaaaaaaaaaaa\xc3\xa9"#,
        ]

        @Test(arguments: names) func `a thread's name does nothing to a terminal`(name: String) throws {
            for options in [[], ["-t"], ["--kernel-times"], ["-t", "--interval", "10"]] {
                let run = try runCommand(
                    [Programs.apus, "time", "--color", "never"] + options + ["--", Programs.workload, "name", name])
                #expect(run.end == .code(0))
                expectHarmless(run.errors)
            }
        }

        @Test(arguments: names) func `a thread's name leaves JSON valid`(name: String) throws {
            let run = try apus("time", "--json", "--", Programs.workload, "name", name)
            #expect(String(validating: run.errors, as: UTF8.self) != nil)
            expectHarmless(run.errors)
            _ = try JSONSerialization.jsonObject(with: Data(run.errors))
            let truth = try #require(try JSONSerialization.jsonObject(with: Data(run.output)) as? [String: Any])
            let hex = try #require(truth["name_hex"] as? String)
            let kept = stride(from: 0, to: hex.count, by: 2).compactMap {
                UInt8(hex.dropFirst($0).prefix(2), radix: 16)
            }
            #expect(try TimeDocument(run.errors).threads.map(\.command) == [String(decoding: kept, as: UTF8.self)])
        }

        @Test func `arguments and paths in the title do nothing to a terminal`() throws {
            let folder = try TemporaryFolder()
            let scripts = [
                #""$apus" time --color never -- true "$(printf '\033[31m\377\233\r\nx\177\342\200\256')""#,
                #"name="$1/$(printf '\033[2Jevil\n')"; cp /bin/true "$name"; "$apus" time --color never -- "$name""#,
                #""$apus" time --color never --interval 10 -- sleep 0.03 "$(printf '0\n')""#,
            ]
            for script in scripts { expectHarmless(try shell(script, folder.path).errors) }
        }

        @Test func `messages about hostile arguments do nothing to a terminal`() throws {
            for script in [
                #""$apus" time -- "$(printf '/no/\033[31m\377\nprogram')""#,
                #""$apus" time -o "$(printf '/no/\033[31m\377\nfile')" -- true"#,
                #""$apus" "$(printf 'no\033[31m\377command')""#,
                #""$apus" time -p "$(printf '\033[31m\377')""#,
            ] {
                let run = try shell(script)
                #expect(!run.errors.isEmpty && run.end != .code(0))
                expectHarmless(run.errors)
            }
        }
    }
}

/// Valid UTF-8 without a control character but the end of a line, and without one that changes the
/// direction of text.
private func expectHarmless(_ bytes: [UInt8], sourceLocation: SourceLocation = #_sourceLocation) {
    guard let text = String(validating: bytes, as: UTF8.self) else {
        Issue.record("not valid UTF-8: \(bytes)", sourceLocation: sourceLocation)
        return
    }
    let harmful = text.unicodeScalars.filter { scalar in
        scalar.value < 0x20 && scalar != "\n" || (0x7f...0x9f).contains(scalar.value)
            || (0x202a...0x202e).contains(scalar.value) || (0x2066...0x2069).contains(scalar.value)
    }
    // In JSON a bidirectional control is data, and is not for a terminal.
    let isJSON = text.hasPrefix("{")
    let found = harmful.filter { !isJSON || $0.value < 0x2000 }
    #expect(
        found.isEmpty, "\(found.map { String($0.value, radix: 16) }) in \(text.debugDescription)",
        sourceLocation: sourceLocation)
}
