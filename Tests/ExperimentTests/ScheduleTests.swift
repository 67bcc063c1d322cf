// SPDX-License-Identifier: Apache-2.0
import Testing

@testable import Experiment

struct ScheduleTests {
    @Test func `every observer is beside the program by itself, once in each block`() {
        for watching in [["ptrace"], ["ebpf-count", "ebpf-time", "ptrace"], ["ebpf-count", "ebpf-time"]] {
            let design = Design.test(workloads: ["getppid", "compute"], observers: ["none"] + watching, runs: 5)
            let size = design.blockSize
            #expect(size == watching.count + (watching.count + 1) / 2)
            let steps = Schedule(design).steps
            #expect(steps.count == design.plannedRuns && steps.count == 2 * 5 * size)
            for first in stride(from: 0, to: steps.count, by: size) {
                let names = steps[first..<first + size].map(\.observer)
                #expect(names.filter { $0 != "none" }.sorted() == watching)
                for (index, name) in names.enumerated() where name != "none" {
                    #expect(index > 0 && names[index - 1] == "none" || index + 1 < size && names[index + 1] == "none")
                }
            }
        }
    }

    @Test func `every setting has each repetition, in rounds`() {
        let design = Design.test(
            workloads: ["getppid", "compute"], observers: ["none", "ebpf-time", "ptrace"], runs: 5)
        let steps = Schedule(design).steps
        for first in stride(from: 0, to: steps.count, by: 3) {
            let block = steps[first..<first + 3]
            #expect(Set(block.map(\.setting)).count == 1)
            #expect(Set(block.map(\.repetition)).count == 1)
        }
        for setting in design.settings {
            let repetitions = steps.filter { $0.setting == setting && $0.observer == "none" }.map(\.repetition)
            #expect(repetitions == Array(0..<5))
        }
        // A round has a block of each setting.
        #expect(steps.map(\.repetition) == (0..<5).flatMap { Array(repeating: $0, count: 2 * 3) })
        #expect(steps.allSatisfy { (0..<4096).contains($0.padding) })
        #expect(Set(steps.map(\.padding)).count > 20)
    }

    @Test func `the same seed gives the same order, another one another`() {
        var design = Design.test(workloads: ["getppid", "compute"], observers: ["none", "ptrace"], runs: 5)
        let first = Schedule(design)
        #expect(first == Schedule(design))
        design.seed += 1
        #expect(first != Schedule(design))
        // Neither is in the order of the design.
        let orders = Set(
            stride(from: 0, to: first.steps.count, by: 2).map {
                "\(first.steps[$0].setting)\(first.steps[$0].observer)"
            })
        #expect(orders.count > 2)
    }
}

extension Design {
    static func test(workloads: [String], observers: [String], threads: [Int] = [1], runs: Int) -> Design {
        Design(
            workloads: workloads, program: [], observers: Observer.table.filter { observers.contains($0.name) },
            threads: threads, runs: runs, best: 3, within: 0.02, seed: 7, target: 0.06, leastEffect: 0.02, budget: 60,
            limit: 10, cpus: [0]
        )
    }
}
