// SPDX-License-Identifier: Apache-2.0
import CEvents
import Linux

/// What a parameter, or a result, of a system call is.
public struct SyscallType: Sendable, Equatable {
    /// What a value is, or what the memory is that it points to.
    public enum Kind: String, Sendable {
        // Registers.
        /// A number: of 32 bits with a sign, and without; of 64 without, and with; in hexadecimal; in octal.
        case int, u32, uint, long, hex, octal
        /// A user's or a group's; -1: none. And the mode of a file, with its type.
        case id, mode
        /// A device's number, which is there only if the mode in argument `count` is a device's.
        case device
        /// Of the family in argument `count`.
        case `protocol`
        /// An address whose memory is not read; what the call does not look at.
        case pointer, unused
        /// A descriptor; one that a path begins at, which can be AT_FDCWD.
        case fd, dirfd
        /// A number of a signal.
        case signal
        /// One of a set of names, and flags of one; the set is ``SyscallType/names``.
        case choice, mask
        /// An argument of clone(2): flags and a signal in one, and what is there only if a flag says so.
        case clone
        /// One that is there only if the flags in argument `count` ask for it, of mremap(2).
        case newaddress
        /// Permission bits behind flags of ``SyscallType/names``, of shmget(2) and its like.
        case ipcflags
        /// The mode of an open, which is there only if the flags in argument `count` create.
        case openmode
        /// What another argument makes of it.
        case ioctl, ioctlarg, fcntl, prctl, sockopt, optval, futex, futextime
        /// As `prctl`; of PR_SET_VMA a name.
        case vmaname
        // Memory.
        /// A path, or any text, up to its NUL; bytes, of text or not; argv; an array of iovec; a msghdr; an array of
        /// mmsghdr.
        case path, string, buffer, bytes, strings, iovec, message, messages
        /// What is told by its address, and by how much there is: variables of an environment, directory entries.
        case environment, entries
        /// Bytes; a socket's address; arrays of pollfd and of epoll_event; bits of an fd_set, and of a set of CPUs;
        /// ids; a loff_t.
        case sockaddr, pollfds, epollevents, fdset, cpuset, ids, offset
        /// Structures of that name; two timespecs; the kernel's sigset, sigaction and stack_t; the two descriptors of
        /// a pipe.
        case stat, statx, timespec, timespecs, timeval, itimerval, itimerspec, rlimit, sigset, sigaction, stack, pipe
        /// A pointer to the kernel's sigset, and its size; the one that rt_sigreturn(2) restores.
        case sigmask, frame
        /// A status as wait(2) has it; structures of that name, clone_args and open_how among them.
        case status, utsname, sysinfo, epollevent, cloneargs, openhow, rusage, siginfo, sigevent, statfs
        /// Structures of that name: of sched_setattr(2), of capset(2) its head and its data; an array of sembuf.
        case tms, schedattr, capheader, capabilities, mqattr, sembufs
        /// An int that is pointed to.
        case intPointer
        /// A result: the descriptors of which sets, or of which list, are ready.
        case select, poll
    }

    /// How it is captured, and how it is written.
    public let kind: Kind
    /// The set of names of a choice, a mask, or flags before permission bits.
    public var names = ""
    /// The argument that says how much there is; `SYSCALL_RESULT`: the result.
    public var count: UInt8 = 0
    /// The kernel writes it: it is read at the call's return.
    public var atExit = false
    /// The kernel reads it, and writes it: it is read at entry, and again at the call's return.
    public var isTwice = false
    /// The kernel writes it if a signal ends the call, and only then.
    public var isOfInterrupt = false

    /// - Parameter kind: what it is; nothing else is told of it.
    public init(kind: Kind) { self.kind = kind }
}

/// A call's name and what its arguments are.
public struct SyscallSignature: Sendable {
    /// One argument of a call.
    public struct Parameter: Sendable {
        /// As the call's manual page has it; empty where it is not known.
        public let name: String
        /// How it is captured, and how it is written.
        public let type: SyscallType
    }

    /// The call's, as ``Linux/SyscallTable`` has it.
    public let name: String
    /// In the order of the registers, six at most.
    public let parameters: [Parameter]
    /// What a call that succeeds returns.
    public let result: SyscallType

    /// - Parameter parameters: in the order of the registers, six at most.
    public init(name: String, parameters: [Parameter], result: SyscallType = SyscallType(kind: .long)) {
        self.name = name
        self.parameters = parameters
        self.result = result
    }

    /// Of a line of ``SyscallTexts``; nil: it does not keep to the grammar.
    init?(line: Substring) {
        var words = line.split(separator: " ").map(String.init)
        guard !words.isEmpty else { return nil }
        name = words.removeFirst()
        if words.count >= 2, words[words.count - 2] == "=" {
            guard let type = SyscallType(words[words.count - 1]) else { return nil }
            result = type
            words.removeLast(2)
        } else {
            result = SyscallType(kind: .long)
        }
        var parameters: [Parameter] = []
        for word in words {
            let parts = word.split(separator: ":", maxSplits: 1)
            guard parts.count == 2, let type = SyscallType(String(parts[1])) else { return nil }
            parameters.append(Parameter(name: String(parts[0]), type: type))
        }
        guard parameters.count <= SYSCALL_ARGUMENTS else { return nil }
        self.parameters = parameters
    }
}

extension SyscallType {
    /// `buffer^#r`, `&open`, `%shmflags`, `fd`.
    init?(_ text: String) {
        var rest = text[...]
        if let mark = rest.firstIndex(of: "#") {
            let number = rest[rest.index(after: mark)...]
            guard let value = number == "r" ? UInt8(SYSCALL_RESULT) : UInt8(number) else { return nil }
            count = value
            rest = rest[..<mark]
        }
        if rest.hasSuffix("^") {
            atExit = true
            rest.removeLast()
        } else if rest.hasSuffix("!") {
            atExit = true
            isOfInterrupt = true
            rest.removeLast()
        } else if rest.hasSuffix("+") {
            isTwice = true
            rest.removeLast()
        }
        switch rest.first {
        case "&":
            kind = .mask
            names = String(rest.dropFirst())
        case "|":
            kind = .choice
            names = String(rest.dropFirst())
        case "%":
            kind = .ipcflags
            names = String(rest.dropFirst())
        default:
            if rest == "int" && (atExit || isTwice) {
                kind = .intPointer
            } else if let found = Kind(rawValue: String(rest)) {
                kind = found
            } else {
                return nil
            }
        }
    }
}

/// All signatures that there are.
public enum SyscallSignatures {
    /// Those that are decoded in full, by the calls' names.
    public static let decoded: [String: SyscallSignature] = {
        var all: [String: SyscallSignature] = [:]
        for line in SyscallTexts.lines.split(separator: "\n") {
            if let signature = SyscallSignature(line: line) { all[signature.name] = signature }
        }
        return all
    }()

    /// The name of the call that a record's ``SyscallRecord/key`` stands for; nil: there is none.
    public static func name(ofKey key: Int) -> String? {
        key < SYSCALL_NUMBERS ? SyscallTable.name(key) : SyscallTable.compatName(key - SYSCALL_NUMBERS)
    }

    /// The keys of all calls of a name: of both tables.
    public static func keys(of name: String) -> [Int] {
        [SyscallTable.number(name), SyscallTable.compatNumber(name).map { $0 + SYSCALL_NUMBERS }].compactMap { $0 }
    }
}
