// SPDX-License-Identifier: Apache-2.0
import Glibc
import Linux
import Ptrace
import Rendering
import Tracers

extension SyscallsCommand {
    /// The same as by the programs in the kernel, by stopping the target.
    func runByPtrace(_ common: SyscallTracer.Options, _ output: Output, _ signals: Signals) throws {
        var options = PtraceObserver.Options(common, stops: observer == .ptraceSeccomp ? .wantedCalls : .everyCall)
        options.sharing = shareCPU
        let process =
            program.isEmpty
            ? nil
            : try LaunchedProcess(
                program.words, exact: program.exact, unblocking: signals, filter: options.seccompFilter)
        var observer = try PtraceObserver.start(options)
        var printer = printer(output, common)
        if let process {
            if common.target == .launched {
                try observer.expect(process)
                process.release()
            } else {
                observer.accompany(process)
                try process.execute()
            }
        }
        var sums = SyscallSummary(isByProcess: byProcess)
        var received: Int32?
        do {
            try observer.run {
                try printer.flush()
                received = signals.next()
                // A signal that came while a write waited for its reader has been read already.
                return received != nil || signals.count > 0
            } _: { record in
                if summary { sums.add(record) } else { try printer.write(record) }
            }
        } catch {
            relay(&observer, signals)
            throw error
        }
        if common.target == .launched, let process, let failure = process.waitForExecution() {
            throw Failure(failure.errno == ENOENT ? 127 : 126, failure.description)
        }
        try printer.flush()
        if summary {
            sums.commands = observer.commands
            try printer.write(sums, observer.completeness, observer.cost, limit: verbose ? nil : 20, isQuiet: quiet)
        } else {
            try printer.end(observer.calls, .init(), observer.completeness, observer.cost, isQuiet: quiet)
        }
        if let cpu = observer.sharedCPU {
            try printer.remark(" Apus and the target shared CPU \(cpu), for speed; see --share-cpu", isQuiet: quiet)
        }
        try output.finish()
        relay(&observer, signals)
        if let exit = observer.exit { exit.imitate() }
        received = signals.last
        process?.imitate(after: received, signals)
    }

    /// Without a tracer the filter would fail the program's calls: Apus stays until it ends.
    private func relay(_ observer: inout PtraceObserver, _ signals: Signals) {
        guard observer.needsRelay else { return }
        Output.standardError.writeIgnoringErrors(
            "apus: the program runs on under its filter, which needs Apus: again Ctrl-C ends both\n")
        observer.relay { signals.next() != nil }
    }
}
