// SPDX-License-Identifier: Apache-2.0
import Foundation
import Glibc
import Testing

/// `apus modules` while modules move: in the guests, whose kernels have some.
extension CommandTests {
    @Suite(
        .enabled(if: getenv("APUS_GUEST") != nil, "these load modules of the guests"), .needsKernel)
    struct ModulesCommandTests {
        static let tree = "/lib/modules/\(kernel)/"
        static let dummy = tree + "dummy.ko"
        static let kernel = Procfs.text("/proc/sys/kernel/osrelease")?.trimmed ?? ""
        /// Out of tree and not signed, on the guests whose headers are to be had.
        static let plain = "/apus/modules/apus_plain.ko"
        static let guest = getenv("APUS_GUEST").map { String(cString: $0) }
        static let hasTestModules = ["6.1", "6.12"].contains(guest)
        /// What is no matter of the kernel's is tested in one of them, as each start takes seconds there.
        static let once = ConditionTrait.enabled(if: guest == "6.12", "it is tested in the guest 6.12")

        /// Each test begins with none of these.
        init() throws {
            _ = try shell("rmmod vfat; rmmod fat; rmmod dummy; rmmod tun; rmmod apus_plain; :")
        }

        private func modules(_ arguments: String..., output: Child.Sink = .collected, errors: Child.Sink = .collected)
            throws -> Run
        {
            // To attach to a dozen functions takes an emulated CPU seconds.
            try runCommand([Programs.apus, "modules"] + arguments, output: output, errors: errors, limit: 120)
        }

        @Test func `text fits in 80 columns, and a load is a line`() throws {
            let run = try modules("--references", "--", "modprobe", "vfat")
            #expect(run.end == .code(0), "\(run)")
            let lines = run.errorText.split(separator: "\n")
            #expect(lines.allSatisfy { $0.count <= 80 }, "\(run)")
            #expect(
                lines.contains { $0.contains(" live ") && $0.contains(" vfat ") && $0.contains(" modprobe ") }, "\(run)"
            )
            #expect(lines.contains { $0.contains(" get ") && $0.contains(" now, ") }, "\(run)")
        }

        // MARK: - Records

        @Test func `each record has its keys, and the summary counts them`() throws {
            let script = """
                mkdir -p /mnt
                dd if=/dev/zero of=/tmp/small bs=1k count=64 2>/dev/null
                mount -t vfat /tmp/small /mnt 2>/dev/null
                "$workload" module-load \(Self.dummy) numdummies=abc
                for i in 1 2; do "$workload" module-load \(Self.dummy) || exit; done
                rmmod tun
                "$workload" module-unload fat
                exit 7
                """
            #expect(try shell("modprobe loop && modprobe tun").end == .code(0))
            // To name a caller it reads all of the kernel's symbols.
            let run = try runCommand(
                [Programs.apus, "modules", "--json", "--references", "--", "sh", "-c", script], limit: 60)
            #expect(run.end == .code(7), "\(run)")
            let document = try ModulesDocument(run.errors)
            #expect(
                document.types.filter { $0 != "reference" }
                    == ["load", "load", "load", "load", "load", "unload", "unload", "summary"])
            #expect(document.loads.map(\.name.value) == ["fat", "vfat", "dummy", "dummy", "dummy"])
            #expect(document.loads.map(\.outcome) == ["live", "live", "failed", "live", "already-loaded"])
            #expect(document.loads.map(\.errno.value) == [nil, nil, "EINVAL", nil, "EEXIST"])
            #expect(document.loads.map(\.stage.value) == [nil, nil, "parameters", nil, nil])
            #expect(document.loads.map(\.comparedBy.value) == [nil, nil, nil, nil, "build-id"])
            #expect(document.loads.map(\.dependencies) == [[], ["fat"], [], [], []])
            #expect(document.loads.map(\.parameters) == ["", "", "numdummies=abc", "", ""])
            #expect(document.loads.allSatisfy { $0.timingSource == "fentry" && !$0.fromMemory })
            let request = try #require(document.loads[1].requestedBy.value)
            #expect(request.alias == "fs-vfat" && request.command == "mount" && request.waits)
            #expect(request.caller.value == "get_fs_type" && document.loads[1].loader.startedByKernel)
            let references = document.references.filter { $0.name == "fat" }
            #expect(references.contains { $0.action == "get" && $0.caller.value == "resolve_symbol" })
            #expect(document.references.allSatisfy { ["get", "put"].contains($0.action) && $0.pid > 0 })
            #expect(document.loads[2...].allSatisfy { $0.cut == [] && $0.requestedBy.value == nil })
            let dummy = document.loads[3]
            #expect(dummy.file.value == Self.dummy && dummy.taints.value == "" && dummy.signed.value == true)
            #expect(dummy.sizeBytes.value ?? 0 > 4096 && dummy.loader.command == "workload")
            #expect(dummy.loader.executable.value == Programs.workload && dummy.loader.uid == 0)
            #expect(dummy.loader.arguments == [Programs.workload, "module-load", Self.dummy])
            let total = try #require(dummy.phasesNs.total.value)
            let coming = try #require(dummy.phasesNs.coming.value)
            let prepare = try #require(dummy.phasesNs.prepare.value)
            let initialize = try #require(dummy.phasesNs.`init`.value)
            #expect(coming > 0 && coming < prepare && initialize > 0 && prepare + initialize < total)
            #expect(document.loads[2].log.contains { $0.contains("invalid for parameter") })
            #expect(document.unloads.map(\.outcome) == ["unloaded", "refused"])
            let refused = document.unloads[1]
            #expect(refused.errno.value == "EAGAIN" && refused.usedBy == ["vfat"])
            #expect(refused.holdersRead.value == "at-refusal" && refused.reason.value == "used by vfat")
            let phases = document.unloads[0].phasesNs
            #expect(try #require(phases.exit.value) < (try #require(phases.total.value)))

