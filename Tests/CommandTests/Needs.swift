// SPDX-License-Identifier: Apache-2.0
import Glibc
import Testing

/// Skips a test where the machine lacks something, naming it. With `APUS_REQUIRE_KERNEL=1` (CI) that
/// is a failure.
struct Needs: SuiteTrait, TestTrait {
    let missing: @Sendable () -> String?

    func prepare(for test: Test) async throws {
        guard let missing = missing() else { return }
        guard getenv("APUS_REQUIRE_KERNEL").map({ String(cString: $0) }) != "1" else { throw Missing(what: missing) }
        print("skipped for want of \(missing)")
        try Test.cancel("needs \(missing)")
    }

    struct Missing: Error, CustomStringConvertible {
        let what: String
        var description: String { "\(what) is required here" }
    }
}

extension Trait where Self == Needs {
    /// Root's rights over BPF, and the kernel's types.
    static var needsKernel: Needs {
        Needs {
            if geteuid() != 0 { return "root" }
            if BPFCall.nextID(.program, after: 0) == nil && errno != ENOENT { return "permission for bpf(2)" }
            return access("/sys/kernel/btf/vmlinux", R_OK) == 0 ? nil : "/sys/kernel/btf/vmlinux"
        }
    }

    /// A program in PATH.
    static func needs(program: String) -> Needs {
        Needs {
            let folders = ["/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin"]
            return folders.contains { access("\($0)/\(program)", X_OK) == 0 } ? nil : program
        }
    }
}

/// All tests of the binary, one after another: they observe, and some of them time, the machine.
@Suite(.serialized) enum CommandTests {}
