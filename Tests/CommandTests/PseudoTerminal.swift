// SPDX-License-Identifier: Apache-2.0
import Glibc

/// A terminal for a program under test: what it writes is collected, and keys can be pressed.
final class PseudoTerminal {
    let path: String
    private let master: Int32
    // Held open, so that the terminal and its settings stay when the program has ended.
    private let slave: Int32
    private(set) var screen: [UInt8] = []

    init(rows: UInt16 = 24, columns: UInt16 = 80) throws {
        // What openpty(3) does, which Swift does not import: TIOCSPTLCK and TIOCGPTN of ioctl_tty(2).
        master = open("/dev/ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC | O_NONBLOCK)
        var lock: Int32 = 0
        var number: UInt32 = 0
        guard master >= 0, ioctl(master, 0x4004_5431, &lock) == 0, ioctl(master, 0x8004_5430, &number) == 0 else {
            throw Child.SpawnError(description: "no pseudo-terminal: \(errno)")
        }
        path = "/dev/pts/\(number)"
        slave = open(path, O_RDWR | O_NOCTTY | O_CLOEXEC)
        var size = winsize(ws_row: rows, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0)
        _ = ioctl(slave, UInt(TIOCSWINSZ), &size)
    }

    deinit {
        close(slave)
        close(master)
    }

    /// What the program wrote so far.
    var text: String {
        drain()
        return String(decoding: screen, as: UTF8.self)
    }

    func type(_ keys: String) { _ = write(master, keys, keys.utf8.count) }

    /// Keys arrive one by one, and are not shown.
    var isRaw: Bool { settings.local & tcflag_t(ICANON | ECHO) == 0 }

    struct Settings: Equatable {
        let input, output, control, local: tcflag_t
        let characters: [UInt8]
    }

    /// What `stty -g` prints.
    var settings: Settings {
        var now = termios()
        tcgetattr(slave, &now)
        return Settings(
            input: now.c_iflag, output: now.c_oflag, control: now.c_cflag, local: now.c_lflag,
            characters: withUnsafeBytes(of: now.c_cc) { Array($0) })
    }

    func drain() {
        var chunk = [UInt8](repeating: 0, count: 1 << 16)
        while true {
            let count = read(master, &chunk, chunk.count)
            guard count > 0 else { return }
            screen += chunk.prefix(count)
        }
    }
}
