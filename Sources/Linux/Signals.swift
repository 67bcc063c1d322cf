// SPDX-License-Identifier: Apache-2.0
import CLinux
import Glibc

/// Signals as something to read: they are blocked, and arrive on a descriptor.
public final class Signals {
    /// Readable when there is a signal for ``next()``; of signalfd(2), and closed with this.
    public let descriptor: Int32
    /// The mask from before, which a launched program gets.
    let previousMask: sigset_t

    /// Blocks signals for the calling thread, but those that are ignored; later threads inherit that.
    ///
    /// - Parameter signals: their numbers.
    /// - Throws: ``SystemError`` where there is no descriptor to be had.
    public init(_ signals: [Int32]) throws(SystemError) {
        var set = sigset_t()
        var previous = sigset_t()
        sigemptyset(&set)
        // What nohup(1) or a shell has us ignore stays ignored.
        for signal in signals where apus_is_ignored(signal) == 0 { sigaddset(&set, signal) }
        pthread_sigmask(SIG_BLOCK, &set, &previous)
        let descriptor = signalfd(-1, &set, Int32(SFD_CLOEXEC | SFD_NONBLOCK))
        guard descriptor >= 0 else {
            let error = errno
            pthread_sigmask(SIG_SETMASK, &previous, nil)
            throw SystemError("watch", "signals", errno: error)
        }
        self.descriptor = descriptor
        previousMask = previous
    }

    deinit {
        close(descriptor)
        letThrough()
    }

    /// From now on they act as they would without this.
    public func letThrough() {
        var previous = previousMask
        pthread_sigmask(SIG_SETMASK, &previous, nil)
    }

    /// How many signals have been read.
    public private(set) var count = 0
    /// The one that was read last, whoever read it; nil: none was.
    public private(set) var last: Int32?

    /// The next signal that arrived, or nil when there is none.
    public func next() -> Int32? {
        var info = signalfd_siginfo()
        let size = MemoryLayout<signalfd_siginfo>.size
        guard read(descriptor, &info, size) == size else { return nil }
        count += 1
        last = Int32(info.ssi_signo)
        return last
    }
}

/// Waits until one of the descriptors is readable, and says which are.
///
/// - Parameter timeout: milliseconds; negative: for ever.
/// - Returns: one for each descriptor. A negative descriptor is never readable.
public func waitReadable(_ descriptors: [Int32], timeout: Int32) -> [Bool] {
    var entries = descriptors.map { pollfd(fd: $0, events: Int16(POLLIN), revents: 0) }
    let count = poll(&entries, nfds_t(entries.count), timeout)
    return entries.map { count > 0 && $0.revents != 0 }
}
