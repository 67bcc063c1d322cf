// SPDX-License-Identifier: Apache-2.0
public import CEvents
import Linux

/// What an observer captures of each call, made of the signatures: the table that the programs and
/// the observer by ptrace follow.
public enum SyscallRules {
    /// By ``SyscallRecord/key``, 2 × `SYSCALL_NUMBERS` of them.
    public static let table: [syscall_rules] = table { _ in true }

    /// The table with the rules of wanted calls alone.
    static func table(of filter: SyscallFilter) -> [syscall_rules] { table { filter.contains(key: $0) } }

    // Only what is wanted is read of the texts: all of them take a millisecond.
    private static func table(_ isWanted: (Int) -> Bool) -> [syscall_rules] {
        var table = [syscall_rules](repeating: syscall_rules(), count: 2 * SYSCALL_NUMBERS)
        for line in SyscallTexts.lines.split(separator: "\n") {
            let keys = SyscallSignatures.keys(of: String(line.prefix { $0 != " " })).filter(isWanted)
            guard !keys.isEmpty, let signature = SyscallSignature(line: line) else { continue }
            for key in keys { table[key] = rules(of: signature, isCompat: key >= SYSCALL_NUMBERS) }
        }
        for name in SyscallTexts.movingNames.split(separator: " ") {
            for key in SyscallSignatures.keys(of: String(name)).filter(isWanted) { table[key].moves_names = 1 }
        }
        return table
    }

    /// The table with the paths of arguments alone: a summary's that filters by them.
    static let paths: [syscall_rules] = table.map { full in
        var rules = full
        let all = withUnsafeBytes(of: full.rules) { bytes in
            bytes.bindMemory(to: syscall_rule.self).prefix(Int(full.entry_count))
                .filter { UInt32($0.kind) == SYSCALL_CAPTURE_PATH.rawValue }
        }
        set(all, in: &rules, entryCount: all.count)
        return rules
    }

    /// The kinds of capture that a table has.
    static func kinds(in table: [syscall_rules]) -> Set<UInt8> {
        table.reduce(into: []) { kinds, rules in
            withUnsafeBytes(of: rules.rules) { bytes in
                for rule in bytes.bindMemory(to: syscall_rule.self).prefix(Int(rules.count)) {
                    kinds.insert(rule.kind)
                    // Descriptors in memory have files, too.
                    let messages = [SYSCALL_CAPTURE_MESSAGE, SYSCALL_CAPTURE_MESSAGES]
                    if rule.stride > 0 || messages.contains(syscall_capture_kind(UInt32(rule.kind))) {
                        kinds.insert(UInt8(SYSCALL_CAPTURE_FILE.rawValue))
                    }
                }
            }
        }
    }

    static func rules(of signature: SyscallSignature, isCompat: Bool) -> syscall_rules {
        var entry: [syscall_rule] = []
        var exit: [syscall_rule] = []
        for (index, parameter) in signature.parameters.enumerated() {
            // Structures of 32-bit programs have other layouts.
            guard var rule = rule(parameter.type, argument: index), !isCompat || isOfAnyWidth(rule) else { continue }
            if parameter.type.atExit {
                exit.append(rule)
            } else {
                // Of a pollfd the kernel writes the third field alone, which is read anew at exit.
                // Into the head of capabilities it writes the version that it would rather have.
                let isWritten = parameter.type.isTwice && parameter.type.kind != .pollfds
                rule.is_written = isWritten || parameter.type.kind == .capheader ? 1 : 0
                entry.append(rule)
            }
            guard parameter.type.isTwice else { continue }
            rule.is_written = 0
            rule.flags = UInt8(SYSCALL_AT_EXIT.rawValue)
            // They are what they were at entry.
            rule.stride = 0
            exit.append(rule)
        }
        // F_DUPFD gives a descriptor.
        if [.fd, .fcntl].contains(signature.result.kind) {
            var rule = syscall_rule()
            rule.argument = UInt8(SYSCALL_RESULT)
            rule.kind = UInt8(SYSCALL_CAPTURE_FILE.rawValue)
            rule.flags = UInt8(SYSCALL_AT_EXIT.rawValue)
            exit.append(rule)
        }
        var rules = syscall_rules()
        set((entry + exit).prefix(Int(SYSCALL_RULES)), in: &rules, entryCount: entry.count)
        rules.is_of_interrupt = signature.parameters.contains(where: \.type.isOfInterrupt) ? 1 : 0
        return rules
    }

    private static func isOfAnyWidth(_ rule: syscall_rule) -> Bool {
        [SYSCALL_CAPTURE_PATH, SYSCALL_CAPTURE_STRING, SYSCALL_CAPTURE_BUFFER, SYSCALL_CAPTURE_FILE]
            .contains(syscall_capture_kind(UInt32(rule.kind)))
    }

    private static func set(_ list: some Collection<syscall_rule>, in rules: inout syscall_rules, entryCount: Int) {
        rules.entry_count = UInt8(entryCount)
        rules.count = UInt8(list.count)
        // A C array is a tuple; its memory is that of its elements.
        withUnsafeMutableBytes(of: &rules.rules) { bytes in
            let slots = bytes.bindMemory(to: syscall_rule.self)
            for (slot, rule) in list.enumerated() { slots[slot] = rule }
        }
    }

