// SPDX-License-Identifier: Apache-2.0
import FoundationEssentials
import Linux

/// An experiment as it was: its design, the machine, and every run. All else follows from it.
public struct ExperimentData: Sendable, Codable, Equatable {
    /// Where it was made.
    public var machine: Machine
    /// With the counts that the pilots led to.
    public var design: Design
    /// All that were made, in this order, starts and pilots included.
    public var runs: [ExperimentRun]
    /// Why it ended before its time; nil: it did not.
    public var interruption: String?
    /// Of making the runs and waiting for them; nil: it was stored by an Apus that did not say.
    public var observer: Cost?
    /// What it was expected to show, as it was written; nil: nothing.
    public var hypotheses: [String]?

    /// What the process that made the runs used itself.
    public struct Cost: Sendable, Codable, Equatable {
        /// User and system time, nanoseconds.
        public let cpuNs: UInt64
        /// The most memory that it had resident.
        public let maxRssBytes: UInt64
    }

    /// Measured runs that were made, those that failed included.
    public var measuredRuns: Int { runs.count { $0.phase == .measured } }

    /// The runs from there on are those of a block that was made before. They take its place, unless fewer of them
    /// went well, as when making them was interrupted.
    mutating func settleBlock(madeAgainFrom first: Int) {
        guard first < runs.count else { return }
        let again = runs[first]
        let earlier = runs[..<first].indices.filter {
            runs[$0].phase == .measured && runs[$0].setting == again.setting && runs[$0].repetition == again.repetition
        }
        func good(_ places: some Sequence<Int>) -> Int { places.count { runs[$0].failure == nil } }
        let places = first..<runs.count
        for place in good(places) < good(earlier) ? Array(places) : earlier { runs[place].phase = .setAside }
    }

    /// A machine, and the Apus that ran on it.
    public struct Machine: Sendable, Codable, Equatable {
        /// Its name, `nodename` of uname(2).
        public let host: String
        /// The kernel's release: `6.18.1`.
        public let kernel: String
        /// `machine` of uname(2): `x86_64`.
        public let architecture: String
        /// `model name` of /proc/cpuinfo; `unknown` where that has none.
        public let cpu: String
        /// CPUs that this process might use.
        public let cpus: Int
        /// When the experiment began: RFC 3339, in UTC.
        public let time: String
        /// Of Apus.
        public let version: String
    }

    /// An experiment of which no run has been made.
    public init(machine: Machine, design: Design) {
        self.machine = machine
        self.design = design
        runs = []
    }

    /// Reads what `apus compare --json` wrote.
    ///
    /// - Throws: ``DesignError`` where it is something else.
    public init(json: [UInt8], from name: String) throws(DesignError) {
        struct Document: Decodable {
            let schema: String
            let machine: Machine
            let design: Design
            let runs: [ExperimentRun]
            let interruption: String?
            let observer: Cost?
            let expectations: [Expected]?
            struct Expected: Decodable { let expectation: String }
        }
        let decoder = JSONDecoder()
        decoder.keyDecodingStrategy = .convertFromSnakeCase
        let document: Document
        do {
            document = try decoder.decode(Document.self, from: Data(json))
        } catch {
            throw DesignError("\(name) is not what apus compare --json wrote")
        }
        guard document.schema == Self.schema else {
            throw DesignError("\(name) is \(document.schema), and not \(Self.schema)")
        }
        guard document.design.isPlausible, document.runs.allSatisfy(\.isPlausible) else {
            throw DesignError("\(name) holds what no experiment has: it is damaged")
        }
        machine = document.machine
        design = document.design
        runs = document.runs
        interruption = document.interruption
        observer = document.observer
        hypotheses = document.expectations?.map(\.expectation)
    }

    /// The `schema` of documents that can be read.
    public static let schema = "apus.compare/1"
}

extension ExperimentData.Machine {
    /// This one.
    public static func here(version: String) -> Self {
        let model = Procfs.text("/proc/cpuinfo")?.split(separator: "\n").first { $0.hasPrefix("model name") }
        return Self(
            host: Host.name, kernel: Host.kernel, architecture: Host.architecture,
            cpu: model?.split(separator: ":").last.map { String($0.drop { $0 == " " }) } ?? "unknown",
            cpus: CPUSet(ofThread: 0)?.all.count ?? 1, time: Clock.rfc3339, version: version)
    }
}
