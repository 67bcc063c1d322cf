// SPDX-License-Identifier: Apache-2.0
import CEvents
import Glibc
import Tracers

/// Numbers that are several things at once.
extension SyscallDecoder {
    /// include/linux/kdev_t.h, new_encode_dev.
    func append(device: UInt64, to buffer: inout ByteBuffer) {
        buffer.append("makedev(")
        buffer.append(hex: device >> 8 & 0xfff)
        buffer.append(", ")
        buffer.append(hex: device & 0xff | device >> 12 & 0xfff00)
        buffer.append(")")
    }

    func append(fileMode mode: UInt64, to buffer: inout ByteBuffer) {
        switch UInt32(truncatingIfNeeded: mode) & S_IFMT {
        case S_IFREG: buffer.append("S_IFREG|")
        case S_IFDIR: buffer.append("S_IFDIR|")
        case S_IFCHR: buffer.append("S_IFCHR|")
        case S_IFBLK: buffer.append("S_IFBLK|")
        case S_IFIFO: buffer.append("S_IFIFO|")
        case S_IFLNK: buffer.append("S_IFLNK|")
        case S_IFSOCK: buffer.append("S_IFSOCK|")
        default: break
        }
        if mode & 0o4000 != 0 { buffer.append("S_ISUID|") }
        if mode & 0o2000 != 0 { buffer.append("S_ISGID|") }
        if mode & 0o1000 != 0 { buffer.append("S_ISVTX|") }
        buffer.append(octal: mode & 0o777)
    }

    func append(limit: UInt64, to buffer: inout ByteBuffer) {
        if limit == .max { return buffer.append("RLIM64_INFINITY") }
        let isKilo = limit > 1024 && limit % 1024 == 0
        buffer.append(decimal: isKilo ? limit / 1024 : limit)
        if isKilo { buffer.append("*1024") }
    }

    /// `1<<CAP_CHOWN|1<<CAP_KILL`.
    func append(capabilities set: UInt64, to buffer: inout ByteBuffer) {
        if set == 0 { return buffer.append("0") }
        var rest = set
        while rest != 0 {
            if rest != set { buffer.append("|") }
            buffer.append("1<<")
            names["cap"].append(choice: UInt64(rest.trailingZeroBitCount), to: &buffer)
            rest &= rest - 1
        }
    }

    /// wait(2)'s, in the words of its macros.
    func append(status: UInt64, to buffer: inout ByteBuffer) {
        switch status & 0x7f {
        case 0:
            buffer.append("[{WIFEXITED(s) && WEXITSTATUS(s) == ")
            buffer.append(decimal: status >> 8 & 0xff)
        case 0x7f where status == 0xffff: buffer.append("[{WIFCONTINUED(s)")
        case 0x7f:
            buffer.append("[{WIFSTOPPED(s) && WSTOPSIG(s) == ")
            names.append(signal: status >> 8 & 0xff, to: &buffer)
        default:
            buffer.append("[{WIFSIGNALED(s) && WTERMSIG(s) == ")
            names.append(signal: status & 0x7f, to: &buffer)
            if status & 0x80 != 0 { buffer.append(" && WCOREDUMP(s)") }
        }
        buffer.append("}]")
    }
}
