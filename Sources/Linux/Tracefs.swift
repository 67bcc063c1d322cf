// SPDX-License-Identifier: Apache-2.0
import CLinux
import Glibc

/// The kernel's folder of tracing, mounted or not.
public final class Tracefs {
    private let root: Int32

    /// nil: this kernel has none, or this user may not see it. It is not mounted for others: where it is
    /// not, this gets a mount of its own, which is gone with it.
    public init?() {
        root = apus_open_tracefs()
        guard root >= 0 else { return nil }
    }

    deinit { close(root) }

    /// A file of it, as text.
    public func text(_ path: String) -> String? {
        let descriptor = openat(root, path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return nil }
        defer { close(descriptor) }
        var all: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 4096)
        while true {
            let count = read(descriptor, &chunk, chunk.count)
            guard count > 0 else { break }
            all += chunk.prefix(count)
        }
        return String(decoding: all, as: UTF8.self)
    }
}
