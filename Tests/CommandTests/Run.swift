// SPDX-License-Identifier: Apache-2.0
import Glibc

/// The programs under test lie beside the test bundle, wherever that has been copied to.
enum Programs {
    static let apus = folder + "/apus"
    static let workload = folder + "/workload"

    private static let folder: String = {
        var path = [CChar](repeating: 0, count: Int(PATH_MAX))
        let count = readlink("/proc/self/exe", &path, path.count)
        let bundle = String(decoding: path.prefix(max(0, count)).map { UInt8(bitPattern: $0) }, as: UTF8.self)
        return bundle.lastIndex(of: "/").map { String(bundle[..<$0]) } ?? "."
    }()
}

/// What a program that has ended left behind.
struct Run: CustomStringConvertible {
    /// As wait(2) tells it.
    enum End: Equatable {
        case code(Int32)
        case signal(Int32)
    }

    let end: End
    let output: [UInt8]
    let errors: [UInt8]

    var text: String { String(decoding: output, as: UTF8.self) }
    var errorText: String { String(decoding: errors, as: UTF8.self) }

    var description: String { "\(end)\nstandard output:\n\(text)\nstandard error:\n\(errorText)" }
}

/// Runs `apus` to its end.
///
/// - Throws: ``Child/TimeLimit`` when it does not end.
func apus(
    _ arguments: String..., output: Child.Sink = .collected, errors: Child.Sink = .collected,
    environment: [String: String] = [:], limit: Double = 20
) throws -> Run {
    try runCommand([Programs.apus] + arguments, output: output, errors: errors, environment: environment, limit: limit)
}

/// Runs a shell script in which `$apus` and `$workload` are the programs, and `$1` the first argument.
func shell(_ script: String, _ arguments: String..., limit: Double = 20) throws -> Run {
    try runCommand(["/bin/sh", "-c", script, "sh"] + arguments, limit: limit)
}

func runCommand(
    _ command: [String], output: Child.Sink = .collected, errors: Child.Sink = .collected,
    environment: [String: String] = [:], limit: Double = 20
) throws -> Run {
    let child = try Child(command, output: output, errors: errors, environment: environment)
    defer { child.dispose() }
    return try child.wait(limit: limit)
}

/// Waits until something is so; false: it was not so in time.
func eventually(within seconds: Double = 10, _ condition: () throws -> Bool) rethrows -> Bool {
    let deadline = Time.now + seconds
    while try !condition() {
        guard Time.now < deadline else { return false }
        usleep(2_000)
    }
    return true
}

enum Time {
    /// CLOCK_MONOTONIC in seconds.
    static var now: Double {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
    }
}

/// The page that a headless Chromium makes of a file, its scripts run. Where it does not come to that, it is
/// started again.
func browse(_ path: String, _ options: String...) throws -> Run {
    let folder = try TemporaryFolder()
    for turn in 1...3 {
        let run = try? runCommand(
            [
                "chromium", "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage",
                "--enable-logging=stderr", "--v=0", "--user-data-dir=\(folder.file("profile\(turn)"))", "--dump-dom",
            ] + options + ["file://\(path)"], environment: ["HOME": folder.path], limit: 120)
        if let run, turn == 3 || run.end == .code(0) && run.text.contains("</html>") { return run }
    }
    throw Child.TimeLimit(description: "chromium does not come to the end of \(path)")
}
