// SPDX-License-Identifier: Apache-2.0
import CEvents
import CLinux
import Glibc
import Linux
import Tracers

/// What comes of a stop. Each ends in exactly one request that lets the thread run, or stay stopped.
extension PtraceObserver {
    mutating func handle(_ stop: inout apus_stop) {
        let status = stop.status
        // WIFSTOPPED of <bits/waitstatus.h>.
        guard status & 0xff == 0x7f else { return end(stop.tid, status) }
        stops += 1
        guard let tracee = tracees[stop.tid] else { return firstStop(of: stop.tid) }
        let signal = status >> 8 & 0xff
        let event = status >> 16
        switch event {
        case 0 where signal == SIGTRAP | 0x80:
            call(tracee, &stop)
            resume(tracee)
        case 0: deliver(signal, to: tracee)
        case Self.eventStop: stopOf(tracee, signal)
        default:
            if event == Self.event(PTRACE_EVENT_SECCOMP) {
                call(tracee, &stop)
            } else {
                happened(event, tracee)
            }
            resume(tracee)
        }
    }

    private static func event(_ code: __ptrace_eventcodes) -> Int32 { Int32(code.rawValue) }
    private static let eventStop = event(PTRACE_EVENT_STOP)

    /// Lets a thread run until it stops again. It can have been killed meanwhile: its end will be told.
    func resume(_ tracee: Tracee, signal: Int32 = 0) {
        // Any stop fulfils the wish that it stop (ptrace_stop() of kernel/signal.c); it is let go at one of
        // its own, where a call that it was taken out of is made again.
        if isEnding { interrupt(tracee) }
        var request = PTRACE_SYSCALL
        if !seesAll, !tracee.isInCall { request = PTRACE_CONT }
        _ = apus_ptrace(request, tracee.tid, 0, UInt(signal))
    }

    mutating func detach(_ tracee: Tracee) {
        _ = apus_ptrace(PTRACE_DETACH, tracee.tid, 0, 0)
        forget(tracee)
    }

    // ---- Calls ----

    private mutating func call(_ tracee: Tracee, _ stop: inout apus_stop) {
        switch stop.kind {
        case APUS_CALL_BEGINS: begin(tracee, &stop)
        case APUS_CALL_RETURNS: finish(tracee, stop.result)
        default: break
        }
    }

    private mutating func begin(_ tracee: Tracee, _ stop: inout apus_stop) {
        let number = stop.number
        let isCompat = stop.is_compat != 0
        tracee.changesFiles = reader.files.isChangedBy(number, isCompat: isCompat)
        if tracee.changesFiles { reader.files.forget() }
        let isRestart = number == (isCompat ? 0 : Self.restart)
        if tracee.isHeld {
            let record = tracee.record
            if Int(record.pointee.number) == number || isRestart {
                // Only a tracer has seen it come back.
                tracee.isHeld = false
                tracee.isInCall = true
                return
            }
            closeCall(of: tracee, isUnfinished: false)
        }
        tracee.isInCall = true
        attendPlacement(tracee, number, isCompat: isCompat)
        let key = SyscallRecord.key(number: number, isCompat: isCompat)
        tracee.isWanted = !isSilent && options.common.filter.contains(key: key)
        guard tracee.isWanted else {
            // Its return need not be seen.
            if !seesAll, !tracee.isYetToExecute, !tracee.isPlacing { tracee.isInCall = false }
            return
        }
        prepare(tracee, stop)
        reader.captureAtEntry(tracee, key: key)
        // Last: what was done here is no part of the call.
        tracee.record.pointee.ts_ns = Clock.monotonic
    }

    private static let signalReturn = SyscallTable.number("rt_sigreturn") ?? -1
    private static let restart = SyscallTable.number("restart_syscall") ?? -1

    /// The fixed part of a call's record.
    private func prepare(_ tracee: Tracee, _ stop: apus_stop) {
        var record = syscall_record()
        record.arguments = stop.arguments
        record.number = Int32(truncatingIfNeeded: stop.number)
        record.pid = UInt32(tracee.pid)
        record.tid = UInt32(tracee.tid)
        record.type = UInt8(SYSCALL_RECORD_CALL.rawValue)
        record.flags = stop.is_compat != 0 ? UInt8(SYSCALL_COMPAT.rawValue) : 0
        if stop.number == Self.signalReturn && stop.is_compat == 0 {
            record.arguments.0 = stop.stack_pointer &+ UInt64(SYSCALL_SIGNAL_MASK)
        }
        tracee.record.pointee = record
        tracee.end = 0
    }

