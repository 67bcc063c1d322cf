// SPDX-License-Identifier: Apache-2.0
import Glibc

/// The controlling terminal. With line editing off keys arrive one by one; Ctrl-C still makes a signal.
public final class Terminal {
    /// /dev/tty, which does not block; closed with this.
    public let descriptor: Int32
    private var original = termios()
    /// Line editing is off, for ``keys()``; false: the terminal is left as it is.
    public let takesKeys: Bool

    /// nil where there is no terminal, or Apus is in the background of one.
    ///
    /// - Parameter takesKeys: false: what is typed is another program's, and nothing is changed.
    public init?(takesKeys: Bool) {
        self.takesKeys = takesKeys
        guard getenv("TERM").map({ String(cString: $0) }) != "dumb" else { return nil }
        descriptor = open("/dev/tty", O_RDWR | O_CLOEXEC | O_NONBLOCK)
        guard descriptor >= 0 else { return nil }
        guard tcgetpgrp(descriptor) == getpgrp(), tcgetattr(descriptor, &original) == 0 else {
            close(descriptor)
            return nil
        }
        guard takesKeys else { return }
        var raw = original
        raw.c_lflag &= ~tcflag_t(ICANON | ECHO)
        tcsetattr(descriptor, TCSANOW, &raw)
    }

    deinit {
        restore()
        close(descriptor)
    }

    /// Puts the terminal back as it was.
    public func restore() {
        if takesKeys { tcsetattr(descriptor, TCSANOW, &original) }
    }

    /// The keys that were pressed since the last call.
    public func keys() -> [UInt8] {
        var keys = [UInt8](repeating: 0, count: 64)
        let count = read(descriptor, &keys, keys.count)
        return Array(keys.prefix(max(0, count)))
    }

    /// Rows and columns.
    public var size: (rows: Int, columns: Int) {
        var size = winsize()
        guard ioctl(descriptor, UInt(TIOCGWINSZ), &size) == 0, size.ws_row > 0 else { return (24, 80) }
        return (Int(size.ws_row), Int(size.ws_col))
    }
}
