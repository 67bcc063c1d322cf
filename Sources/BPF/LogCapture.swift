// SPDX-License-Identifier: Apache-2.0
import CLibbpf
import Glibc
import Synchronization

/// libbpf's log, kept for errors and never printed.
///
/// libbpf has one print function for the whole process; it is called on the thread that does the
/// work. ``capture(_:)`` therefore holds a lock for the length of a call into libbpf.
enum LogCapture {
    private static let lines = Mutex<String>("")
    private static let turn = Mutex<Void>(())
    /// A verifier log can be megabytes; its end is what tells.
    private static let limit = 256 * 1024

    private static let install: Void = {
        _ = libbpf_set_print { level, format, arguments in
            // Of debugging there are hundreds of lines for each object.
            guard level != LIBBPF_DEBUG, let format, let arguments else { return 0 }
            // A verifier's log comes as one message.
            let size = 4 << 20
            guard let buffer = malloc(size)?.assumingMemoryBound(to: CChar.self) else { return 0 }
            defer { free(buffer) }
            let length = vsnprintf(buffer, size, format, arguments)
            guard length >= 0 else { return 0 }
            let text = String(cString: buffer)
            LogCapture.lines.withLock { lines in
                lines += text
                if lines.utf8.count > limit { lines = String(lines.suffix(limit / 2)) }
            }
            return length
        }
    }()

    /// Runs `body` and gives what libbpf logged during it, at the levels warning and info.
    static func capture<R>(_ body: () -> R) -> (R, log: String) {
        _ = install
        return turn.withLock { _ in
            lines.withLock { $0 = "" }
            let result = body()
            return (result, lines.withLock { $0 })
        }
    }
}
