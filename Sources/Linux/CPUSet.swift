// SPDX-License-Identifier: Apache-2.0
import CLinux

/// CPUs on which a thread may run.
public struct CPUSet: Sendable, Equatable {
    private var cpus = apus_cpus()

    /// - Parameter numbers: of CPUs, from 0; those from 8,192 on are left out.
    public init(_ numbers: [Int]) {
        withUnsafeMutableBytes(of: &cpus) { bytes in
            for cpu in numbers where cpu >= 0 && bytes.indices.contains(cpu / 8) {
                bytes[cpu / 8] |= 1 << UInt8(cpu % 8)
            }
        }
    }

    /// One CPU alone.
    public init(only cpu: Int) { self.init([cpu]) }

    /// Those of a thread, 0 for the calling one; nil: there is no such thread.
    public init?(ofThread tid: Int32) {
        guard apus_get_affinity(tid, &cpus) == 0 else { return nil }
    }

    /// Lets a thread, 0 for the calling one, run on these alone; false: the kernel refuses.
    @discardableResult
    public func apply(toThread tid: Int32) -> Bool {
        var cpus = cpus
        return apus_set_affinity(tid, &cpus) == 0
    }

    /// Whether a CPU is in it, by its number, from 0.
    public func contains(_ cpu: Int) -> Bool {
        withUnsafeBytes(of: cpus) { cpu >= 0 && $0.indices.contains(cpu / 8) && $0[cpu / 8] >> UInt8(cpu % 8) & 1 == 1 }
    }

    /// In rising order.
    public var all: [Int] { (0..<8 * MemoryLayout<apus_cpus>.size).filter(contains) }

    public static func == (one: Self, other: Self) -> Bool {
        withUnsafeBytes(of: one.cpus) { mine in
            withUnsafeBytes(of: other.cpus) { mine.elementsEqual($0) }
        }
    }

    /// Where the calling thread runs at this moment.
    public static var currentCPU: Int { Int(apus_current_cpu()) }
}
