// SPDX-License-Identifier: Apache-2.0
import CEvents
import Glibc

/// Which calls are wanted. All conditions must hold.
public struct SyscallFilter: Sendable, Equatable {
    /// A path that a call has among its arguments, as the program wrote it.
    public struct Pattern: Sendable, Equatable {
        /// As a shell's.
        public let glob: String
        /// Up to its first special character; the kernel's programs compare that.
        public let literal: String
        /// Nothing special but a star at its end, or nothing special at all: the programs decide alone.
        public let isSimple: Bool
        /// The glob goes on after ``literal``.
        public var isPrefix: Bool { literal.utf8.count < glob.utf8.count }

        /// - Parameter glob: as fnmatch(3) takes it.
        public init(_ glob: String) {
            self.glob = glob
            literal = String(glob.prefix { !"*?[\\".contains($0) })
            isSimple = literal == glob || literal + "*" == glob
        }
    }

    /// By ``SyscallRecord/key``.
    public internal(set) var calls = [Bool](repeating: true, count: 2 * SYSCALL_NUMBERS)
    /// Calls that succeed are wanted.
    public var wantsSuccess = true
    /// Calls that fail are wanted.
    public var wantsFailure = true
    /// Empty: any.
    public var errnos: Set<Int32> = []
    /// The shortest duration that is wanted, in nanoseconds; included.
    public var leastDuration: UInt64 = 0
    /// The longest duration that is wanted, in nanoseconds; included.
    public var mostDuration = UInt64.max
    /// Empty: any; else one of them.
    public var patterns: [Pattern] = []
    /// Signals that are delivered are to be told.
    public var wantsSignals = true

    /// Everything is wanted.
    public init() {}

    /// Whether calls with that ``SyscallRecord/key`` are wanted; beyond the tables, as those with 511.
    public func contains(key: Int) -> Bool { calls.indices.contains(key) ? calls[key] : calls[SYSCALL_NUMBERS - 1] }

    /// Whether a call's outcome is wanted; its number is taken to be.
    ///
    /// What the programs of the kernel do with all but patterns that are not simple.
    public func accepts(_ record: SyscallRecord) -> Bool {
        let errno = record.errno
        if record.has(SYSCALL_UNFINISHED) {
            guard wantsSuccess, wantsFailure, errnos.isEmpty else { return false }
        } else {
            guard errno == nil ? wantsSuccess : wantsFailure else { return false }
            if !errnos.isEmpty {
                guard let errno, errnos.contains(errno) else { return false }
            }
        }
        let duration = record.header.duration_ns
        guard duration >= leastDuration, duration <= mostDuration else { return false }
        return acceptsPath(record)
    }

    /// Whether one of the call's paths matches.
    public func acceptsPath(_ record: SyscallRecord) -> Bool {
        guard !patterns.isEmpty else { return true }
        for capture in record.captures where capture.kind == SYSCALL_CAPTURE_PATH && !capture.has(SYSCALL_AT_EXIT) {
            let path = Array(capture.bytes) + [0]
            let matches = path.withUnsafeBufferPointer { path in
                path.withMemoryRebound(to: CChar.self) { path in
                    patterns.contains { pattern in
                        path.baseAddress.map { fnmatch(pattern.glob, $0, 0) == 0 } ?? false
                    }
                }
            }
            if matches { return true }
        }
        return false
    }

    /// Patterns that the programs cannot decide by themselves.
    public var needsAcceptsPath: Bool { patterns.contains { !$0.isSimple } }
}