    private mutating func finish(_ tracee: Tracee, _ result: Int) {
        // A new thread can come back from the call that made it.
        guard tracee.isInCall else { return }
        tracee.isInCall = false
        if tracee.changesFiles { reader.files.forget() }
        if tracee.isPlacing || tracee.isWaiting { placeAfterCall(tracee) }
        guard tracee.isWanted else { return }
        let record = tracee.record
        guard !tracee.isYetToExecute else {
            tracee.isWanted = false
            return
        }
        record.pointee.duration_ns = Clock.monotonic &- record.pointee.ts_ns
        record.pointee.result = Int64(result)
        // Why it came back is told by the next stop: a signal that the program would not have heard of,
        // or our own wish, are nothing that the program did.
        let isOurs = tracee.isInterrupted && apus_fails_when_interrupted(Int(record.pointee.number), result) != 0
        if apus_is_restart(result) != 0 || isOurs {
            tracee.isHeld = true
            return
        }
        closeCall(of: tracee, isUnfinished: false)
    }

    /// Hands on the record of the call that a thread is in, or was just in; nothing if it is in none.
    mutating func closeCall(of tracee: Tracee, isUnfinished: Bool) {
        guard tracee.isWanted else { return }
        tracee.isWanted = false
        let record = tracee.record
        tracee.isHeld = false
        guard !tracee.isYetToExecute else { return }
        if isUnfinished {
            // Found under way or not: this is its last word.
            record.pointee.flags &= ~UInt8(SYSCALL_RESUMED.rawValue)
            record.pointee.flags |= UInt8(SYSCALL_UNFINISHED.rawValue)
            record.pointee.result = 0
            record.pointee.duration_ns = Clock.monotonic &- record.pointee.ts_ns
        } else {
            let isCompat = UInt32(record.pointee.flags) & SYSCALL_COMPAT.rawValue != 0
            reader.captureAtExit(
                tracee, key: SyscallRecord.key(number: Int(record.pointee.number), isCompat: isCompat))
        }
        queue.append(tracee.sealedRecord())
    }

    // ---- Where threads run ----

    private mutating func attendPlacement(_ tracee: Tracee, _ number: Int, isCompat: Bool) {
        guard !isCompat else { return }
        if Self.placing.contains(number) {
            tracee.isPlacing = true
            placement.suspend()
        } else if seesAll, Self.waits.contains(number) {
            startWaiting(tracee)
            placement.update(tracees, active: tracees.count - waiting)
        }
    }

    private mutating func placeAfterCall(_ tracee: Tracee) {
        stopWaiting(tracee)
        if tracee.isPlacing { placement.resume() }
        tracee.isPlacing = false
        placement.update(tracees, active: tracees.count - waiting)
    }

    private mutating func startWaiting(_ tracee: Tracee) {
        if !tracee.isWaiting { waiting += 1 }
        tracee.isWaiting = true
    }

    private mutating func stopWaiting(_ tracee: Tracee) {
        if tracee.isWaiting { waiting -= 1 }
        tracee.isWaiting = false
    }

    static let placing = ["sched_setaffinity", "sched_getaffinity"].compactMap(SyscallTable.number)
    private static let waits = ["wait4", "waitid"].compactMap(SyscallTable.number)

    // ---- Signals and stops ----

    private mutating func deliver(_ signal: Int32, to tracee: Tracee) {
        let isHeard = Self.isHeard(signal, by: tracee.tid)
        if isHeard, tracee.isHeld { closeCall(of: tracee, isUnfinished: false) }
        var information = siginfo_t()
        if apus_signal_information(tracee.tid, &information) == 0 {
            tell(SYSCALL_RECORD_SIGNAL, tracee, number: signal) { record in
                // siginfo_t of include/uapi/asm-generic/siginfo.h: code at 8, pid or address at 16.
                withUnsafeBytes(of: information) { bytes in
                    record.arguments.0 = UInt64(bitPattern: Int64(bytes.load(fromByteOffset: 8, as: Int32.self)))
                    record.arguments.1 = UInt64(bytes.load(fromByteOffset: 16, as: UInt32.self))
                    record.arguments.2 = UInt64(bytes.load(fromByteOffset: 20, as: UInt32.self))
                    record.arguments.3 = UInt64(bitPattern: Int64(bytes.load(fromByteOffset: 24, as: Int32.self)))
                    record.arguments.4 = bytes.load(fromByteOffset: 16, as: UInt64.self)
                }
                if !isHeard { record.flags = UInt8(SYSCALL_OF_TRACER.rawValue) }
            }
        }
        resume(tracee, signal: signal)
    }

