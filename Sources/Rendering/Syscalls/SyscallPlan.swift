// SPDX-License-Identifier: Apache-2.0
import Linux
import Tracers

/// A signature, made ready to write lines by.
final class SyscallPlan: Sendable {
    struct Step: Sendable {
        let kind: SyscallType.Kind
        let names: SyscallNameSet?
        let count: Int
        let atExit: Bool

        init(_ type: SyscallType) {
            kind = type.kind
            names = SyscallNameSet.all[type.names]
            count = Int(type.count)
            atExit = type.atExit
        }
    }

    let name: [UInt8]
    let steps: [Step]
    /// The parameters' names; shown where they are not decoded.
    let labels: [[UInt8]]
    let result: Step
    let isDecoded: Bool
    /// The first argument that points to memory; their number where none does.
    let firstOfMemory: Int

    init(_ signature: SyscallSignature, isDecoded: Bool) {
        name = Array(signature.name.utf8)
        steps = signature.parameters.map { Step($0.type) }
        labels = signature.parameters.map { Array($0.name.utf8) }
        result = Step(signature.result)
        self.isDecoded = isDecoded
        firstOfMemory = signature.parameters.firstIndex { $0.type.readsMemory } ?? steps.count
    }
}

/// Names of signals and errors, and the sets that are asked for by name, as bytes.
final class SyscallNameTable: Sendable {
    private let signals: [[UInt8]]
    /// ` ENOENT (No such file or directory)`.
    private let errors: [[UInt8]]
    /// ENOENT.
    private let errorNames: [[UInt8]]
    let poll, epoll, saflags, clone, resolve, open: SyscallNameSet
    let family, futex, ioctl, solSocket, solTCP, solIP, solIPv6, protocols, netlink: SyscallNameSet
    let lock, seals, whence, magic: SyscallNameSet
    let none = SyscallNameSet(entries: [])
    private let others: [String: SyscallNameSet]

    subscript(_ name: String) -> SyscallNameSet { others[name] ?? SyscallNameSet(entries: []) }

    init() {
        let all = SyscallNameSet.all
        func set(_ name: String) -> SyscallNameSet { all[name] ?? SyscallNameSet(entries: []) }
        others = all
        (poll, epoll, saflags) = (set("poll"), set("epoll"), set("saflags"))
        (clone, resolve, open) = (set("clone"), set("resolve"), set("open"))
        (family, futex, ioctl) = (set("family"), set("futex"), set("ioctl"))
        (solSocket, solTCP) = (set("sol_socket"), set("sol_tcp"))
        (solIP, solIPv6) = (set("sol_ip"), set("sol_ipv6"))
        (protocols, netlink) = (set("protocol"), set("netlink"))
        (lock, seals, whence, magic) = (set("lock"), set("seals"), set("whence"), set("magic"))
        let names = [
            "", "HUP", "INT", "QUIT", "ILL", "TRAP", "ABRT", "BUS", "FPE", "KILL", "USR1", "SEGV", "USR2", "PIPE",
            "ALRM", "TERM", "STKFLT", "CHLD", "CONT", "STOP", "TSTP", "TTIN", "TTOU", "URG", "XCPU", "XFSZ", "VTALRM",
            "PROF", "WINCH", "IO", "PWR", "SYS",
        ]
        signals = (0...64).map { number in
            Array((number < names.count ? names[number] : number == 32 ? "RTMIN" : "RT_\(number - 32)").utf8)
        }
        errorNames = (0..<600).map { number in
            Array(SystemError.name(of: Int32(number)).utf8)
        }
        errors = (0..<600).map { number in
            Array(" \(SystemError.name(of: Int32(number))) (\(SystemError.text(of: Int32(number))))".utf8)
        }
    }

    /// `SIGINT`; the number where it has no name.
    func append(signal: UInt64, to buffer: inout ByteBuffer) {
        guard signal > 0, signal < signals.count else { return buffer.append(decimal: signal) }
        buffer.append("SIG")
        buffer.append(signals[Int(signal)])
    }

    func append(shortSignal signal: Int, to buffer: inout ByteBuffer) { buffer.append(signals[signal]) }

    /// ` ENOENT (No such file or directory)`.
    func append(error: Int32, to buffer: inout ByteBuffer) {
        if errors.indices.contains(Int(error)) { return buffer.append(errors[Int(error)]) }
        buffer.append(" errno ")
        buffer.append(signed: Int64(error))
    }

    func name(ofError error: Int32) -> [UInt8] {
        errorNames.indices.contains(Int(error)) ? errorNames[Int(error)] : Array("errno \(error)".utf8)
    }
}
