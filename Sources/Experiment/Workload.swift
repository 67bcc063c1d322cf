// SPDX-License-Identifier: Apache-2.0
import CWorkloads

/// What the observers watch.
public struct Workload: Sendable, Equatable {
    /// What a model of the cost makes of it.
    public enum Role: String, Sendable, Codable {
        /// Its events are alike and nothing else happens: it shows what one event costs.
        case micro
        /// Events among other work: what the model predicts.
        case macro
        /// A program of the user's.
        case program
    }

    /// By which it is asked for and shown.
    public let name: String
    /// What it does, in a few words.
    public let summary: String
    /// What it makes as many of as it is told; `run` of a program.
    public let event: String
    /// System calls in one event; nil: not known.
    public let callsPerEvent: Int?
    /// Page faults in one event; nil: not known.
    public let faultsPerEvent: Int?
    /// What a model of the cost makes of it.
    public let role: Role

    /// Those that Apus brings along.
    public static let builtIn: [Workload] = (0..<apus_workload_count()).compactMap { index in
        guard let info = apus_workload_at(index)?.pointee else { return nil }
        let name = String(cString: info.name)
        return Workload(
            name: name, summary: String(cString: info.summary), event: String(cString: info.event),
            callsPerEvent: Int(info.calls), faultsPerEvent: Int(info.faults),
            role: ["getppid", "readwrite", "open-close"].contains(name) ? .micro : .macro)
    }

    /// The built-in workload of that name; nil: there is none.
    public static func named(_ name: String) -> Workload? { builtIn.first { $0.name == name } }

    /// A program of the user's, under the name `program`.
    public static let program = Workload(
        name: "program", summary: "a program of your own", event: "run", callsPerEvent: nil, faultsPerEvent: nil,
        role: .program)

    /// What costs are counted by: `call`, `fault`, or the workload's own event where it makes neither.
    public var unit: Unit {
        if role == .program || callsPerEvent ?? 0 > 0 { return .call }
        if let faultsPerEvent, faultsPerEvent > 0 { return .fault }
        return .event
    }

    /// What the cost of watching is divided by.
    public enum Unit: String, Sendable { case call, fault, event }
}
