// SPDX-License-Identifier: Apache-2.0
import Testing

@testable import Experiment
@testable import Rendering

/// Reports of experiments that were never run.
struct ComparisonTextTests {
    private static func comparison(
        _ observers: [Observer], runs: Int, made: Int? = nil, change: (inout ExperimentRun) -> Void = { _ in }
    ) -> ObserverComparison {
        let design = Design(
            workloads: ["getppid"], program: [], observers: [.none] + observers, threads: [1], runs: runs, best: 1,
            within: 0.02, seed: 1, target: 0.06, leastEffect: 0.02, budget: 60, limit: 10, cpus: [0])
        var data = ExperimentData(machine: .here(version: "test"), design: design)
        for observer in design.observers {
            // A pilot, a start, and the runs.
            for repetition in -2..<(made ?? runs) {
                let isStart = repetition == -1
                var run = ExperimentRun(
                    phase: repetition == -2 ? .pilot : isStart ? .start : .measured, workload: "getppid",
                    observer: observer.name,
                    threads: 1, repetition: max(0, repetition), count: isStart ? 0 : 1000, paddingBytes: 0)
                let made: UInt64 = isStart ? 0 : 1000
                run.sectionNs = made * (observer.mechanism == .none ? 250 : 400) + UInt64(repetition + 3) * 100
                (run.calls, run.events, run.seenCalls) = (made, made, made + 20)
                (run.wallNs, run.workloadCpuNs) = (2_000_000, run.sectionNs)
                change(&run)
                data.runs.append(run)
            }
        }
        return ObserverComparison(data)
    }

    private static func observers(_ names: String...) -> [Observer] {
        Observer.table.filter { names.contains($0.name) }
    }

    private static func text(_ comparison: ObserverComparison, isDetailed: Bool = true) -> String {
        comparison.text([], style: TextStyle(isOn: false), isDetailed: isDetailed)
    }

    @Test func `the heading says how many runs were made`() {
        #expect(Self.text(Self.comparison(Self.observers("ptrace"), runs: 10)).contains(": 20 runs, 10 of each"))
        #expect(Self.text(Self.comparison(Self.observers("ptrace"), runs: 10, made: 2)).contains(": 4 of 20 runs\n"))
        let none = Self.text(Self.comparison(Self.observers("ptrace"), runs: 10, made: 0))
        #expect(none.contains(": 0 of 20 runs\n") && !none.contains("?"), "\(none)")
    }

    @Test func `marks are explained that are there, and no others`() {
        let few = Self.text(Self.comparison(Self.observers("ptrace"), runs: 3))
        #expect(few.contains(" ~1.60") && few.contains("~ too few runs"), "\(few)")
        let plain = Self.text(Self.comparison(Self.observers("ptrace"), runs: 6))
        #expect(!plain.contains("~") && !plain.contains("?"), "\(plain)")
        let silent = Self.text(Self.comparison(Self.observers("ptrace"), runs: 6) { $0.seenCalls = nil })
        #expect(silent.contains("?1.60") && silent.contains("? it does not say what it saw"), "\(silent)")
    }

    @Test func `names are whole, columns apart, and lines fit`() {
        let observers = Observer.table.filter { $0.mechanism != .none }
        let text = Self.text(Self.comparison(observers, runs: 6))
        for observer in observers { #expect(text.contains(" \(observer.name)"), "\(observer.name)") }
        #expect(!text.contains("…"), "\(text)")
        #expect(!text.contains(/things[^ \n]/), "\(text)")
        for line in text.split(separator: "\n") { #expect(line.count <= 80, "\(line)") }
    }

    @Test func `a range of one is none, and nothing is less than zero`() {
        let text = Self.text(
            Self.comparison(Self.observers("ptrace", "ebpf-time"), runs: 6) { run in
                // The program's CPU time grows by more than the section does.
                if run.observer != "none" { run.workloadCpuNs = (run.sectionNs ?? 0) + 20_000 }
            })
        #expect(text.contains("by one workload") && !text.contains(" to 150 ns"), "\(text)")
        #expect(text.contains("in the program's CPU time 150 ns; waiting less than"), "\(text)")
        #expect(!text.contains("-0") && !text.contains(/\ -[0-9]/), "\(text)")
    }

    @Test func `of what BPF adds, the programs' own time and the way to them are told apart`() {
        let text = Self.text(
            Self.comparison(Self.observers("ebpf-count"), runs: 6) { run in
                if run.phase == .pilot { run.programNs = 100_000 }
            })
        #expect(text.contains("BPF programs 100 ns; the way to them, caches 50 ns; waiting"), "\(text)")
    }

    @Test func `zero has no sign`() {
        #expect(ComparisonFormat.nanoseconds(-0.04) == "0.0 ns" && ComparisonFormat.number(-0.04) == "0.0")
        #expect(ComparisonFormat.nanoseconds(-0.06) == "-0.1 ns" && ComparisonFormat.number(-3) == "-3.0")
    }
}
