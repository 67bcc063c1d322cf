// SPDX-License-Identifier: Apache-2.0
import BPF
import Glibc
import Testing

/// Everything that asks the kernel, one test after the other: they measure, and one attaching its
/// programs disturbs another's.
@Suite(.serialized)
enum KernelTests {
    /// In a guest, whose CPU is emulated: everything takes longer.
    static let isGuest = guest != nil
    /// Its kernel's version.
    static let guest = getenv("APUS_GUEST").map { String(cString: $0) }
}

/// Skips a test on a kernel, or for a user, that lacks a feature, naming it. Where the kernel is
/// required (`APUS_REQUIRE_KERNEL=1`, as in CI) what every supported kernel has may not be missing.
struct Needs: SuiteTrait, TestTrait, TestScoping {
    let features: [Feature]
    /// Missing on some supported kernels, so that a skip is right even where the kernel is required.
    let isOptional: Bool

    func prepare(for test: Test) async throws {
        for feature in features {
            guard let error = feature.trial() else { continue }
            if isOptional || !Self.isKernelRequired { try cancel(feature, error) }
            Issue.record("\(feature.rawValue) is required here: \(error)")
        }
    }

    func provideScope(
        for test: Test, testCase: Test.Case?, performing function: @Sendable () async throws -> Void
    ) async throws { try await function() }

    private func cancel(_ feature: Feature, _ error: BPFError) throws {
        print("skipped for want of \(feature.rawValue): \(error)")
        try Test.cancel("needs \(feature.rawValue): \(error)")
    }

    static let isKernelRequired = getenv("APUS_REQUIRE_KERNEL").map { String(cString: $0) } == "1"
}

extension Trait where Self == Needs {
    static func needs(_ features: Feature...) -> Needs {
        Needs(features: features, isOptional: false)
    }
    static func needsOptional(_ features: Feature...) -> Needs {
        Needs(features: features, isOptional: true)
    }
}

extension Trait where Self == ConditionTrait {
    /// What user space does (ptrace, names of addresses) hardly differs from one kernel to the next: in
    /// guests the oldest and the newest try it.
    static var oldestAndNewest: Self {
        .enabled(
            if: KernelTests.guest.map { ["5.10", "7.2"].contains($0) } ?? true,
            "it is tested in the oldest guest and the newest")
    }
}
