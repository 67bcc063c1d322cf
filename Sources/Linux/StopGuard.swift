// SPDX-License-Identifier: Apache-2.0
import CLinux
import Glibc

/// A process that lets others run on if this one ends while they are stopped on its account, however it
/// ends: SIGKILL included.
public final class StopGuard {
    private let pipe: Int32

    /// - Parameter stops: a BPF map, `struct syscall_stop` of bpf/syscalls.h by PID.
    public init(stops: Int32) throws(SystemError) {
        pipe = apus_guard_stops(stops)
        guard pipe >= 0 else { throw SystemError("start", "the process that lets the target run on", errno: errno) }
    }

    /// Who is stopped still runs on, and the guard goes.
    deinit { close(pipe) }
}
