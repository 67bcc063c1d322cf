// SPDX-License-Identifier: Apache-2.0
import CLibbpf
import Glibc

extension RingBuffer {
    /// A ring that the kernel makes on a thread of its own, while its object is being configured and its
    /// types are searched for: 16 MB are cleared and mapped in 5 ms and more. The object can be loaded when there
    /// is a map, and the mapping is wanted only then.
    public final class Creation: @unchecked Sendable {
        // Written by the thread: the map's before it says that this is there, the rest before it is joined.
        private var map: Int32 = -1
        private var ring: RingBuffer?
        private var failure: BPFError?
        private let isCreated: UnsafeMutablePointer<sem_t>
        private var thread: pthread_t?

        /// Begins.
        ///
        /// - Parameter bytes: a power of two, at least a page.
        /// - Parameter onWakeup: as in ``RingBuffer/init(_:onWakeup:)``.
        public init(name: String, bytes: Int, onWakeup: Bool = false) {
            isCreated = .allocate(capacity: 1)
            sem_init(isCreated, 0, 0)
            let make: @Sendable () -> Void = { [self] in
                map = bpf_map_create(BPF_MAP_TYPE_RINGBUF, name, 0, 0, UInt32(clamping: bytes), nil)
                sem_post(isCreated)
                do throws(BPFError) {
                    guard map >= 0 else { throw BPFError("create the ring", name, errno: -map) }
                    ring = try RingBuffer(taking: map, bytes: bytes, name: name, onWakeup: onWakeup)
                } catch {
                    failure = error
                }
            }
            thread = Thread.start(make)
            if thread == nil { make() }
        }

        // The thread has a reference, too: it is over.
        deinit {
            if let thread { pthread_detach(thread) }
            sem_destroy(isCreated)
            isCreated.deallocate()
        }

        /// Of the map, which need not be mapped yet; once.
        var descriptor: Int32 {
            get throws(BPFError) {
                while sem_wait(isCreated) != 0 {}
                if map < 0 { try wait() }
                return map
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
}
