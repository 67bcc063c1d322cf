// SPDX-License-Identifier: Apache-2.0
import CLibbpf
import Glibc

extension RingBuffer {
    /// A ring that the kernel makes on a thread of its own, while its object is being configured and its
    /// types are searched for: 16 MB are cleared and mapped in 5 ms and more.
    public final class Creation: @unchecked Sendable {
        // Written by the thread, and read once that has been joined.
        private var ring: RingBuffer?
        private var failure: BPFError?
        private var thread: pthread_t?

        /// Begins.
        ///
        /// - Parameter bytes: a power of two, at least a page.
        /// - Parameter onWakeup: as in ``RingBuffer/init(_:onWakeup:)``.
        public init(name: String, bytes: Int, onWakeup: Bool = false) {
            let make: @Sendable () -> Void = { [self] in
                do throws(BPFError) {
                    ring = try RingBuffer(name: name, bytes: bytes, onWakeup: onWakeup)
                } catch {
                    failure = error
                }
            }
            thread = Thread.start(make)
            if thread == nil { make() }
        }

        deinit { if let thread { pthread_detach(thread) } }

        /// Of the map.
        var descriptor: Int32 {
            get throws(BPFError) {
                try wait()
                return ring?.mapDescriptor ?? -1
            }
        }

        /// The ring, when it is there; once.
        ///
        /// - Throws: ``BPFError``: the kernel has no memory for it, or cannot make one of that size.
        public func finish() throws(BPFError) -> RingBuffer {
            try wait()
            guard let ring = ring.take() else { throw BPFError(.failed, "take", "the ring", errno: EINVAL) }
            return ring
        }

        private func wait() throws(BPFError) {
            if let thread { pthread_join(thread, nil) }
            thread = nil
            if let failure { throw failure }
        }
    }

    private init(name: String, bytes: Int, onWakeup: Bool) throws(BPFError) {
        let descriptor = bpf_map_create(BPF_MAP_TYPE_RINGBUF, name, 0, 0, UInt32(clamping: bytes), nil)
        guard descriptor >= 0 else { throw BPFError("create the ring", name, errno: -descriptor) }
        try self.init(taking: descriptor, bytes: bytes, name: name, onWakeup: onWakeup)
    }
}
