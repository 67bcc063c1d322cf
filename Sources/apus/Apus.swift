// SPDX-License-Identifier: Apache-2.0
import ArgumentParser
import CWorkloads
import Glibc
import Linux
import Rendering
import Tracers

@main
struct Apus: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "apus",
        abstract: "Trace Linux with eBPF: where a program's time goes, and what watching it costs.",
        discussion: """
            apus time -- make            where every nanosecond of a program went
            apus time -p 812 -I 1000     of a process that runs, every second
            apus counters -- program     its hardware and software events, by process
            apus profile -- make         which of its functions spend the CPU time
            apus modules -- mount x y    what modules that loaded, and for whom
            apus clock                   what reading the time costs, and how fine it is
            apus syscalls -- ls          its system calls, as strace shows them
            apus compare                 what each way of watching costs, by experiment
            apus doctor                  what works here, and what would bring back more

            Exit status: the program's own; if a signal killed it, Apus dies of the \
            same signal. 125: Apus itself failed; 126: the program cannot be run; \
            127: it was not found; 64: wrong usage; 123: with --strict, a result that \
            is a lower bound.
            """,
        version: "0.1.0",
        subcommands: [
            TimeCommand.self, CountersCommand.self, ProfileCommand.self, SyscallsCommand.self, ModulesCommand.self,
            ClockCommand.self, CompareCommand.self, DoctorCommand.self, CountCommand.self,
        ])

    static func main() {
        // First of all, so that the workload is the process, and hardly anything else.
        if CommandLine.argc > 2, CommandLine.arguments[1] == "__workload" {
            Glibc.exit(apus_workload_main(CommandLine.argc - 2, CommandLine.unsafeArgv + 2))
        }
        Host.prepareProcess()
        do {
            var command = try parseAsRoot()
            try command.run()
        } catch let failure as Failure {
            failure.exit()
        } catch let error as TracerError {
            Failure(125, error.description).exit()
        } catch let error as SystemError {
            Failure(125, error.description).exit()
        } catch {
            // Help and version, too: everything may quote what the user typed.
            var text = fullMessage(for: error).escapedByLine
            if text.hasPrefix("Error: ") { text = "apus: " + text.dropFirst("Error: ".count) }
            let status = exitCode(for: error)
            let output = status.isSuccess ? Output.standardOutput : .standardError
            if !text.isEmpty { output.writeOrExit(text + "\n") }
            Glibc.exit(status.rawValue)
        }
    }
}

/// An end of Apus other than success: what to say, and the exit status of the contract.
struct Failure: Error {
    let status: Int32
    let message: String

    init(_ status: Int32, _ message: String) {
        self.status = status
        self.message = message
    }

    /// What to tell the user when a tracer does not start.
    init(_ error: TracerError, isVerbose: Bool) {
        guard case .bpf(let error) = error else {
            self.init(125, error.description)
            return
        }
        let missing = [Capability.bpf, .perfmon].filter { !$0.isEffective }.map(\.name)
        if error.code == .notPermitted && !missing.isEmpty {
            self.init(
                125,
                "not permitted: needs \(missing.joined(separator: " and ")); run it as root, or "
                    + "give it to the file: setcap cap_bpf,cap_perfmon+ep apus")
        } else if error.code == .notPermitted && !Capability.sysResource.isEffective {
            // Before 5.11 maps count against RLIMIT_MEMLOCK.
            self.init(125, "\(error.description); on kernels before 5.11 it needs CAP_SYS_RESOURCE, too")
        } else if access("/sys/kernel/btf/vmlinux", R_OK) != 0 {
            self.init(
                125,
                "this kernel has no type information (/sys/kernel/btf/vmlinux): "
                    + "it must be built with CONFIG_DEBUG_INFO_BTF=y; see apus doctor")
        } else {
            self.init(125, error.description + (isVerbose ? "\n" + error.log : ""))
        }
    }

    func exit() -> Never {
        Output.standardError.writeIgnoringErrors("apus: \(message.escapedByLine)\n")
        Glibc.exit(status)
    }
}

extension LaunchedProcess.Exit {
    /// Ends Apus as the program ended.
    func imitate() -> Never {
        switch self {
        case .code(let code): exit(code)
        case .signal(let number):
            // The program has dumped its core, if any; ours would only take its place.
            var none = rlimit(rlim_cur: 0, rlim_max: 0)
            setrlimit(__rlimit_resource_t(RLIMIT_CORE.rawValue), &none)
            Glibc.signal(number, SIG_DFL)
            var set = sigset_t()
            sigemptyset(&set)
            sigaddset(&set, number)
            pthread_sigmask(SIG_UNBLOCK, &set, nil)
            raise(number)
            exit(128 + number)
        }
    }
}
