// swift-tools-version: 6.2
// SPDX-License-Identifier: Apache-2.0
import PackageDescription

let swift: [SwiftSetting] = [
    .treatAllWarnings(as: .error),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .enableUpcomingFeature("ExistentialAny"),
    .enableExperimentalFeature("Lifetimes"),
]
let c: [CSetting] = [.unsafeFlags(["-std=gnu23", "-Wall", "-Wextra", "-Werror"])]

let package = Package(
    name: "apus",
    products: [
        .executable(name: "apus", targets: ["apus"]),
        .library(name: "BPF", targets: ["BPF"]),
        .library(name: "Tracers", targets: ["Tracers"]),
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.0")
    ],
    targets: [
        // C: what Swift cannot import or do by itself.
        .systemLibrary(
            name: "CLibbpf", pkgConfig: "libbpf", providers: [.apt(["libbpf-dev", "libelf-dev"])]),
        .systemLibrary(name: "CEvents", path: "bpf"),
        .target(name: "CLinux", cSettings: c),
        .target(name: "BPFObjects", cSettings: c),

        // The library, bottom to top.
        .target(name: "BPF", dependencies: ["CLibbpf"], swiftSettings: swift),
        .target(name: "Linux", dependencies: ["CLinux"], swiftSettings: swift),
        .target(
            name: "Tracers", dependencies: ["BPF", "Linux", "BPFObjects", "CEvents"],
            swiftSettings: swift),
        .target(name: "Rendering", dependencies: ["Tracers"], swiftSettings: swift),
        .executableTarget(
            name: "apus",
            dependencies: [
                "Tracers", "Rendering", "Linux",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
            ],
            swiftSettings: swift),

        // Tests, and the program with known behaviour that they observe.
        .target(name: "TestObjects", path: "Tests/TestObjects", exclude: ["trial.bpf.c"], cSettings: c),
        .executableTarget(name: "workload", path: "Tests/Workload", cSettings: c),
        .testTarget(name: "LinuxTests", dependencies: ["Linux"], swiftSettings: swift),
        .testTarget(name: "RenderingTests", dependencies: ["Rendering"], swiftSettings: swift),
        .testTarget(
            name: "TracersTests", dependencies: ["Tracers", "CEvents"], swiftSettings: swift),
        .testTarget(
            name: "KernelTests", dependencies: ["BPF", "Tracers", "Linux", "TestObjects", "workload"],
            swiftSettings: swift),
        .testTarget(name: "CommandTests", dependencies: ["apus", "workload"], swiftSettings: swift),
    ],
    swiftLanguageModes: [.v6]
)
