// SPDX-License-Identifier: Apache-2.0
import ArgumentParser
import Experiment
import Glibc
import Linux
import Rendering

extension CompareCommand {
    // What limits a verdict is how the machine changes from block to block: many short runs show more than few long
    // ones. Of 20 a difference among some 40 comparisons is shown, though a few blocks say the opposite.
    var runsOfEach: Int { runs ?? (quick ? 20 : 40) }

    /// What the options ask for.
    func design() throws(DesignError) -> Design {
        var workloads: [String] = []
        for name in Self.names(workload) {
            guard Workload.named(name) != nil else {
                throw DesignError(
                    "no workload is called '\(name)'; there are "
                        + Workload.builtIn.map(\.name).joined(separator: ", "))
            }
            if !workloads.contains(name) { workloads.append(name) }
        }
        if workloads.isEmpty { workloads = program.isEmpty ? Workload.builtIn.map(\.name) : [Workload.program.name] }
        let isProgram = !program.isEmpty
        return Design(
            workloads: workloads, program: isProgram ? program.words : [], observers: try observers(),
            threads: isProgram ? [1] : try Self.numbers(threads, "--threads", 1...1024),
            runs: runsOfEach, best: best ?? min(3, runsOfEach), within: within?.value ?? 0.02,
            seed: seed ?? (Clock.realtime / 1000) % 1_000_000_000,
            target: quick ? Design.quickTarget : Design.standardTarget,
            leastEffect: quick ? Design.quickLeastEffect : Design.standardLeastEffect,
            budget: budget ?? (quick ? 56 : 540), limit: limit ?? 60, cpus: try allowedCPUs())
    }

    func judge(_ text: String, by comparison: ObserverComparison) throws(DesignError) -> Expectation.Finding {
        let expectation = try Expectation(text)
        if let name = expectation.unknownNames(in: comparison.data.design).first {
            throw DesignError("--expect '\(text)': \(name) is not in this experiment")
        }
        return expectation.judge(comparison)
    }

    private static func names(_ lists: [String]) -> [String] {
        lists.flatMap { $0.split(separator: ",").map { String($0) } }
    }

    private func observers() throws(DesignError) -> [Observer] {
        var observers = [Observer.none]
        let isChosen = !observer.isEmpty
        let wanted =
            isChosen
            // A command may have commas in it.
            ? observer.flatMap { $0.hasPrefix("cmd:") || $0.hasPrefix("bpftrace:") ? [$0] : Self.names([$0]) }
            : quick ? Observer.quick : Observer.standard
        for name in wanted {
            for found in try Observer.parse(name) {
                if let other = observers.first(where: { $0.name == found.name }) {
                    guard other == found else { throw DesignError("two observers are called '\(found.name)'") }
                    continue
                }
                if found.command.contains("{command}"), let word = program.words.first(where: { $0.contains(" ") }) {
                    throw DesignError(
                        "\(found.name) takes a program apart at spaces: '\(word)' cannot be given to it as one word")
                }
                // Of those that nobody asked for by name, those that there are.
                if isChosen || Self.missingTool(of: found) == nil { observers.append(found) }
            }
        }
        guard observers.count > 1 else { throw DesignError("there is nothing to compare 'none' with") }
        return observers
    }

    private static func numbers(_ text: String, _ option: String, _ range: ClosedRange<Int>) throws(DesignError)
        -> [Int]
    {
        var numbers: [Int] = []
        for word in text.split(separator: ",", omittingEmptySubsequences: false) {
            guard let number = Int(word), range.contains(number) else {
                throw DesignError(
                    "\(option) takes numbers from \(range.lowerBound) to \(range.upperBound), as in 1,2,4")
            }
            if !numbers.contains(number) { numbers.append(number) }
        }
        return numbers
    }

    private func allowedCPUs() throws(DesignError) -> [Int32] {
        let allowed = (CPUSet(ofThread: 0)?.all ?? [0]).map { Int32($0) }
        guard let cpus else { return allowed }
        let wanted = try Self.numbers(cpus, "--cpus", 0...8191).map { Int32($0) }
        if let other = wanted.first(where: { !allowed.contains($0) }) {
            throw DesignError(
                "--cpus: CPU \(other) is not among those that this process may use: "
                    + allowed.map { String($0) }.joined(separator: ","))
        }
        return wanted
    }

    /// - Throws: ``DesignError`` where an observer that was asked for cannot run.
    func checkTools() throws(DesignError) {
        for observer in from.isEmpty ? try design().observers : [] {
            if let missing = Self.missingTool(of: observer) { throw DesignError(missing) }
        }
    }

    /// Why it cannot run; nil: its tool is there.
    private static func missingTool(of observer: Observer) -> String? {
        switch observer.tool {
        case .none: return nil
        case .apus(let command):
            let commands = Apus.configuration.subcommands.map { $0.configuration.commandName }
            return commands.contains(command)
                ? nil : "\(observer.name) needs apus \(command), which this Apus does not have"
        case .program(let program):
            guard let error = obstacle(to: program) else { return nil }
            let isMissing = error == ENOENT && !program.contains("/")
            return "\(observer.name) needs \(program), which \(isMissing ? "is not installed" : "cannot be run")"
        }
    }

    /// Sees to it that the program can be run, as far as that can be told without running it.
    func checkProgram() throws(Failure) {
        guard let name = program.words.first, let error = Self.obstacle(to: name) else { return }
        throw Failure(error == ENOENT ? 127 : 126, SystemError("run", name, errno: error).description)
    }

    /// What execvp(3) would fail of; nil: nothing that permissions tell of.
    private static func obstacle(to program: String) -> Int32? {
        let folders =
            program.contains("/")
            ? [""]
            : (getenv("PATH").map { String(cString: $0) } ?? "/bin:/usr/bin")
                .split(separator: ":", omittingEmptySubsequences: false).map { $0.isEmpty ? "./" : $0 + "/" }
        var error = ENOENT
        for folder in folders {
            var status = stat()
            guard stat(folder + program, &status) == 0 else {
                if errno == EACCES { error = EACCES }
                continue
            }
            if status.st_mode & S_IFMT == S_IFREG && access(folder + program, X_OK) == 0 { return nil }
            error = EACCES
        }
        return error
    }
}
