// SPDX-License-Identifier: Apache-2.0
import Glibc
import Testing

/// What needs no module; the guests' tests load them.
extension CommandTests {
    @Suite struct ModulesTests {
        static let hasModules = access("/proc/modules", F_OK) == 0

        @Test(
            .enabled(if: !hasModules, "this kernel has loadable modules"), arguments: [[], ["--list"], ["--", "true"]])
        func `on a kernel without modules it is one line and 125`(arguments: [String]) throws {
            let run = try runCommand([Programs.apus, "modules"] + arguments)
            #expect(run.end == .code(125), "\(run)")
            #expect(run.errorText.contains("no loadable modules") && run.errorText.contains("CONFIG_MODULES"))
            #expect(run.errorText.split(separator: "\n").count == 1 && run.output.isEmpty)
        }

        @Test(arguments: [
            ["--duration", "0"], ["--duration", "x"], ["--count", "0"], ["--hooks", "kprobe"], ["--no-such-option"],
            ["-Z", "true"], ["--name"],
        ])
        func `wrong usage is 64`(arguments: [String]) throws {
            let run = try runCommand([Programs.apus, "modules"] + arguments)
            #expect(run.end == .code(64), "\(run)")
            #expect(run.errorText.hasPrefix("apus: ") && run.errorText.contains("Usage: apus modules"))
        }

        @Test func `its help fits in 80 columns and says what it exits with`() throws {
            let run = try apus("modules", "--help")
            #expect(run.end == .code(0))
            #expect(run.text.split(separator: "\n").allSatisfy { $0.count <= 80 })
            #expect(run.text.contains("125") && run.text.contains("--references"))
        }
    }
}
