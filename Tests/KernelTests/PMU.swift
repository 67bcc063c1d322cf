// SPDX-License-Identifier: Apache-2.0
import Foundation
import Glibc
import Linux
import Testing
import Tracers

/// What counts cycles and instructions here: the machine's own PMU, or the test module's where there is none.
///
/// What holds for any PMU is tested with either. What only the module is known to do (two instructions a cycle,
/// cycles that follow the time-stamp counter, two counters, no caches) needs the module: ``isTestModule``.
enum PMU {
    /// Guests have it whose kernels it can be built for.
    private static let module = "/apus/modules/apus_pmu.ko"
    private static var isModuleLoaded: Bool { access("/sys/module/apus_pmu", F_OK) == 0 }
    private static let wasThere = counts("cycles") && counts("instructions")

    static let isTestModule = wasThere ? isModuleLoaded : access(module, R_OK) == 0
    static let isThere = wasThere || isTestModule
    /// Guests for whose kernels the module is built.
    static let isRequired =
        Needs.isKernelRequired && (KernelTests.guest.map { ["6.1", "6.12"].contains($0) } ?? false)

    /// Loads the module, where it is that one.
    static let isReady: Bool = {
        guard isTestModule, !isModuleLoaded else { return isThere }
        let load = Process()
        load.executableURL = URL(fileURLWithPath: ObservedWorkload.program)
        load.arguments = ["module-load", module]
        load.standardOutput = FileHandle.nullDevice
        guard (try? load.run()) != nil else { return false }
        load.waitUntilExit()
        return counts("cycles") && counts("instructions")
    }()

    /// An event that any of its counters can count, where a PMU has such: no fixed counter of x86 has these.
    static let common =
        isReady
        ? ["branches", "branch-misses", "cache-references", "cache-misses"].first(where: counts) ?? "instructions"
        : "instructions"

    /// How many counters a CPU has for that event: as many of it as the kernel takes as one group.
    static let counters: Int = {
        guard let attributes = attributes(of: common) else { return 0 }
        var events = PerfEvents()
        let cpu = CPUs.online[0]
        guard let leader = try? events.open(attributes, onCPU: cpu) else { return 0 }
        // The tracer has room for 64 events altogether.
        for count in 1..<20 where (try? events.open(attributes, onCPU: cpu, group: leader)) == nil { return count }
        return 20
    }()

    /// Whether it can leave out a mode, so that each can be counted on its own.
    static var separatesModes: Bool { counts("cycles:u") && counts("cycles:k") }

    /// How far counts beside perf's may be from those. Instructions are the same work, but for the programs that
    /// count them; cycles depend on what else is in the caches. The module's are time, which goes on while an
    /// emulated CPU waits for its turn.
    static func tolerance(_ event: String) -> Double { isTestModule || event != "instructions" ? 0.05 : 0.01 }

    /// Whether the kernel opens it on this machine, as perf writes it: `cycles:u`.
    static func counts(_ event: String) -> Bool {
        guard let attributes = attributes(of: event) else { return false }
        var events = PerfEvents()
        return (try? events.open(attributes, onCPU: CPUs.online[0])) != nil
    }

    private static func attributes(of event: String) -> PerfEventAttributes? {
        guard let event = try? CounterEvent.parse([event]).first, case .counter(var attributes) = event.source else {
            return nil
        }
        attributes.excludesUser = !event.modes.contains(.user)
        attributes.excludesKernel = !event.modes.contains(.kernel)
        return attributes
    }
}

extension Trait where Self == ConditionTrait {
    /// A PMU with cycles and instructions, the machine's own or the test module's.
    static var needsPMU: Self {
        .enabled(
            if: PMU.isThere || PMU.isRequired,
            "needs a PMU: this machine counts no cycles and instructions, and has no test module")
    }

    /// For what is so because the module makes it so.
    static var needsTestPMU: Self {
        .enabled(
            if: PMU.isTestModule || PMU.isRequired,
            "needs the PMU of the test module apus_pmu, of which more is known than of others")
    }
}
