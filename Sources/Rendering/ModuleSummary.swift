// SPDX-License-Identifier: Apache-2.0
public import Tracers

/// How many loads and unloads ended how, for the last words.
public struct ModuleSummary {
    /// By `ModuleLoad.Outcome` and `ModuleUnload.Outcome`, as JSON names them.
    public private(set) var outcomes: [String: Int] = [:]
    /// Loads that failed, by `ModuleLoad.Stage` as JSON names it.
    public private(set) var stages: [String: Int] = [:]
    /// References that were taken or given back.
    public private(set) var references = 0
    /// Loads and unloads.
    public private(set) var actions = 0

    /// Nothing is counted yet.
    public init() {}

    /// Takes in a record; of losses the tracer's completeness tells.
    public mutating func count(_ record: ModuleRecord) {
        switch record {
        case .load(let load):
            actions += 1
            outcomes[load.outcome.rawValue, default: 0] += 1
            if let stage = load.stage { stages[stage.rawValue, default: 0] += 1 }
        case .unload(let unload):
            actions += 1
            outcomes[unload.outcome.rawValue, default: 0] += 1
        case .reference: references += 1
        case .lost: break
        }
    }

    private static let keys =
        ModuleLoad.Outcome.allCases.map(\.rawValue) + ModuleUnload.Outcome.allCases.map(\.rawValue)

    /// The line `summary` of `apus.modules/1`.
    public func json(_ completeness: Completeness, _ observer: ObserverCost, attached: [String]) -> [UInt8] {
        var json = JSONWriter()
        json.object { json in
            json.header("apus.modules/1")
            json.value("type", "summary")
            json.object("outcomes") { json in Self.keys.forEach { json.value($0, outcomes[$0] ?? 0) } }
            json.object("stages") { json in
                for stage in ModuleLoad.Stage.allCases {
                    if let count = stages[stage.rawValue] { json.value(stage.rawValue, count) }
                }
            }
            json.value("references", references)
            json.array("hooks") { json in attached.forEach { json.value(nil, $0) } }
            json.completeness(completeness)
            json.observer(observer)
        }
        json.newline()
        return json.bytes
    }

    /// The last words, at most 80 columns wide but for names that are longer.
    ///
    /// - Parameters:
    ///   - attached: what ``Tracers/ModuleTracer/attached`` says; told if `isVerbose`.
    ///   - hooks: those of the tracer.
    public func text(
        _ completeness: Completeness, _ observer: ObserverCost, attached: [String], hooks: ModuleTracer.Hooks,
        style: TextStyle, isVerbose: Bool
    ) -> String {
        var parts = Self.keys.compactMap { key in outcomes[key].map { "\($0) \(key)" } }
        let failures = ModuleLoad.Stage.allCases.compactMap { stage in
            stages[stage.rawValue].map { "\($0) \(stage.rawValue)" }
        }
        if !failures.isEmpty, let index = parts.firstIndex(where: { $0.hasSuffix(" failed") }) {
            parts[index] += " (\(failures.joined(separator: ", ")))"
        }
        if references > 0 { parts.append(Format.count(UInt64(references), "reference")) }
        var lines = ["", parts.isEmpty ? " no module moved" : parts.joined(separator: ", ").wrapped(indent: 1)]
        lines.append(completeness.isExact ? " exact: nothing was lost" : style.warning(completeness.warning))
        lines.append(
            ("observing cost \(Format.count(observer.runCount)) program runs"
                + (hooks != .fentry
                    ? ", two for each system call of the machine"
                    : attached.contains("tp_btf/module_get")
                        ? ", one for each reference to a module" : "; no hook is on a path that is often taken"))
                .wrapped(indent: 3, first: 1))
        if isVerbose { lines.append("attached to \(attached.joined(separator: " "))".wrapped(indent: 3, first: 1)) }
        lines.append(
            "   Apus itself: CPU \(Format.duration(observer.cpuNanoseconds)), memory "
                + "\(Format.bytes(observer.maxResidentBytes)), maps in the kernel \(Format.bytes(observer.mapBytes))")
        return lines.joined(separator: "\n") + "\n"
    }
}
