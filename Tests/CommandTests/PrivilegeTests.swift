// SPDX-License-Identifier: Apache-2.0
import Foundation
import Glibc
import Testing

extension CommandTests {
    @Suite struct DoctorTests {
        @Test(.needsKernel) func `with every right apus time can run`() throws {
            let run = try apus("doctor")
            #expect(run.end == .code(0), "\(run)")
            #expect(run.text.contains("apus time can run."))
            #expect(run.errors.isEmpty)
        }

        @Test func `the document names each finding, and agrees with the exit status`() throws {
            let run = try apus("doctor", "--json")
            let document = try JSONDecoder().decode(DoctorDocument.self, from: Data(run.output))
            #expect(document.schema == "apus.doctor/1")
            #expect(run.end == .code(document.can_time ? 0 : 1))
            let ids = document.findings.map(\.id)
            #expect(Set(ids).count == ids.count)
            let wanted = [
                "kernel", "btf", "no_lockdown", "cap_bpf", "cap_perfmon", "cap_sys_admin", "ring_buffer",
                "task_storage",
                "task_iterator", "fentry", "kprobes", "modules", "pmu", "perf_event_paranoid", "pid_namespace",
            ]
            for id in wanted { #expect(ids.contains(id), "\(id)") }
            for finding in document.findings {
                #expect(["yes", "no", "unknown"].contains(finding.verdict))
                #expect(!finding.detail.isEmpty, "\(finding.id)")
                // What costs something says what would bring it back.
                #expect(finding.costs.isEmpty || !finding.remedy.isEmpty, "\(finding.id)")
            }
        }

        /// Hides the kernel's types in a mount namespace of its own.
        @Test(.needsKernel, .needs(program: "unshare")) func `without BTF it is said, and doctor names what it costs`()
            throws
        {
            let hide = "mount -t tmpfs none /sys/kernel/btf &&"
            let time = try runCommand(
                ["unshare", "-m", "sh", "-c", hide + #" "$0" time -- echo started"#, Programs.apus])
            #expect(time.end == .code(125), "\(time)")
            #expect(time.errorText.contains("CONFIG_DEBUG_INFO_BTF"))
            #expect(time.errorText.split(separator: "\n").count == 1)
            #expect(time.output.isEmpty)
            let doctor = try runCommand(["unshare", "-m", "sh", "-c", hide + #" "$0" doctor"#, Programs.apus])
            #expect(doctor.end == .code(1), "\(doctor)")
            #expect(doctor.text.contains("no   kernel types (BTF)"))
            #expect(doctor.text.contains("?    task iterator             cannot be tried without kernel types"))
        }

        struct DoctorDocument: Decodable {
            let schema, host, kernel, time: String
            let can_time: Bool
            let findings: [Finding]

            struct Finding: Decodable { let id, subject, verdict, detail, costs, remedy: String }
        }
    }

    /// As user 65534 (nobody), with just the capabilities that are given.
    @Suite(.needsKernel, .needs(program: "setpriv")) struct PrivilegeTests {
        let folder: TemporaryFolder

        /// A copy, where every user may execute it.
        init() throws {
            folder = try TemporaryFolder()
            #expect(try shell(#"cp "$apus" "$1"; chmod 755 "$1/apus""#, folder.path).end == .code(0))
        }

        private func apus(with capabilities: String..., arguments: [String]) throws -> Run {
            let rights = capabilities.map { "+\($0)" }.joined(separator: ",")
            let raise = rights.isEmpty ? [] : ["--inh-caps", rights, "--ambient-caps", rights]
            return try runCommand(
                ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"] + raise + [folder.file("apus")]
                    + arguments)
        }

        @Test func `doctor runs without any right, exits 1, and names what is missing`() throws {
            let run = try apus(arguments: ["doctor"])
            #expect(run.end == .code(1), "\(run)")
            // Lines are broken where they would be too long.
            let words = run.text.split { $0.isWhitespace }.joined(separator: " ")
            for name in ["CAP_BPF", "CAP_PERFMON"] {
                #expect(run.text.contains(try Regex(" no +\(name) +not in effect")), "\(run)")
                #expect(words.contains(try Regex("setcap \\S*\(name.lowercased())\\S*\\+ep")))
            }
            #expect(run.text.contains("apus time cannot run"))
            let json = try apus(arguments: ["doctor", "--json"])
            #expect(json.end == .code(1))
            #expect(
                try JSONDecoder().decode(DoctorTests.DoctorDocument.self, from: Data(json.output)).can_time == false)
        }

        @Test func `without any right apus time is 125, names each that is missing, and runs nothing`() throws {
            let run = try apus(arguments: ["time", "--", "echo", "started"])
            #expect(run.end == .code(125), "\(run)")
            #expect(run.errorText.contains("CAP_BPF and CAP_PERFMON"))
            #expect(run.errorText.split(separator: "\n").count == 1)
            #expect(run.output.isEmpty)
        }

        @Test(arguments: [("bpf", "CAP_PERFMON", "CAP_BPF"), ("perfmon", "CAP_BPF", "CAP_PERFMON")])
        func `with one of the two rights the other is named alone`(given: String, missing: String, held: String) throws
        {
            let run = try apus(with: given, arguments: ["time", "--", "echo", "started"])
            #expect(run.end == .code(125), "\(run)")
            #expect(run.errorText.contains("needs \(missing);"), "\(run)")
            #expect(!run.errorText.contains("needs \(held)"))
            #expect(run.output.isEmpty)
        }

        @Test func `with CAP_BPF and CAP_PERFMON alone it works, and says that its own cost is missing`() throws {
            let run = try apus(with: "bpf", "perfmon", arguments: ["time", "--", "true"])
            #expect(run.end == .code(0), "\(run)")
            #expect(run.errorText.contains("1 process, 1 thread"))
            #expect(run.errorText.contains("CAP_SYS_ADMIN"))
            let document = try TimeDocument(
                try apus(with: "bpf", "perfmon", arguments: ["time", "--json", "--", "true"]).errors)
            #expect(document.completeness.isExactOrDisturbed)
            #expect(document.observer.bpfRunNs.value == nil && document.observer.bpfRunCount > 0)
            #expect(document.observer.bpfUntimedReason?.contains("CAP_SYS_ADMIN") == true)
            let doctor = try apus(with: "bpf", "perfmon", arguments: ["doctor"])
            #expect(doctor.end == .code(0), "\(doctor)")
        }

        @Test func `with CAP_BPF and CAP_PERFMON alone it observes another user's process`() throws {
            let target = try Child([Programs.workload, "sleep", "2000"])
            defer { target.dispose() }
            let run = try apus(with: "bpf", "perfmon", arguments: ["time", "--json", "-p", "\(target.pid)"])
            #expect(run.end == .code(0), "\(run)")
            #expect(try TimeDocument(run.output).threads.map(\.tid) == [target.pid])
        }

        @Test func `CAP_SYS_ADMIN stands in for both`() throws {
            let run = try apus(with: "sys_admin", arguments: ["time", "--", "true"])
            #expect(run.end == .code(0), "\(run)")
        }

        @Test func `the program does not get more rights than Apus has`() throws {
            let run = try apus(
                with: "bpf", "perfmon", arguments: ["time", "--", "grep", "-E", "^(Uid|CapEff)", "/proc/self/status"])
            let bare = try runCommand([
                "setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "--inh-caps", "+bpf,+perfmon",
                "--ambient-caps",
                "+bpf,+perfmon", "grep", "-E", "^(Uid|CapEff)", "/proc/self/status",
            ])
            #expect(run.text == bare.text && run.text.contains("65534"))
        }
    }
}
