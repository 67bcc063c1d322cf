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
    /// How small a ``Cell/probability`` has to be to show a difference: so small that of the differences
    /// shown, before those below ``Design/leastEffect`` are left out, one of twenty is expected to be by chance
    /// (`FalseDiscovery`).
    public let significance: Double
    let bootstrap: Bootstrap

    /// - Parameter resamples: of each interval.
    public init(_ data: ExperimentData, resamples: Int = 2_000) {
        self.data = data
        let design = data.design
        bootstrap = Bootstrap(resamples: resamples, seed: design.seed)
        let groups = Dictionary(grouping: data.runs.enumerated().map { (place: $0, run: $1) }) {
            Place(setting: $0.run.setting, observer: $0.run.observer)
        }
        let bare = design.observers.first { $0.mechanism == .none }
        let observers = design.observers.filter { $0.mechanism != .none }
        var cellRuns: [Place: CellRuns] = [:]
        for setting in design.settings {
            let places = design.observers.map { Place(setting: setting, observer: $0.name) }
            for place in places { cellRuns[place] = CellRuns(groups[place] ?? []) }
            let runs = places.flatMap { cellRuns[$0]?.good ?? [] }
            let blocks = Set(runs.map(\.repetition))
            let disturbed = Set(runs.filter { $0.disturbance != nil }.map(\.repetition))
            // Where so many were left alone that the others are not needed.
            let calm = blocks.count - disturbed.count
            guard calm >= Cell.leastRuns, 3 * calm >= 2 * blocks.count,
                places.allSatisfy({ cellRuns[$0]?.isMeasured(without: disturbed) ?? true })
            else { continue }
            for place in places { cellRuns[place]?.leaveOut(disturbed) }
        }
        func runs(_ setting: Design.Setting, _ observer: Observer?) -> CellRuns {
            observer.flatMap { cellRuns[Place(setting: setting, observer: $0.name)] } ?? CellRuns([])
        }
        let probabilities = design.settings.flatMap { setting in
            let reference = runs(setting, bare)
            return observers.compactMap { runs(setting, $0).probability(against: reference) }
        }
        significance = FalseDiscovery.level(probabilities, of: design.settings.count * observers.count)
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
        effects = Self.effects(design, cells)
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
        ratio(of: observer, to: Observer.none.name, in: data.design.settings)
    }

    /// How many times as long one observer's sections take as another's, over these settings: the geometric mean, with
    /// its interval. nil: in one of them no block has both.
    func ratio(of observer: String, to other: String, in settings: [Design.Setting]) -> Ratio? {
        let ratios = settings.compactMap { setting in
            Sample(cell(setting, observer)?.sections.ratios(to: cell(setting, other)?.sections ?? []) ?? [])
        }
        return ratios.count == settings.count ? bootstrap.geometricMean(ofMedians: ratios) : nil
    }

    /// The observers that saw everything in a setting, fastest first, with places. Two whose ratio
    /// has 1 in its interval share a place.
    public func ranking(_ setting: Design.Setting) -> [(place: Int, cell: Cell)] {
        let complete = cells(in: setting).filter {
            $0.observer.mechanism != .none && $0.information.status == .complete && $0.section != nil
        }
        .sorted { ($0.slowdown?.value ?? .infinity) < ($1.slowdown?.value ?? .infinity) }
        var ranked: [(place: Int, cell: Cell)] = []
        for (index, cell) in complete.enumerated() {
            guard let last = ranked.last, let first = ranked.first(where: { $0.place == last.place })?.cell else {
                ranked.append((1, cell))
                continue
            }
            let ratio = ratio(of: cell.observer.name, to: first.observer.name, in: [setting])
            ranked.append((ratio?.interval?.lower ?? 0 > 1 ? index + 1 : last.place, cell))
        }
        return ranked
    }

    /// How the logarithms of slowdowns vary with the factors that have several levels; nil where runs are
    /// missing, as after failures, or no factor has two levels.
    private static func effects(_ design: Design, _ cells: [Cell]) -> FactorialDesign? {
        let observers = design.observers.filter { $0.mechanism != .none }
        let bare = Dictionary(grouping: cells.filter { $0.observer.mechanism == .none }, by: \.setting)
        let responses = cells.filter { $0.observer.mechanism != .none }.map { cell in
            cell.sections.ratios(to: bare[cell.setting]?.first?.sections ?? []).map { log($0) }
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
