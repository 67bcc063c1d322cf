// SPDX-License-Identifier: Apache-2.0
import Foundation
import Glibc

/// What the kernel says of processes and of BPF programs, read without any of Apus's own code.
enum Procfs {
    static func text(_ path: String) -> String? {
        FileManager.default.contents(atPath: path).map { String(decoding: $0, as: UTF8.self) }
    }

    static func field(_ name: String, of pid: pid_t) -> String? {
        text("/proc/\(pid)/status")?.split(separator: "\n").first { $0.hasPrefix("\(name):") }
            .map { $0.dropFirst(name.count + 1).trimmingCharacters(in: .whitespaces) }
    }

    /// The letter of proc(5): `S`, `Z`.
    static func state(of pid: pid_t) -> String? { field("State", of: pid).map { String($0.prefix(1)) } }

    /// It exists, and is no zombie.
    static func isAlive(_ pid: pid_t) -> Bool { state(of: pid).map { $0 != "Z" } ?? false }

    /// The number of the system call that it sleeps in.
    static func systemCall(of pid: pid_t) -> String? {
        text("/proc/\(pid)/syscall")?.split(separator: " ").first.map { String($0) }
    }

    static func blocks(_ signal: Int32, in pid: pid_t) -> Bool { isSet(signal, "SigBlk", of: pid) }

    /// Whether it was sent to the process, and has not been read yet.
    static func pends(_ signal: Int32, in pid: pid_t) -> Bool { isSet(signal, "ShdPnd", of: pid) }

    private static func isSet(_ signal: Int32, _ mask: String, of pid: pid_t) -> Bool {
        guard let mask = field(mask, of: pid).flatMap({ UInt64($0, radix: 16) }) else { return false }
        return mask >> UInt64(signal - 1) & 1 == 1
    }

    static func threads(of pid: pid_t) -> [pid_t] {
        ((try? FileManager.default.contentsOfDirectory(atPath: "/proc/\(pid)/task")) ?? []).compactMap { pid_t($0) }
    }

    /// The ids of the BPF programs, or of what else the field names, that it holds open.
    static func bpfObjects(_ field: String, of pid: pid_t) -> Set<UInt32> {
        let entries = (try? FileManager.default.contentsOfDirectory(atPath: "/proc/\(pid)/fdinfo")) ?? []
        return Set(
            entries.compactMap { entry in
                text("/proc/\(pid)/fdinfo/\(entry)")?.split(separator: "\n").first { $0.hasPrefix("\(field):") }
                    .flatMap { UInt32($0.dropFirst(field.count + 1).trimmingCharacters(in: .whitespaces)) }
            })
    }
}

/// bpf(2), called directly.
enum BPFCall {
    /// `BPF_PROG_GET_NEXT_ID`, `BPF_MAP_GET_NEXT_ID`, `BPF_LINK_GET_NEXT_ID` of linux/bpf.h.
    enum Kind: Int { case program = 11, map = 12, link = 31 }

    /// The least id above one; nil: there is none, and errno says so, or what else.
    static func nextID(_ kind: Kind, after id: UInt32) -> UInt32? {
        #if arch(x86_64)
            let number = 321
        #else
            let number = 280
        #endif
        // syscall(2) is variadic, so Swift does not import it; for integers the calling convention is the same.
        typealias Call = @convention(c) (Int, Int, UnsafeMutableRawPointer, Int) -> Int
        guard let symbol = dlsym(nil, "syscall") else { return nil }
        // union bpf_attr: start_id, next_id, open_flags.
        var attribute: (UInt32, UInt32, UInt32, UInt32) = (id, 0, 0, 0)
        let status = withUnsafeMutableBytes(of: &attribute) { bytes -> Int in
            guard let base = bytes.baseAddress else { return -1 }
            return unsafeBitCast(symbol, to: Call.self)(number, kind.rawValue, base, 16)
        }
        return status == 0 ? attribute.1 : nil
    }

    static func exists(_ kind: Kind, _ id: UInt32) -> Bool { nextID(kind, after: id - 1) == id }
}
