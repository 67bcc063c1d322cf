// SPDX-License-Identifier: Apache-2.0
import Foundation
import Glibc
import Linux
import Testing

struct SyscallTableTests {
    /// The compiler's own header, of whatever kernel it is of, may know fewer calls and no others.
    @Test func `numbers and names are those of asm/unistd_64.h`() throws {
        let header = try String(contentsOfFile: "/usr/include/x86_64-linux-gnu/asm/unistd_64.h", encoding: .utf8)
        var checked = 0
        for line in header.split(separator: "\n") where line.hasPrefix("#define __NR_") {
            let words = line.dropFirst("#define __NR_".count).split(separator: " ")
            guard words.count == 2, let number = Int(words[1]) else { continue }
            #expect(SyscallTable.name(number) == String(words[0]))
            #expect(SyscallTable.number(String(words[0])) == number)
            checked += 1
        }
        #expect(checked > 350)
    }

    @Test func `a number without a call has no name`() {
        #expect(SyscallTable.name(400) == nil)
        #expect(SyscallTable.name(-1) == nil)
        #expect(SyscallTable.number("no_such_call") == nil)
    }
}

struct ProcfsTests {
    @Test func `a process is read field by field`() {
        #expect(Procfs.threadCount(of: getpid()) > 0)
        #expect(Procfs.process(of: getpid()) == getpid())
        #expect(Procfs.field("Uid", of: getpid())?.hasPrefix("\(getuid())") == true)
        #expect(Procfs.field("NoSuchField", of: getpid()) == nil)
        #expect(Procfs.threadCount(of: 4_194_303) == 0)
        #expect(Procfs.process(of: 4_194_303) == nil)
    }

    @Test func `a file that is not there is nil, and an empty one is empty`() {
        #expect(Procfs.bytes("/nonexistent") == nil)
        #expect(Procfs.text("/dev/null") == "")
    }

    @Test func `the kernel's own threads are told from programs`() {
        #expect(!Procfs.isKernelThread(getpid()))
        #expect(!Procfs.isKernelThread(4_194_303))
        // Every kernel has it; a container may hide it.
        if Procfs.text("/proc/2/comm") == "kthreadd" { #expect(Procfs.isKernelThread(2)) }
    }
}

struct MachineLoadTests {
    @Test func `what another program used meanwhile is known much finer than the kernel's ticks`() throws {
        let program = Process()
        program.executableURL = URL(fileURLWithPath: "/bin/sh")
        program.arguments = ["-c", "while :; do :; done"]
        try program.run()
        defer {
            kill(program.processIdentifier, SIGKILL)
            program.waitUntilExit()
        }
        let pid = program.processIdentifier
        var sum: UInt64 = 0
        for _ in 0..<20 {
            let outer = try #require(Clock.processCPU(of: pid))
            let before = try #require(MachineLoad.now(before: true))
            let start = try #require(Clock.processCPU(of: pid))
            usleep(3_000)
            let end = try #require(Clock.processCPU(of: pid))
            let after = try #require(MachineLoad.now(before: false))
            let wide = try #require(Clock.processCPU(of: pid))
            guard let programs = after.programTimes(since: before) else {
                try Test.cancel("other processes are hidden here")
            }
            // None where it got no CPU in that time.
            let found = programs[pid] ?? 0
            #expect(found >= end - start && found <= wide - outer)
            sum += found
        }
        #expect(sum > 0)
    }
}

struct ClockTests {
    @Test func `the time of day is RFC 3339, and now`() throws {
        let formatter = ISO8601DateFormatter()
        formatter.formatOptions = [.withInternetDateTime, .withFractionalSeconds]
        let date = try #require(formatter.date(from: Clock.rfc3339))
        #expect(abs(date.timeIntervalSinceNow) < 5)
    }

    @Test func `the monotonic clock goes forward`() {
        let before = Clock.monotonic
        #expect(Clock.monotonic >= before)
        #expect([1_000_000, 3_333_333, 4_000_000, 10_000_000].contains(Int(Clock.tick)))
    }
}

/// Threads of Swift's pool have every signal blocked; a program's first thread has none.
func unblockAllSignals() {
    var none = sigset_t()
    sigemptyset(&none)
    pthread_sigmask(SIG_SETMASK, &none, nil)
}

@Suite(.serialized)
struct LaunchedProcessTests {
    init() { unblockAllSignals() }

    @Test func `a program runs only when it is started`() throws {
        let path = NSTemporaryDirectory() + "apus-\(UUID().uuidString)"
        defer { unlink(path) }
        let process = try LaunchedProcess(["/usr/bin/touch", path], unblocking: Signals([SIGUSR2]))
        usleep(50_000)
        #expect(!FileManager.default.fileExists(atPath: path))
        #expect(!process.hasEnded())
        try process.start()
        #expect(process.reap() == .code(0))
        #expect(FileManager.default.fileExists(atPath: path))
    }

    @Test func `a program that is let go never runs`() throws {
        let path = NSTemporaryDirectory() + "apus-\(UUID().uuidString)"
        let pid: Int32
        do { pid = try LaunchedProcess(["/usr/bin/touch", path], unblocking: Signals([SIGUSR2])).pid }
        var status: Int32 = -1
        #expect(waitpid(pid, &status, 0) == pid)
        #expect(status == 0)
        #expect(!FileManager.default.fileExists(atPath: path))
    }

    @Test(arguments: [
        ("exit 0", LaunchedProcess.Exit.code(0)), ("exit 7", .code(7)), ("kill -TERM $$", .signal(SIGTERM)),
    ])
    func `its end is told`(script: String, end: LaunchedProcess.Exit) throws {
        let process = try LaunchedProcess(["sh", "-c", script], unblocking: Signals([SIGUSR2]))
        try process.start()
        #expect(waitReadable([process.descriptor], timeout: 5000) == [true])
        #expect(process.hasEnded())
        #expect(process.reap() == end)
    }

    @Test(arguments: [("no-such-program", ENOENT), ("/", EACCES), ("/etc/passwd", EACCES)])
    func `a program that cannot be run is an error with its number`(program: String, number: Int32) throws {
        let process = try LaunchedProcess([program], unblocking: Signals([SIGUSR2]))
        #expect {
            try process.start()
        } throws: { ($0 as? SystemError)?.errno == number && "\($0)".contains(program) }
    }

    @Test func `it gets the signal mask from before`() throws {
        let signals = try Signals([SIGINT, SIGTERM])
        let process = try LaunchedProcess(
            ["sh", "-c", "grep -q '^SigBlk:.0000000000000000' /proc/self/status"], unblocking: signals)
        try process.start()
        #expect(process.reap() == .code(0))
    }
}

struct SignalsTests {
    init() { unblockAllSignals() }

    @Test func `a signal is read, and the mask is put back`() throws {
        do {
            let signals = try Signals([SIGUSR1])
            #expect(signals.next() == nil)
            pthread_kill(pthread_self(), SIGUSR1)
            #expect(waitReadable([signals.descriptor], timeout: 1000) == [true])
            #expect(signals.next() == SIGUSR1)
        }
        var mask = sigset_t()
        pthread_sigmask(SIG_BLOCK, nil, &mask)
        #expect(sigismember(&mask, SIGUSR1) == 0)
    }
}
