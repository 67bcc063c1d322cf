// SPDX-License-Identifier: Apache-2.0
// Takes records of system calls out of the ring, in Swift or by a C program that is handed the same
// ring; or formats one record again and again. Prints a line of JSON on standard error.
//
//     consumer swift PROGRAM [ARGUMENTS]
//     consumer CONSUMER-IN-C PROGRAM [ARGUMENTS]
//     consumer format LINES PROGRAM [ARGUMENTS]
import Glibc
import Linux
import Rendering
import Tracers

func say(_ text: String) {
    let bytes = Array(text.utf8)
    write(2, bytes, bytes.count)
}

func fail(_ what: String) -> Never {
    say("consumer: \(what)\n")
    exit(1)
}

func note(_ figures: [(String, UInt64)]) {
    say("{" + figures.map { "\"\($0.0)\":\($0.1)" }.joined(separator: ",") + "}\n")
}

func launch(_ arguments: [String]) throws -> LaunchedProcess {
    try LaunchedProcess(arguments, unblocking: try Signals([SIGUSR2]))
}

func observe(_ process: LaunchedProcess) throws -> SyscallTracer {
    var tracer = try SyscallTracer.start(.init(target: .launched))
    try tracer.expect(process.pid)
    return tracer
}

func consumeInSwift(_ arguments: [String]) throws {
    let process = try launch(arguments)
    var tracer = try observe(process)
    let before = Clock.processCPU
    try process.start()
    var (records, time) = (UInt64(0), UInt64(0))
    while true {
        let hasEnded = waitReadable([process.descriptor, tracer.descriptor], timeout: 20)[0]
        tracer.collect { record in
            records += 1
            time &+= record.header.duration_ns
        }
        if hasEnded { break }
    }
    _ = process.reap()
    note([("records", records), ("lost", try tracer.counts().lost), ("cpu_ns", Clock.processCPU - before)])
}

func consumeInC(_ consumer: String, _ arguments: [String]) throws {
    let process = try launch(arguments)
    let tracer = try observe(process)
    var actions = posix_spawn_file_actions_t()
    posix_spawn_file_actions_init(&actions)
    posix_spawn_file_actions_adddup2(&actions, tracer.ringDescriptor, 3)
    posix_spawn_file_actions_adddup2(&actions, process.descriptor, 4)
    var pid = pid_t()
    var words: [UnsafeMutablePointer<CChar>?] = [strdup(consumer), nil]
    guard posix_spawn(&pid, consumer, &actions, nil, &words, environ) == 0 else { fail("cannot run \(consumer)") }
    usleep(20_000)
    try process.start()
    var status: Int32 = 0
    waitpid(pid, &status, 0)
    _ = process.reap()
    guard status == 0 else { fail("\(consumer) failed") }
    note([("lost", try tracer.counts().lost)])
}

/// Formats the records of a run, kept in memory, over and over.
func format(_ lines: UInt64, _ arguments: [String]) throws {
    let process = try launch(arguments)
    var tracer = try observe(process)
    try process.start()
    var records: [[UInt8]] = []
    while true {
        let hasEnded = waitReadable([process.descriptor], timeout: 20)[0]
        tracer.collect { record in if records.count < 4096 { records.append(record.copy) } }
        if hasEnded { break }
    }
    _ = process.reap()
    guard !records.isEmpty else { fail("no records") }
    var format = SyscallFormat()
    var buffer = ByteBuffer(capacity: 1 << 18)
    var (done, bytes) = (UInt64(0), UInt64(0))
    let begin = Clock.processCPU
    while done < lines {
        for record in records {
            record.withUnsafeBytes { if let record = SyscallRecord($0) { format.append(record, to: &buffer) } }
            if buffer.count >= 1 << 17 {
                bytes += UInt64(buffer.count)
                buffer.removeAll()
            }
        }
        done += UInt64(records.count)
    }
    note([("lines", done), ("bytes", bytes), ("cpu_ns", Clock.processCPU - begin)])
}

let words = CommandLine.arguments
guard words.count >= 3 else { fail("usage: consumer swift|format LINES|CONSUMER-IN-C PROGRAM [ARGUMENTS]") }
do {
    switch words[1] {
    case "swift": try consumeInSwift(Array(words[2...]))
    case "format": try format(UInt64(words[2]) ?? 1, Array(words[3...]))
    default: try consumeInC(words[1], Array(words[2...]))
    }
} catch {
    fail("\(error)")
}
