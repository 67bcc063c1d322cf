// SPDX-License-Identifier: Apache-2.0
import CLinux
import Glibc

/// Standard input that each of several programs reads from its beginning.
///
/// A file is read where it is. What comes through a pipe or a socket is read to its end first, and kept
/// in memory; it becomes the standard input of this process. A terminal or another device is left alone.
public struct ReplayedInput {
    /// Where each program begins to read; nil: nothing is replayed.
    private let start: off_t?

    /// - Parameter signals: one of these ends the waiting for input.
    /// - Returns: nil where such a signal came.
    public init?(until signals: Signals) throws(SystemError) {
        var status = stat()
        guard fstat(0, &status) == 0 else {
            start = nil
            return
        }
        switch status.st_mode & S_IFMT {
        case S_IFREG: start = lseek(0, 0, SEEK_CUR)
        case S_IFIFO, S_IFSOCK:
            let file = apus_memory_file("standard input")
            guard file >= 0 else { throw SystemError("keep", "standard input", errno: errno) }
            defer { close(file) }
            guard try Self.copy(to: file, until: signals) else { return nil }
            guard apus_seal(file) == 0, dup2(file, 0) == 0 else {
                throw SystemError("replay", "standard input", errno: errno)
            }
            start = 0
        default: start = nil
        }
    }

    /// To be called before each program starts.
    public func rewind() { if let start { lseek(0, start, SEEK_SET) } }

    /// False: a signal came first.
    private static func copy(to file: Int32, until signals: Signals) throws(SystemError) -> Bool {
        var chunk = [UInt8](repeating: 0, count: 65_536)
        while true {
            if waitReadable([0, signals.descriptor], timeout: -1)[1] { return false }
            let count = read(0, &chunk, chunk.count)
            if count == 0 { return true }
            if count < 0 {
                if errno == EINTR || errno == EAGAIN { continue }
                throw SystemError("read", "standard input", errno: errno)
            }
            var done = 0
            while done < count {
                let written = chunk[done..<count].withUnsafeBytes { write(file, $0.baseAddress, $0.count) }
                guard written > 0 else { throw SystemError("keep", "standard input", errno: errno) }
                done += written
            }
        }
    }
}
