// SPDX-License-Identifier: Apache-2.0
import Foundation

/// The document `apus.time/1`. A key that is missing, or of another type, is a decoding error.
struct TimeDocument: Decodable {
    let schema, host, kernel, time: String
    let interval: UInt64?
    let wallNs: UInt64
    let fault: Fault
    let total: Ledger
    let processes: [Process]
    let threads: [Thread]
    let exit: Nullable<Exit>
    let completeness: Completeness
    let observer: Observer

    struct Fault: Decodable {
        let measured: Bool
        let reason: Nullable<String>
        let includedIn: String?
    }

    struct Exit: Decodable, Equatable {
        let code, signal: Int32?
    }

    struct Completeness: Decodable {
        let exact: Bool
        let reasons: [String]
        let lostEvents, missedRuns: UInt64

        /// Exact, but for switches that this machine's kernel did not deliver: a test has no say in
        /// that, and Apus must only have told of it.
        var isExactOrDisturbed: Bool { exact || reasons.allSatisfy { $0.contains(Self.disturbance) } }

        static let disturbance = "did not tell of"
    }

    struct Observer: Decodable {
        let bpfRunNs: Nullable<UInt64>
        let bpfRunCount, cpuNs, maxRssBytes: UInt64
        let bpfUntimedReason: String?
    }

    struct Ledger: Decodable {
        let wallNs, userNs, systemNs, irqNs, softirqNs, runnablePreemptedNs, runnableWokenNs, unattributedNs: UInt64
        let faultNs: Nullable<UInt64>
        let blockedNs, blockedOtherBySyscallNs: [String: UInt64]
        let residualNs: Int64
        let voluntarySwitches, involuntarySwitches, migrations, syscalls, minorFaults, majorFaults: UInt64
        let runQueueLatencyNs: Latency

        /// All states; they partition ``wallNs``.
        var states: UInt64 {
            userNs + systemNs + (faultNs.value ?? 0) + irqNs + softirqNs + runnablePreemptedNs + runnableWokenNs
                + unattributedNs + blockedNs.values.reduce(0, +)
        }
    }

    struct Latency: Decodable {
        let p50, p99, max: Nullable<UInt64>
    }

    struct Process: Decodable {
        let pid, tid, parentPid: Int32
        let command: String
        let threads: Int
        let ledger: Ledger

        init(from decoder: any Decoder) throws {
            let container = try decoder.container(keyedBy: Key.self)
            pid = try container.decode(Int32.self, forKey: "pid")
            tid = try container.decode(Int32.self, forKey: "tid")
            parentPid = try container.decode(Int32.self, forKey: "parentPid")
            command = try container.decode(String.self, forKey: "command")
            threads = try container.decode(Int.self, forKey: "threads")
            ledger = try Ledger(from: decoder)
        }
    }

    struct Thread: Decodable {
        let pid, tid, parentPid: Int32
        let command: String
        let ledger: Ledger

        init(from decoder: any Decoder) throws {
            let container = try decoder.container(keyedBy: Key.self)
            pid = try container.decode(Int32.self, forKey: "pid")
            tid = try container.decode(Int32.self, forKey: "tid")
            parentPid = try container.decode(Int32.self, forKey: "parentPid")
            command = try container.decode(String.self, forKey: "command")
            ledger = try Ledger(from: decoder)
        }
    }

    /// A key that has to be there, and whose value can be null.
    struct Nullable<Value: Decodable>: Decodable {
        let value: Value?

        init(from decoder: any Decoder) throws {
            let container = try decoder.singleValueContainer()
            value = container.decodeNil() ? nil : try container.decode(Value.self)
        }
    }

    struct Key: CodingKey, ExpressibleByStringLiteral {
        let stringValue: String
        var intValue: Int? { nil }

        init(stringLiteral value: String) { stringValue = value }
        init?(stringValue: String) { self.stringValue = stringValue }
        init?(intValue: Int) { nil }
    }

    /// Of one line, or of a whole file that is one document.
    init(_ bytes: [UInt8]) throws {
        let decoder = JSONDecoder()
        decoder.keyDecodingStrategy = .convertFromSnakeCase
        self = try decoder.decode(TimeDocument.self, from: Data(bytes))
    }

    /// A document on each line.
    static func lines(_ bytes: [UInt8]) throws -> [TimeDocument] {
        try bytes.split(separator: UInt8(ascii: "\n")).map { try TimeDocument(Array($0)) }
    }
}
