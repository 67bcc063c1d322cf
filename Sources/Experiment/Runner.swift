// SPDX-License-Identifier: Apache-2.0
import Glibc
import Linux
import Tracers

/// Makes one run after another in a folder of its own, which goes with it.
final class Runner {
    private let apus: String
    private let program: [String]
    private let folder: String
    private let signals: Signals
    /// The signal that ended a run, if one did.
    private(set) var interruption: Int32?

    /// - Throws: ``DesignError`` where there is no place for files.
    init(program: [String], signals: Signals) throws(DesignError) {
        let parent = getenv("TMPDIR").map { String(cString: $0) } ?? "/tmp"
        var template = Array("\(parent)/apus-compare-XXXXXX".utf8CString)
        // It is not empty, and so has an address.
        let isMade = template.withUnsafeMutableBufferPointer { buffer in
            buffer.baseAddress.map { mkdtemp($0) != nil } ?? false
        }
        guard isMade else {
            throw DesignError(SystemError("make a folder in", parent, errno: errno).description)
        }
        folder = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
        // By its path, not through /proc/self/exe, which in a child is another program.
        var path = [CChar](repeating: 0, count: Int(PATH_MAX))
        let length = readlink("/proc/self/exe", &path, path.count - 1)
        apus = String(decoding: path.prefix(max(0, length)).map { UInt8(bitPattern: $0) }, as: UTF8.self)
        self.program = program
        self.signals = signals
    }

    deinit {
        // Our own files, and what a workload left that was ended.
        if let directory = opendir(folder) {
            while let entry = readdir(directory) {
                let name = withUnsafeBytes(of: entry.pointee.d_name) {
                    String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self)
                }
                unlink("\(folder)/\(name)")
            }
            closedir(directory)
        }
        rmdir(folder)
    }

    /// - Parameter limit: seconds.
    func run(_ run: ExperimentRun, under observer: Observer, limit: Double) -> ExperimentRun {
        var run = run
        let (report, seen) = ("\(folder)/workload", "\(folder)/report")
        unlink(report)
        unlink(seen)
        let inner =
            program.isEmpty
            ? [apus, "__workload", run.workload, "\(run.count)", "\(run.threads)", report]
            : [apus, "__workload", "program", report] + program
        let command = CommandRun(
            observer.words(around: inner, apus: apus, report: seen),
            variables: [("APUS_PADDING", String(repeating: "x", count: run.paddingBytes))],
            output: "\(folder)/output", errors: "\(folder)/errors")
        run.othersPrograms = OtherTracers.programs.map { UInt64($0) }
        let before = MachineLoad.now(before: true)
        let result: CommandRun.Result
        do throws(SystemError) {
            result = try command.run(limit: UInt64(limit * 1e9), signals: signals)
        } catch {
            run.failure = error.description
            return run
        }
        take(result, of: limit, into: &run, before, MachineLoad.now(before: false))
        takeReport(report, into: &run)
        guard run.failure == nil else {
            if hasNoRoom { run.failure? += "; the disk of \(folder) is full: TMPDIR chooses another" }
            return run
        }
        let findings = observer.reader.read(seen)
        run.seenCalls = findings.calls
        run.seenFaults = findings.faults
        run.lostEvents = findings.lost
        run.programNs = findings.programNanoseconds
        return run
    }

    /// For what the command writes. Who is not the superuser gets none of the reserve.
    private var hasNoRoom: Bool {
        var disk = statvfs()
        guard statvfs(folder, &disk) == 0 else { return false }
        return disk.f_blocks > 0 && (geteuid() == 0 ? disk.f_bfree : disk.f_bavail) == 0
    }

    private func take(
        _ result: CommandRun.Result, of limit: Double, into run: inout ExperimentRun, _ before: MachineLoad?,
        _ after: MachineLoad?
    ) {
        run.wallNs = result.wallNanoseconds
        run.cpuNs = result.cpuNanoseconds
        run.systemNs = result.systemNanoseconds
        run.maxRssBytes = result.maxResidentBytes
        if let before, let after {
            let busy = after.busy - min(after.busy, before.busy)
            run.othersCpuNs = busy - min(busy, result.cpuNanoseconds)
            let programs = after.programTimes(since: before)
            run.programsCpuNs = programs?.values.reduce(0, +)
            run.busiestProgram = programs?.max { $0.value < $1.value }.flatMap { Procfs.text("/proc/\($0.key)/comm") }
            run.stolenNs = after.stolen - min(after.stolen, before.stolen)
        }
        switch result.end {
        case .exited(.code(0)): break
        case .exited(.code(let code)): run.failure = "exit status \(code)" + lastWords
        case .exited(.signal(let signal)): run.failure = "killed by signal \(signal)" + lastWords
        case .timedOut:
            run.failure =
                "did not end within \(limit == limit.rounded() ? "\(Int(limit))" : "\(limit)") s, and was ended"
        case .interrupted(let signal):
            interruption = signal
            run.failure = "interrupted"
        }
    }

    /// What the workload says of itself: a name and a number in each line.
    private func takeReport(_ path: String, into run: inout ExperimentRun) {
        var figures: [Substring: UInt64] = [:]
        for line in Procfs.text(path)?.split(separator: "\n") ?? [] {
            let words = line.split(separator: " ")
            if words.count == 2, let value = UInt64(words[1]) { figures[words[0]] = value }
        }
        guard let section = figures["section_ns"] else {
            if run.failure == nil { run.failure = "the program did not run to its end" + lastWords }
            return
        }
        run.sectionNs = section
        run.events = figures["events"]
        // Of a program of the user's nobody knows.
        run.calls = program.isEmpty ? figures["calls"] : nil
        run.workloadCpuNs = figures["cpu_ns"]
        run.voluntarySwitches = figures["voluntary_switches"]
        run.involuntarySwitches = figures["involuntary_switches"]
        run.faults = figures["faults"]
        run.delayNs = figures["delay_ns"]
        run.firstCpu = figures["first_cpu"].map { Int($0) }
        run.lastCpu = figures["last_cpu"].map { Int($0) }
        run.lifeCpuNs = figures["life_cpu_ns"]
        run.lifeSystemNs = figures["life_system_ns"]
    }

    /// The last line that the command wrote on standard error.
    private var lastWords: String {
        guard let line = Procfs.text("\(folder)/errors")?.split(separator: "\n").last else { return "" }
        return ": \(line.prefix(200))"
    }
}