    /// nil: nothing is read, the register says it.
    fileprivate static func rule(_ type: SyscallType, argument: Int) -> syscall_rule? {
        let (kind, size): (syscall_capture_kind, Int)
        switch type.kind {
        case .fd, .dirfd: (kind, size) = (SYSCALL_CAPTURE_FILE, 0)
        case .path: (kind, size) = (SYSCALL_CAPTURE_PATH, 0)
        // A name of up to 16 bytes, of PR_SET_NAME and PR_GET_NAME.
        case .prctl where type.atExit: (kind, size) = (SYSCALL_CAPTURE_STRING, 0)
        case .string, .vmaname: (kind, size) = (SYSCALL_CAPTURE_STRING, 0)
        case .buffer, .bytes: (kind, size) = (SYSCALL_CAPTURE_BUFFER, 0)
        case .environment: (kind, size) = (SYSCALL_CAPTURE_POINTERS, 0)
        case .entries: (kind, size) = (SYSCALL_CAPTURE_ENTRIES, 0)
        case .strings: (kind, size) = (SYSCALL_CAPTURE_STRINGS, 0)
        case .iovec: (kind, size) = (SYSCALL_CAPTURE_IOVEC, 0)
        // Two words, as an iovec has them; a set of 64 signals.
        case .sigmask: (kind, size) = (SYSCALL_CAPTURE_IOVEC, 8)
        case .message: (kind, size) = (SYSCALL_CAPTURE_MESSAGE, 56)
        case .messages: (kind, size) = (SYSCALL_CAPTURE_MESSAGES, 64)
        // sockaddr_storage; options are shorter, or told by their beginning.
        case .sockaddr, .optval: (kind, size) = (SYSCALL_CAPTURE_SIZED, 128)
        // CPUs up to the kernel's largest NR_CPUS, arch/x86/Kconfig.
        case .cpuset: (kind, size) = (SYSCALL_CAPTURE_SIZED, 1024)
        // Bits, in words of 64.
        case .fdset: (kind, size) = (SYSCALL_CAPTURE_ARRAY, 0)
        case .ids: (kind, size) = (SYSCALL_CAPTURE_ARRAY, 4)
        case .pollfds: (kind, size) = (SYSCALL_CAPTURE_ARRAY, 8)
        case .epollevents: (kind, size) = (SYSCALL_CAPTURE_ARRAY, 12)
        case .sembufs: (kind, size) = (SYSCALL_CAPTURE_ARRAY, 6)
        // include/uapi/asm-generic and arch/x86's: the kernel's layouts.
        case .stat: (kind, size) = (SYSCALL_CAPTURE_STRUCT, 144)
        case .statx: (kind, size) = (SYSCALL_CAPTURE_STRUCT, 256)
        case .timespec, .timeval, .rlimit, .futextime: (kind, size) = (SYSCALL_CAPTURE_STRUCT, 16)
        case .timespecs, .itimerval, .itimerspec, .sigaction, .tms, .mqattr: (kind, size) = (SYSCALL_CAPTURE_STRUCT, 32)
        // struct flock; of rusage the two times; of siginfo what a child's end has.
        case .fcntl, .rusage: (kind, size) = (SYSCALL_CAPTURE_STRUCT, 32)
        case .siginfo: (kind, size) = (SYSCALL_CAPTURE_STRUCT, 48)
        case .sigevent: (kind, size) = (SYSCALL_CAPTURE_STRUCT, 16)
        case .statfs: (kind, size) = (SYSCALL_CAPTURE_STRUCT, 88)
        // An int, a struct winsize, the flags of a termios.
        case .ioctlarg: (kind, size) = (SYSCALL_CAPTURE_STRUCT, 16)
        case .sigset, .frame, .pipe, .offset, .capheader: (kind, size) = (SYSCALL_CAPTURE_STRUCT, 8)
        case .status, .intPointer: (kind, size) = (SYSCALL_CAPTURE_STRUCT, 4)
        case .epollevent: (kind, size) = (SYSCALL_CAPTURE_STRUCT, 12)
        // Of capabilities two halves of three words each; the first version has one.
        case .openhow, .capabilities: (kind, size) = (SYSCALL_CAPTURE_STRUCT, 24)
        case .stack: (kind, size) = (SYSCALL_CAPTURE_STRUCT, 24)
        case .cloneargs: (kind, size) = (SYSCALL_CAPTURE_STRUCT, 64)
        case .sysinfo: (kind, size) = (SYSCALL_CAPTURE_STRUCT, 112)
        case .schedattr: (kind, size) = (SYSCALL_CAPTURE_STRUCT, 56)
        // Six strings of 65 bytes each.
        case .utsname: (kind, size) = (SYSCALL_CAPTURE_STRUCT, 390)
        default: return nil
        }
        var rule = syscall_rule()
        rule.argument = UInt8(argument)
        rule.kind = UInt8(kind.rawValue)
        rule.flags = type.atExit ? UInt8(SYSCALL_AT_EXIT.rawValue) : 0
        rule.count = type.count
        rule.size = UInt16(size)
        switch type.kind {
        case .pipe: rule.stride = 4
        case .pollfds: rule.stride = 8
        default: break
        }
        return rule
    }
}

extension SyscallType {
    /// Whether it points to memory that an observer reads.
    public var readsMemory: Bool {
        SyscallRules.rule(self, argument: 0).map { UInt32($0.kind) != SYSCALL_CAPTURE_FILE.rawValue } ?? false
    }
}
