// SPDX-License-Identifier: Apache-2.0
import Foundation

/// The lines of `apus.modules/1`. A key that is missing, or of another type, is a decoding error.
struct ModulesDocument {
    typealias Nullable = TimeDocument.Nullable

    var loads: [Load] = []
    var unloads: [Unload] = []
    var references: [Reference] = []
    var lost: [Lost] = []
    var lists: [List] = []
    var summaries: [Summary] = []
    /// Their types, in order.
    var types: [String] = []

    struct Line: Decodable { let schema, type: String }

    struct Load: Decodable {
        let time, outcome, parameters, timingSource: String
        let tsNs: UInt64
        let name, stage, errno, file, taints, version, srcversion, licence, comparedBy: Nullable<String>
        let fromMemory: Bool
        let signed: Nullable<Bool>
        let sizeBytes: Nullable<UInt64>
        let loader: Process
        let requestedBy: Nullable<Request>
        let phasesNs: Phases
        let dependencies, log, cut: [String]

        struct Phases: Decodable { let total, coming, prepare, `init`, live: Nullable<UInt64> }
    }

    struct Unload: Decodable {
        let time, name, outcome, timingSource: String
        let tsNs: UInt64
        let errno, reason, holdersRead: Nullable<String>
        let forced: Bool
        let references: Nullable<Int>
        let usedBy, log, cut: [String]
        let loader: Process
        let phasesNs: Phases

        struct Phases: Decodable { let total, exit, freed: Nullable<UInt64> }
    }

    struct Process: Decodable {
        let pid, uid, parentPid: UInt32
        let command, parentCommand: String
        let executable, cgroup: Nullable<String>
        let startedByKernel: Bool
        let arguments: [String]
    }

    struct Request: Decodable {
        let pid, uid: UInt32
        let command, alias: String
        let caller: Nullable<String>
        let waits: Bool
    }

    struct Reference: Decodable {
        let time, name, action, command: String
        let tsNs: UInt64
        let references: Int
        let caller: Nullable<String>
        let pid: UInt32
    }

    struct Lost: Decodable {
        let time: String
        let tsNs, count: UInt64
    }

    struct List: Decodable {
        let host, kernel, time: String
        let modules: [Module]

        struct Module: Decodable {
            let name, state, taints: String
            let sizeBytes: UInt64
            let references: Nullable<Int>
            let usedBy: [String]
            let permanent: Bool
            let signed: Nullable<Bool>
            let version, srcversion, file: Nullable<String>
            let loaded: Nullable<Loaded>

            struct Loaded: Decodable {
                let time, command: String
                let pid: UInt32
            }
        }
    }

    struct Summary: Decodable {
        let host, kernel, time: String
        let outcomes, stages: [String: Int]
        let references: Int
        let hooks: [String]
        let completeness: TimeDocument.Completeness
        let observer: TimeDocument.Observer
    }

    init(_ bytes: [UInt8]) throws {
        let decoder = JSONDecoder()
        decoder.keyDecodingStrategy = .convertFromSnakeCase
        for line in bytes.split(separator: UInt8(ascii: "\n")) {
            let data = Data(line)
            let line = try decoder.decode(Line.self, from: data)
            guard line.schema == "apus.modules/1" else { throw Unknown(what: line.schema) }
            types.append(line.type)
            switch line.type {
            case "load": loads.append(try decoder.decode(Load.self, from: data))
            case "unload": unloads.append(try decoder.decode(Unload.self, from: data))
            case "reference": references.append(try decoder.decode(Reference.self, from: data))
            case "lost": lost.append(try decoder.decode(Lost.self, from: data))
            case "list": lists.append(try decoder.decode(List.self, from: data))
            case "summary": summaries.append(try decoder.decode(Summary.self, from: data))
            default: throw Unknown(what: line.type)
            }
        }
    }

    struct Unknown: Error { let what: String }
}
