// SPDX-License-Identifier: Apache-2.0
import Glibc
public import Statistics

/// What an experiment shows.
public struct ObserverComparison: Sendable {
    /// What it was made of.
    public let data: ExperimentData
    /// By setting, then observer, in the design's order.
    public let cells: [Cell]
    /// The cost of one event, fitted and tried.
    public let model: CostModel
    /// How the logarithms of slowdowns vary with workload, threads and observer, as far as they have several
    /// levels; nil where none has, or runs are missing.
    public let effects: FactorialDesign?
    /// How small a ``Cell/probability`` has to be to show a difference: so small that with 95 % probability not
    /// one of the experiment's verdicts is by chance (``Statistics/Holm``).
    public let significance: Double
    let bootstrap: Bootstrap

    /// - Parameter resamples: of each interval.
    public init(_ data: ExperimentData, resamples: Int = 2_000) {
        self.data = data
        let design = data.design
        bootstrap = Bootstrap(resamples: resamples, seed: design.seed)
        let groups = Dictionary(grouping: data.runs) { Place(setting: $0.setting, observer: $0.observer) }
        let bare = design.observers.first { $0.mechanism == .none }
        let observers = design.observers.filter { $0.mechanism != .none }
        var cellRuns: [Place: CellRuns] = [:]
        for setting in design.settings {
            let places = design.observers.map { Place(setting: setting, observer: $0.name) }
            for place in places { cellRuns[place] = CellRuns(groups[place] ?? []) }
            // Alike for all that are compared.
            guard places.compactMap({ cellRuns[$0] }).allSatisfy({ $0.good.isEmpty || $0.isCalm }) else { continue }
            for place in places { cellRuns[place]?.leaveOutDisturbed() }
        }
        func runs(_ setting: Design.Setting, _ observer: Observer?) -> CellRuns {
            observer.flatMap { cellRuns[Place(setting: setting, observer: $0.name)] } ?? CellRuns([])
        }
        let probabilities = design.settings.flatMap { setting in
            let reference = runs(setting, bare)
            return observers.compactMap { runs(setting, $0).probability(against: reference) }
        }
        significance = Holm.level(probabilities, of: design.settings.count * observers.count)
        var cells: [Cell] = []
        for setting in design.settings {
            let reference = runs(setting, bare)
            // Of a program of the user's nobody knows how many calls it makes, but who counts and does nothing else.
            let counter = design.observers.first { $0.name == Observer.counter }
            let counts = design.program.isEmpty ? [] : runs(setting, counter).counts
            for observer in design.observers {
                let own = observer.mechanism == .none ? reference : runs(setting, observer)
                cells.append(
                    own.cell(
                        setting, observer, design, against: reference, counts, bootstrap,
                        significance: significance))
            }
        }
        self.cells = cells
        model = CostModel(cells, of: design)
        effects = Self.effects(design, groups)
    }

    /// Why figures are not of all that the design asks for, or not of what it asks for; empty: they are.
    public var reasons: [String] {
        let (made, planned) = (data.measuredRuns, data.design.plannedRuns)
        let failed = data.runs.count { ($0.phase == .measured || $0.phase == .setAside) && $0.failure != nil }
        let disturbed = data.runs.count { $0.phase == .measured && $0.failure == nil && $0.disturbance != nil }
        let lossy = cells.filter { $0.information.status == .lossy }
        return [
            data.interruption, made < planned ? "\(made) of \(planned) runs were made" : nil,
            failed > 0 ? "\(failed) of \(made) runs failed" : nil,
            disturbed > 0 ? "\(disturbed) of \(made) runs were disturbed" : nil,
        ]
        .compactMap { $0 } + lossy.map { "\($0.observer.name) missed some of \($0.setting.workload)" }
            + cells.filter { $0.information.status != .lossy && $0.information.lost ?? 0 > 0 }.map {
                "\($0.observer.name) says that it lost some of \($0.setting.workload), and told all that was counted"
            }
    }

    private struct Place: Hashable {
        let setting: Design.Setting
        let observer: String
    }

    /// One observer, by its name, in one setting; nil: the design does not have it.
    public func cell(_ setting: Design.Setting, _ observer: String) -> Cell? {
        cells.first { $0.setting == setting && $0.observer.name == observer }
    }

    /// All observers in one setting, in the design's order.
    public func cells(in setting: Design.Setting) -> [Cell] { cells.filter { $0.setting == setting } }

    /// An observer's slowdown over all settings: the geometric mean, with its interval. nil: in one of them
    /// it, or the program by itself, has no runs, and the mean would be of other settings than its neighbours'.
    public func overall(_ observer: String) -> Ratio? {
        let pairs = data.design.settings.compactMap { setting -> (Sample, Sample)? in
            guard let own = cell(setting, observer)?.section, let bare = cell(setting, Observer.none.name)?.section
            else { return nil }
            return (own, bare)
        }
        guard pairs.count == data.design.settings.count else { return nil }
        return bootstrap.geometricMean(ofRatios: pairs, by: .median)
    }

    /// The observers that saw everything in a setting, fastest first, with places. Two whose ratio
    /// has 1 in its interval share a place.
    public func ranking(_ setting: Design.Setting) -> [(place: Int, cell: Cell)] {
        let complete = cells(in: setting).filter {
            $0.observer.mechanism != .none && $0.information.status == .complete && $0.section != nil
        }
        .sorted { ($0.section?.median ?? 0) < ($1.section?.median ?? 0) }
        var ranked: [(place: Int, cell: Cell)] = []
        for (index, cell) in complete.enumerated() {
            guard let last = ranked.last, let own = cell.section,
                let first = ranked.first(where: { $0.place == last.place })?.cell.section
            else {
                ranked.append((1, cell))
                continue
            }
            let differs = bootstrap.ratio(of: own, to: first, by: .median)?.showsDifference ?? false
            ranked.append((differs ? index + 1 : last.place, cell))
        }
        return ranked
    }

    /// How the logarithms of slowdowns vary with the factors that have several levels; nil where runs are
    /// missing, as after failures, or no factor has two levels.
    private static func effects(_ design: Design, _ groups: [Place: [ExperimentRun]]) -> FactorialDesign? {
        let observers = design.observers.filter { $0.mechanism != .none }
        func sections(_ setting: Design.Setting, _ observer: String) -> [Int: Double] {
            let runs = groups[Place(setting: setting, observer: observer)] ?? []
            return Dictionary(
                runs.compactMap { run in
                    guard run.phase == .measured, run.failure == nil, let section = run.sectionNs, section > 0
                    else { return nil }
                    return (run.repetition, Double(section))
                }, uniquingKeysWith: { first, _ in first })
        }
        var responses: [[Double]] = []
        for setting in design.settings {
            let bare = sections(setting, Observer.none.name)
            for observer in observers {
                let own = sections(setting, observer.name)
                responses.append(
                    own.keys.sorted().compactMap { key in
                        guard let own = own[key], let bare = bare[key] else { return nil }
                        return log(own / bare)
                    })
            }
        }
        let repetitions = responses.map(\.count).min() ?? 0
        let factors = [
            FactorialDesign.Factor("workload", levels: design.workloads),
            FactorialDesign.Factor("threads", levels: design.threads.map { String($0) }),
            FactorialDesign.Factor("observer", levels: observers.map(\.name)),
        ]
        .filter { $0.levels.count > 1 }
        guard repetitions > 0, !factors.isEmpty else { return nil }
        return FactorialDesign(factors: factors, responses: responses.map { Array($0.prefix(repetitions)) })
    }
}