    /// Whether a signal would have come without a tracer: the kernel drops what is ignored at once
    /// (sig_ignored() of kernel/signal.c), but for those who are traced.
    private static func isHeard(_ signal: Int32, by tid: Int32) -> Bool {
        guard (1...64).contains(signal), let ignored = mask("SigIgn", of: tid), let caught = mask("SigCgt", of: tid)
        else {
            return true
        }
        let bit: UInt64 = 1 << UInt64(signal - 1)
        if ignored & bit != 0 { return false }
        return caught & bit != 0 || ![SIGCHLD, SIGCONT, SIGURG, SIGWINCH].contains(signal)
    }

    private static func mask(_ name: String, of tid: Int32) -> UInt64? {
        Procfs.field(name, of: tid).flatMap { UInt64($0, radix: 16) }
    }

    /// A stop of its whole process by a signal, or the end of one, or one that we asked for.
    private mutating func stopOf(_ tracee: Tracee, _ signal: Int32) {
        let isInterrupted = tracee.isInterrupted
        tracee.isInterrupted = false
        if tracee.isUninvited { return detach(tracee) }
        let isGroupStop = [SIGSTOP, SIGTSTP, SIGTTIN, SIGTTOU].contains(signal)
        if isGroupStop, !tracee.isStopped {
            tracee.isStopped = true
            if tracee.isHeld { closeCall(of: tracee, isUnfinished: false) }
            tell(SYSCALL_RECORD_STOP, tracee, number: signal) { _ in }
        }
        if isInterrupted { findCall(of: tracee) }
        if isEnding {
            closeCall(of: tracee, isUnfinished: true)
            return detach(tracee)
        }
        if isGroupStop {
            // It stays stopped, and tells when it is continued.
            _ = apus_ptrace(PTRACE_LISTEN, tracee.tid, 0, 0)
        } else {
            tracee.isStopped = false
            resume(tracee)
        }
    }

    /// Our wish that it stop has taken a thread out of a call. The kernel makes the call again; where it
    /// would rather fail, as in epoll_wait(), it is told to.
    private mutating func findCall(of tracee: Tracee) {
        var stop = apus_stop()
        guard apus_interrupted_call(tracee.tid, &stop) != 0 else { return }
        if stop.result == -Int(EINTR) { apus_restart_call(tracee.tid) }
        let key = SyscallRecord.key(number: stop.number, isCompat: stop.is_compat != 0)
        guard !tracee.isHeld, !isEnding, !tracee.isYetToExecute, options.common.filter.contains(key: key) else {
            return
        }
        prepare(tracee, stop)
        let record = tracee.record
        record.pointee.ts_ns = Clock.monotonic
        record.pointee.result = Int64(stop.result)
        record.pointee.flags |= UInt8(SYSCALL_UNFINISHED.rawValue | SYSCALL_RESUMED.rawValue)
        queue.append(tracee.sealedRecord())
        record.pointee.flags &= ~UInt8(SYSCALL_UNFINISHED.rawValue)
        reader.captureAtEntry(tracee, key: key)
        // It goes on when the kernel makes it again.
        tracee.isWanted = true
        tracee.isHeld = true
    }

    // ---- Lives ----

    private mutating func happened(_ event: Int32, _ tracee: Tracee) {
        let message = Int32(truncatingIfNeeded: apus_event_message(tracee.tid))
        switch event {
        case Self.event(PTRACE_EVENT_FORK), Self.event(PTRACE_EVENT_VFORK), Self.event(PTRACE_EVENT_CLONE):
            born(message, of: tracee, event)
        case Self.event(PTRACE_EVENT_EXEC): executed(tracee, before: message)
        case Self.event(PTRACE_EVENT_EXIT): exiting(tracee, message)
        default: break
        }
    }

