// SPDX-License-Identifier: Apache-2.0
import CEvents
import CLinux
import Glibc
import Linux
import Tracers

extension PtraceObserver {
    /// All threads of a process: those that are born meanwhile, by ones that are not traced yet, included.
    mutating func attach(_ pid: Int32) throws(TracerError) {
        var isComplete = false
        while !isComplete {
            isComplete = true
            let tids = threads(of: pid)
            guard !tids.isEmpty else { throw .noSuchProcess(pid) }
            for tid in tids where tracees[tid] == nil {
                do throws(TracerError) {
                    try seize(tid, of: pid, isYetToExecute: false)
                    isComplete = false
                } catch .noSuchProcess {
                    // A thread that has ended meanwhile; a first thread that ended before the others.
                    if tids.count == 1 { throw .noSuchProcess(pid) }
                }
            }
        }
        placement.update(tracees, active: tracees.count)
    }

    private func threads(of pid: Int32) -> [Int32] {
        guard let folder = opendir("/proc/\(pid)/task") else { return [] }
        defer { closedir(folder) }
        var tids: [Int32] = []
        while let entry = readdir(folder) {
            let name = withUnsafeBytes(of: entry.pointee.d_name) {
                String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self)
            }
            if let tid = Int32(name) { tids.append(tid) }
        }
        return tids
    }

    /// Begins to trace a thread, and has it stop, so that it can be told to stop at calls.
    mutating func seize(_ tid: Int32, of pid: Int32, isYetToExecute: Bool) throws(TracerError) {
        var wanted =
            PTRACE_O_TRACESYSGOOD.rawValue | PTRACE_O_TRACECLONE.rawValue | PTRACE_O_TRACEEXEC.rawValue
            | PTRACE_O_TRACEEXIT.rawValue
        if options.common.followsChildren { wanted |= PTRACE_O_TRACEFORK.rawValue | PTRACE_O_TRACEVFORK.rawValue }
        if !seesAll {
            // Without a tracer its calls would fail by themselves, which is worse.
            wanted |= PTRACE_O_TRACESECCOMP.rawValue | PTRACE_O_EXITKILL.rawValue
        }
        let error = apus_ptrace(PTRACE_SEIZE, tid, 0, UInt(wanted))
        guard error == 0 else { throw Self.refusal(Int32(-error), tid, pid) }
        let tracee = Tracee(tid: tid, pid: pid)
        tracee.isYetToExecute = isYetToExecute
        tracees[tid] = tracee
        interrupt(tracee)
    }

    func interrupt(_ tracee: Tracee) {
        tracee.isInterrupted = true
        _ = apus_ptrace(PTRACE_INTERRUPT, tracee.tid, 0, 0)
    }

    private static func refusal(_ error: Int32, _ tid: Int32, _ pid: Int32) -> TracerError {
        guard error == EPERM else {
            return error == ESRCH ? .noSuchProcess(pid) : .system(SystemError("trace", "process \(pid)", errno: error))
        }
        if let thread = Procfs.field("TracerPid", of: tid).flatMap({ Int32($0) }), thread != 0 {
            let tracer = Procfs.process(of: thread) ?? thread
            let name = Procfs.text("/proc/\(tracer)/comm") ?? "a process"
            return .unavailable(
                "process \(pid) is traced already, by \(name) (PID \(tracer)), and the kernel allows one tracer: "
                    + "end it, or use --observer ebpf")
        }
        if Procfs.field("State", of: tid)?.hasPrefix("Z") == true { return .noSuchProcess(pid) }
        return .unavailable(
            "process \(pid) may not be traced by this user: run as root, or with CAP_SYS_PTRACE "
                + "(see /proc/sys/kernel/yama/ptrace_scope)")
    }
}
