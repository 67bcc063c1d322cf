// SPDX-License-Identifier: Apache-2.0
import CEvents

/// The states of a thread. It is in exactly one at any moment.
///
/// Raw values are those of `enum time_state` in `bpf/time.h`.
public enum ThreadState: Int, CaseIterable, Sendable {
    /// On a CPU, in user mode.
    case user
    /// On a CPU, in a system call or an exception.
    case system
    /// On a CPU, in the handling of a page fault. Measured only where fentry is to be had.
    case fault
    /// Taken from it by interrupts, and by deferred interrupt work.
    case irq, softirq
    /// Ready to run and waiting for a CPU: after it was preempted, or after it was woken.
    case preempted, woken
    /// Before the first event of a thread that ran already, where that event does not tell.
    case unattributed
    /// Off the CPU, by what it waits for.
    case futex, pipeRead, pipeWrite, socket, poll, sleep, child, file, pageFault, stopped, kernelThread, other

    /// The blocked states, in the order of the report.
    public static let blocked = allCases.filter { $0.rawValue >= ThreadState.futex.rawValue }

    /// The name in reports.
    public var name: String {
        switch self {
        case .pipeRead: "pipe read"
        case .pipeWrite: "pipe write"
        case .poll: "poll/epoll"
        case .child: "child wait"
        case .file: "file and disk"
        case .pageFault: "page fault"
        case .stopped: "stopped or traced"
        case .kernelThread: "kernel thread"
        default: "\(self)"
        }
    }

    /// The key in JSON, without `_ns`.
    public var key: String {
        switch self {
        case .pipeRead: "pipe_read"
        case .pipeWrite: "pipe_write"
        case .child: "child_wait"
        case .pageFault: "page_fault"
        case .kernelThread: "kernel_thread"
        case .preempted: "runnable_preempted"
        case .woken: "runnable_woken"
        default: "\(self)"
        }
    }
}