    private mutating func born(_ tid: Int32, of parent: Tracee, _ event: Int32) {
        guard tid > 0 else { return }
        // A thread is in its maker's process; what clone() makes can be either.
        let isThread = event == Self.event(PTRACE_EVENT_CLONE) && apus_is_thread(parent.pid, tid) != 0
        let known = tracees[tid]
        // One that was let run before its maker told of it.
        if let known, !known.isUnborn { return }
        let child = known ?? Tracee(tid: tid, pid: tid)
        child.pid = isThread ? parent.pid : tid
        child.isUninvited = !isThread && !options.common.followsChildren
        tracees[tid] = child
        placement.add(tid, madeBy: parent.tid)
        if event == Self.event(PTRACE_EVENT_VFORK), seesAll { startWaiting(parent) }
        if !child.isUninvited {
            tell(SYSCALL_RECORD_BIRTH, child) { $0.arguments.0 = UInt64(parent.tid) }
        }
        if child.isUnborn {
            child.isUnborn = false
            unborn -= 1
            if child.isUninvited || isEnding { detach(child) } else { resume(child) }
        }
        placement.update(tracees, active: tracees.count - waiting)
    }

    private mutating func firstStop(of tid: Int32) {
        let tracee = Tracee(tid: tid, pid: tid)
        tracee.isUnborn = true
        unborn += 1
        tracees[tid] = tracee
    }

    private mutating func executed(_ leader: Tracee, before old: Int32) {
        var tracee = leader
        if old != leader.tid, let other = tracees.removeValue(forKey: old) {
            // The first thread has ended, though nobody will be told.
            exiting(leader, SIGKILL)
            stopWaiting(leader)
            placement.rename(old, to: leader.tid)
            tracee = other
            tracee.tid = leader.tid
            tracees[tracee.tid] = tracee
            tracee.record.pointee.tid = UInt32(tracee.tid)
        }
        tracee.isYetToExecute = false
        tell(SYSCALL_RECORD_EXEC, tracee) { $0.arguments.0 = UInt64(old) }
        placement.update(tracees, active: tracees.count - waiting)
    }

    /// - Parameter status: as wait(2) has it.
    private mutating func exiting(_ tracee: Tracee, _ status: Int32) {
        guard !tracee.hasEnded else { return }
        tracee.hasEnded = true
        noteCommand(of: tracee)
        closeCall(of: tracee, isUnfinished: !tracee.isHeld)
        tell(SYSCALL_RECORD_EXIT, tracee) { $0.result = Int64(status) }
    }

    mutating func noteCommand(of tracee: Tracee) {
        guard options.common.result == .summary(byProcess: true), tracee.tid == tracee.pid else { return }
        if let name = Procfs.text("/proc/\(tracee.pid)/comm") { commands[UInt32(tracee.pid)] = name }
    }

    /// It is gone.
    private mutating func end(_ tid: Int32, _ status: Int32) {
        if tid == launched { exit = LaunchedProcess.Exit(status: status) }
        guard let tracee = tracees[tid] else { return }
        exiting(tracee, status)
        forget(tracee)
        // Who was killed in the middle of a fork does not tell of it.
        if unborn > 0, status & 0x7f != 0 {
            for child in tracees.values where child.isUnborn {
                child.isUnborn = false
                child.pid = Procfs.process(of: child.tid) ?? child.tid
                tell(SYSCALL_RECORD_BIRTH, child) { _ in }
                resume(child)
            }
            unborn = 0
        }
    }

    private mutating func forget(_ tracee: Tracee) {
        stopWaiting(tracee)
        if tracee.isPlacing { placement.resume() }
        tracees[tracee.tid] = nil
        placement.remove(tracee.tid)
        if !isEnding { placement.update(tracees, active: tracees.count - waiting) }
    }

    /// A record of another kind than a call, which keeps the call under way.
    private func tell(
        _ type: syscall_record_type, _ tracee: Tracee, number: Int32 = 0, _ fill: (inout syscall_record) -> Void
    ) {
        guard !isSilent, !tracee.isYetToExecute else { return }
        var record = syscall_record()
        record.ts_ns = Clock.monotonic
        record.number = number
        record.pid = UInt32(tracee.pid)
        record.tid = UInt32(tracee.tid)
        record.size = UInt16(MemoryLayout<syscall_record>.size)
        record.type = UInt8(type.rawValue)
        fill(&record)
        queue.append(record)
    }
}
