// SPDX-License-Identifier: Apache-2.0
import Foundation
import Testing

/// The parts of `apus.compare/1` that tests look at.
struct CompareDocument: Decodable {
    struct Ratio: Decodable, Equatable { let value: Double }
    struct Information: Decodable, Equatable {
        let status: String
        let expected: Int?
        let seen: Int?
    }
    struct Costs: Decodable, Equatable {
        let start_ns: Double?
        let added_cpu_ns: Double?
        let kernel_cpu_ns: Double?
        let kernel_cpu_margin_ns: Double?
        let bpf_run_ns: Double?
    }
    struct Cell: Decodable, Equatable {
        let workload: String
        let threads: Int
        let observer: String
        let verdict: String
        let runs: Int
        let disturbed_runs: Int
        let failures: [String]
        let section_median_ns: Double?
        let slowdown: Ratio?
        let slowdown_by_best: Double?
        let added_ns_per_unit: Double?
        let information: Information
        let costs: Costs
    }
    struct Run: Decodable {
        let phase: String
        let workload: String
        let observer: String
        let failure: String?
        let wall_ns: UInt64?
        let others_programs: Int?
        let programs_cpu_ns: UInt64?
        let busiest_program: String?
    }
    struct Completeness: Decodable { let reasons: [String] }
    struct Ranking: Decodable {
        struct Place: Decodable { let observer: String }
        let workload: String
        let places: [Place]
    }

    let cells: [Cell]
    let runs: [Run]
    let ranking: [Ranking]
    let interruption: String?
    let completeness: Completeness

    init(_ bytes: [UInt8]) throws { self = try JSONDecoder().decode(Self.self, from: Data(bytes)) }

    func cell(_ workload: String, _ observer: String) -> Cell? {
        cells.first { $0.workload == workload && $0.observer == observer }
    }

    /// A figure in a page: which one it is, and its value, as the document rounds it.
    struct Figure {
        let workload: String
        let observer: String
        let threads: Int
        let key: String
        let value: Double
    }

    func value(_ figure: Figure) -> Double? {
        let cell = cells.first {
            $0.workload == figure.workload && $0.observer == figure.observer && $0.threads == figure.threads
        }
        switch figure.key {
        case "section_median_ns": return cell?.section_median_ns
        case "slowdown": return cell?.slowdown?.value
        case "slowdown_by_best": return cell?.slowdown_by_best
        case "added_ns_per_unit": return cell?.added_ns_per_unit
        default: return nil
        }
    }

    static func figures(inPage page: String) throws -> [Figure] {
        let pattern =
            /data-workload="([^"]*)" data-threads="([^"]*)" data-observer="([^"]*)" data-key="([^"]*)" data-value="([^"]*)"/
        return try page.matches(of: pattern).map { match in
            Figure(
                workload: String(match.1), observer: String(match.3), threads: try #require(Int(match.2)),
                key: String(match.4), value: try #require(Double(match.5)))
        }
    }

    static func embedded(inPage page: String) throws -> String {
        let match = try #require(page.firstMatch(of: /(?s)<script type="application\/json" id="data">(.*?)<\/script>/))
        return String(match.1)
    }
}
