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
        .library(name: "Statistics", targets: ["Statistics"]),
        .library(name: "Tracers", targets: ["Tracers"]),
        .library(name: "Ptrace", targets: ["Ptrace"]),
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", exact: "1.8.2")
    ],
    targets: [
        // C: what Swift cannot import or do by itself.
        .systemLibrary(
            name: "CLibbpf", pkgConfig: "libbpf", providers: [.apt(["libbpf-dev", "libelf-dev"])]),
        .systemLibrary(name: "CEvents", path: "bpf"),
        .systemLibrary(name: "CLibdw", pkgConfig: "libdw", providers: [.apt(["libdw-dev"])]),
        .systemLibrary(name: "CZlib", pkgConfig: "zlib", providers: [.apt(["zlib1g-dev"])]),
        .target(name: "CLinux", cSettings: c),
        .target(name: "BPFObjects", cSettings: c),
        .target(name: "CWorkloads", cSettings: c),

        // The library, bottom to top.
        // It walks over a hundred thousand types: optimised in tests too, whose guests emulate a CPU.
        .target(
            name: "BPF", dependencies: ["CLibbpf"],
            swiftSettings: swift + [.unsafeFlags(["-O"], .when(configuration: .debug))]),
        .target(name: "Linux", dependencies: ["CLinux"], swiftSettings: swift),
        .target(name: "Statistics", swiftSettings: swift),
        .target(name: "Symbols", dependencies: ["CLibdw", "Linux"], swiftSettings: swift),
        .target(
            name: "Tracers", dependencies: ["BPF", "Linux", "Statistics", "Symbols", "BPFObjects", "CEvents"],
            swiftSettings: swift),
        .target(
            name: "Experiment", dependencies: ["Tracers", "Linux", "Statistics", "CWorkloads"], swiftSettings: swift),
        .target(
            name: "Ptrace", dependencies: ["Tracers", "Linux", "CLinux", "CEvents"], swiftSettings: swift),
        .target(
            name: "Rendering",
            dependencies: ["Tracers", "Experiment", "Linux", "Statistics", "Symbols", "CEvents", "CZlib"],
            swiftSettings: swift),
        .executableTarget(
            name: "apus",
            dependencies: [
                "Tracers", "Ptrace", "Experiment", "Rendering", "Linux", "Statistics", "CWorkloads",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
            ],
            swiftSettings: swift),

        // What benchmarks compare with a C program.
        .executableTarget(
            name: "consumer", dependencies: ["Tracers", "Rendering", "Linux"], path: "Benchmarks/Consumer",
            swiftSettings: swift),

        // Tests, and the program with known behaviour that they observe.
        .target(name: "TestObjects", path: "Tests/TestObjects", exclude: ["trial.bpf.c"], cSettings: c),
        // Its frame pointers are there to be walked, whatever it is built for.
        .executableTarget(
            name: "workload", path: "Tests/Workload",
            cSettings: c + [.unsafeFlags(["-fno-omit-frame-pointer", "-mno-omit-leaf-frame-pointer"])]),
        .testTarget(name: "LinuxTests", dependencies: ["Linux"], swiftSettings: swift),
        .testTarget(name: "StatisticsTests", dependencies: ["Statistics"], swiftSettings: swift),
        .testTarget(name: "SymbolsTests", dependencies: ["Symbols", "Linux"], swiftSettings: swift),
        .testTarget(name: "ExperimentTests", dependencies: ["Experiment", "Statistics"], swiftSettings: swift),
        .testTarget(
            name: "RenderingTests", dependencies: ["Rendering", "Experiment", "Tracers", "CEvents"],
            swiftSettings: swift),
        .testTarget(
            name: "TracersTests", dependencies: ["Tracers", "CEvents", "Linux", "Statistics"], swiftSettings: swift),
        .testTarget(
            name: "KernelTests",
            dependencies: [
                "BPF", "Tracers", "Ptrace", "CEvents", "CLinux", "Linux", "Statistics", "TestObjects", "workload",
            ],
            swiftSettings: swift),
        .testTarget(name: "CommandTests", dependencies: ["apus", "workload"], swiftSettings: swift),
    ],
    swiftLanguageModes: [.v6]
)
