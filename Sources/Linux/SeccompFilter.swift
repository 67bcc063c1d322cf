// SPDX-License-Identifier: Apache-2.0
import CLinux

/// A filter that stops a program for its tracer at some calls, and lets all others pass at full speed.
///
/// It stays with the program for life. Once there is no tracer any more, those calls fail with ENOSYS.
public struct SeccompFilter: Sendable {
    private let instructions: [sock_filter]

    /// - Parameters:
    ///   - numbers: calls of 64-bit programs, by number.
    ///   - compatNumbers: calls of the i386 table.
    ///   - others: whether numbers that are in no table (above 511) stop, too.
    public init(tracing numbers: Set<Int>, compat compatNumbers: Set<Int>, others: Bool) {
        let wide = Self.ranges(numbers, others: others)
        let narrow = Self.ranges(compatNumbers, others: others)
        // struct seccomp_data: nr at 0, arch at 4.
        var program = [Self.load(4)]
        // A jump by a 32-bit constant: a conditional one reaches 255 instructions.
        let wideSize = 1 + 3 * wide.count + 1
        program.append(Self.jump(BPF_JEQ, Self.i386, yes: 0, no: 1))
        program.append(sock_filter(code: UInt16(BPF_JMP | BPF_JA), jt: 0, jf: 0, k: UInt32(wideSize)))
        program += Self.decide(wide)
        program += Self.decide(narrow)
        instructions = program
    }

    /// Calls `body` with the program, which is valid meanwhile.
    func withProgram<Result>(_ body: (UnsafePointer<sock_fprog>) -> Result) -> Result {
        instructions.withUnsafeBufferPointer { instructions in
            // The kernel reads it alone.
            var program = sock_fprog(
                len: UInt16(instructions.count), filter: UnsafeMutablePointer(mutating: instructions.baseAddress))
            return body(&program)
        }
    }

    // AUDIT_ARCH_I386 of <linux/audit.h>, and SECCOMP_RET_TRACE and _ALLOW of <linux/seccomp.h>.
    private static let i386: UInt32 = 0x4000_0003
    private static let trace: UInt32 = 0x7ff0_0000
    private static let allow: UInt32 = 0x7fff_0000
    private static let tableEnd: UInt32 = 512

    private static func ranges(_ numbers: Set<Int>, others: Bool) -> [ClosedRange<UInt32>] {
        var ranges: [ClosedRange<UInt32>] = []
        for number in numbers.sorted() where (0..<Int(tableEnd)).contains(number) {
            let number = UInt32(number)
            if let last = ranges.last, last.upperBound + 1 == number {
                ranges[ranges.count - 1] = last.lowerBound...number
            } else {
                ranges.append(number...number)
            }
        }
        if others { ranges.append(tableEnd...UInt32.max - 1) }
        return ranges
    }

    /// Ranges in rising order: below one is between two.
    private static func decide(_ ranges: [ClosedRange<UInt32>]) -> [sock_filter] {
        var program = [load(0)]
        for range in ranges {
            program.append(jump(BPF_JGE, range.lowerBound, yes: 0, no: 2))
            program.append(jump(BPF_JGT, range.upperBound, yes: 1, no: 0))
            program.append(answer(trace))
        }
        return program + [answer(allow)]
    }

    private static func load(_ offset: UInt32) -> sock_filter {
        sock_filter(code: UInt16(BPF_LD | BPF_W | BPF_ABS), jt: 0, jf: 0, k: offset)
    }

    private static func jump(_ test: Int32, _ value: UInt32, yes: UInt8, no: UInt8) -> sock_filter {
        sock_filter(code: UInt16(BPF_JMP | test | BPF_K), jt: yes, jf: no, k: value)
    }

    private static func answer(_ action: UInt32) -> sock_filter {
        sock_filter(code: UInt16(BPF_RET | BPF_K), jt: 0, jf: 0, k: action)
    }
}
