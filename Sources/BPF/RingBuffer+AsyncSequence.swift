// SPDX-License-Identifier: Apache-2.0
import CLibbpf
import Glibc

extension RingBuffer {
    /// The records as an asynchronous sequence of owned values, for programs built on tasks.
    ///
    /// A thread of its own waits on the ring and copies what arrives. It ends, and gives the ring
    /// back, once nothing holds the sequence or an iterator of it any more. Values that the consumer has not
    /// taken yet wait in memory: this trades the ring's bound for convenience, where ``drain(_:)`` keeps it.
    ///
    /// - Parameter decode: makes a value of a record's bytes, which are valid during the call alone.
    public consuming func records<T: Sendable>(
        decode: @escaping @Sendable (RawSpan) -> T
    ) -> AsyncStream<T> {
        let ring = Box(self)
        return AsyncStream { continuation in
            // Written to when the consumer has had enough; the thread closes it.
            let stop = eventfd(0, Int32(EFD_CLOEXEC))
            let isRunning =
                stop >= 0
                && Thread.detach {
                    while true {
                        ring.value.drain { continuation.yield(decode($0)) }
                        var wait = [
                            pollfd(fd: ring.value.descriptor, events: Int16(POLLIN), revents: 0),
                            pollfd(fd: stop, events: Int16(POLLIN), revents: 0),
                        ]
                        _ = poll(&wait, 2, -1)
                        if wait[1].revents != 0 { break }
                    }
                    close(stop)
                }
            guard isRunning else {
                // No thread or no descriptor is to be had: an end is better than a wait for ever.
                if stop >= 0 { close(stop) }
                return continuation.finish()
            }
            continuation.onTermination = { _ in
                var one: UInt64 = 1
                write(stop, &one, MemoryLayout<UInt64>.size)
            }
        }
    }
}

/// Lets a closure own a ring: closures cannot capture a noncopyable value by themselves.
/// Only the reading thread touches it.
private final class Box: @unchecked Sendable {
    let value: RingBuffer
    init(_ value: consuming RingBuffer) { self.value = value }
}