            let summary = try #require(document.summaries.first)
            #expect(
                summary.outcomes.filter { $0.value > 0 } == [
                    "live": 3, "already-loaded": 1, "failed": 1, "unloaded": 1, "refused": 1,
                ])
            #expect(
                summary.stages == ["parameters": 1] && summary.completeness.exact
                    && summary.references == document.references.count)
            #expect(summary.observer.bpfRunCount > 20 && summary.observer.bpfUntimedReason != nil)
            #expect(summary.hooks.contains("fexit/find_module_all") && !summary.hooks.contains("tp_btf/sys_enter"))
        }

        @Test(once) func `without the log there is none; colour marks failures and taints`() throws {
            let failing = "\"$workload\" module-load \(Self.dummy) numdummies=abc"
            let script = Self.hasTestModules ? failing + "; insmod \(Self.plain)" : failing
            let run = try modules("--no-log", "--color", "always", "--", "sh", "-c", script)
            #expect(run.end == .code(0), "\(run)")
            #expect(run.errorText.contains("\u{1b}[31mfailed  \u{1b}[0m dummy"), "\(run)")
            #expect(!run.errorText.contains("invalid for parameter"))
            #expect(run.errorText.contains("\u{1b}[33mtaints OE\u{1b}[0m") == Self.hasTestModules, "\(run)")
        }

        // MARK: - Ends

        @Test(once) func `the statuses of a program that cannot be run`() throws {
            let nothing = try modules("--", "/no/such/program")
            #expect(nothing.end == .code(127) && nothing.errorText.hasPrefix("apus: cannot run /no/such/program"))
            let folder = try modules("--", "/tmp")
            #expect(folder.end == .code(126), "\(folder)")
        }

        @Test(once) func `a full disk and a reader that is gone are 125`() throws {
            let full = try modules("-o", "/dev/full", "--", "true")
            #expect(full.end == .code(125), "\(full)")
            #expect(full.errorText == "apus: cannot write to /dev/full: No space left on device\n")
            let gone = try modules("--list", output: .readerGone)
            #expect(gone.end == .code(125), "\(gone)")
            #expect(gone.errorText == "apus: cannot write to standard output: Broken pipe\n")
        }

        @Test(once) func `Ctrl-C ends watching, and what was seen is told`() throws {
            let watching = try Child([Programs.apus, "modules"])
            defer { watching.dispose() }
            try watching.waitUntilObserving(within: 30)
            #expect(try shell("modprobe dummy").end == .code(0))
            try watching.wait(for: " dummy ")
            watching.signalGroup(SIGINT)
            let run = try watching.wait()
            #expect(run.end == .code(0), "\(run)")
            #expect(run.text.contains("1 live") && run.text.contains("exact: nothing was lost"), "\(run)")
            #expect(!run.text.contains("\u{1b}"))
        }

        @Test(once) func `a second Ctrl-C quits at once, though nobody reads`() throws {
            let watching = try Child([Programs.apus, "modules", "--json"], output: .unread)
            defer { watching.dispose() }
            try watching.waitUntilObserving(within: 30)
            // Some 500 bytes each; a pipe takes 64 KiB.
            #expect(try shell("\"$workload\" module-refusals 400").end == .code(0))
            try watching.waitUntilStuck()
            watching.signal(SIGINT)
            try watching.waitUntilTaken(SIGINT)
            #expect(watching.end == nil)
            watching.signal(SIGINT)
            _ = try watching.wait(limit: 5)
        }

        @Test(once) func `a loss is told in its place, and 123 with --strict`() throws {
            let watching = try Child([Programs.apus, "modules", "--json", "--strict"])
            defer { watching.dispose() }
            try watching.waitUntilObserving(within: 30)
            // More than the buffer holds, while nobody collects.
            watching.signal(SIGSTOP)
            #expect(try shell("\"$workload\" module-refusals 800").end == .code(0))
            watching.signal(SIGCONT)
            usleep(200_000)
            watching.signal(SIGINT)
            let run = try watching.wait()
            #expect(run.end == .code(123), "\(run.end) \(run.errorText)")
            #expect(run.errorText.contains("lower bound"))
            let document = try ModulesDocument(run.output)
            let lost = document.lost.reduce(0) { $0 + $1.count }
            #expect(lost > 0 && document.unloads.count + Int(lost) == 800)
            let summary = try #require(document.summaries.first)
            #expect(!summary.completeness.exact && summary.completeness.lostEvents == lost)
            #expect(summary.outcomes["refused"] == document.unloads.count)
        }

        @Test(once) func `without the rights it is one line, and 125`() throws {
            let run = try runCommand([
                "su", "-s", "/bin/sh", "nobody", "-c", "exec \(Programs.apus) modules --duration 1",
            ])
            #expect(run.end == .code(125), "\(run)")
            #expect(run.errorText.split(separator: "\n").count == 1 && run.output.isEmpty)
            #expect(run.errorText.contains("needs CAP_BPF and CAP_PERFMON"), "\(run)")
        }

        // MARK: - The list

        @Test func `the list has lsmod's columns, to the letter`() throws {
            #expect(try shell("modprobe vfat; modprobe tun").end == .code(0))
            // busybox: a title, then NAME SIZE REFERENCES USERS
            let lsmod = try shell("lsmod").text.split(separator: "\n").dropFirst().map { Self.words($0) }
            #expect(lsmod.count >= 3)
            let text = try modules("--list").text.split(separator: "\n").dropFirst().map { Self.words($0) }
            // NAME SIZE REFERENCES STATE TAINTS SIGNED VERSION USERS
            #expect(text.map { Array($0.prefix(3) + $0.dropFirst(7)) } == lsmod)
            let json = try modules("--list", "--json")
            #expect(json.end == .code(0))
            let list = try #require(try ModulesDocument(json.output).lists.first)
            #expect(
                list.modules.map { module in
                    let users = module.usedBy + (module.permanent ? ["[permanent]"] : [])
                    return [module.name, "\(module.sizeBytes)", "\(module.references.value ?? 0)"]
                        + (users.isEmpty ? [] : [users.joined(separator: ",")])
                } == lsmod)
            let vfat = try #require(list.modules.first { $0.name == "vfat" })
            #expect(vfat.state == "Live" && vfat.signed.value == true && vfat.file.value == Self.tree + "vfat.ko")
            #expect(vfat.loaded.value == nil && list.kernel == Self.kernel)
        }

        private static func words(_ line: Substring) -> [String] { line.split(separator: " ").map { String($0) } }
    }
}
