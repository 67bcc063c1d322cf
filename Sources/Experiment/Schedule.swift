// SPDX-License-Identifier: Apache-2.0
import Statistics

/// The order of an experiment's runs.
///
/// A block is one run of each observer in one setting, in random order; blocks of all settings
/// follow one another in random order. So what changes in the machine over time strikes all of
/// them alike. The size of the environment, which moves a program's stack and with it its speed by
/// several percent, is random, too (Mytkowicz, Diwan, Hauswirth and Sweeney, Producing Wrong Data Without
/// Doing Anything Obviously Wrong!, ASPLOS 2009).
public struct Schedule: Sendable, Equatable {
    /// A measured run that is to be made.
    public struct Step: Sendable, Equatable {
        /// The setting of its block.
        public let setting: Design.Setting
        /// Its name.
        public let observer: String
        /// From 0, in each setting.
        public let repetition: Int
        /// Bytes by which the environment is larger.
        public let padding: Int
    }

    /// In the order in which they are to be made.
    public let steps: [Step]

    /// The same design, its seed included, gives the same steps.
    public init(_ design: Design) {
        var random = SplitMix64(seed: design.seed)
        let blocks = random.shuffled(
            design.settings.flatMap { setting in (0..<design.runs).map { (setting, $0) } })
        var steps: [Step] = []
        // Repetitions are numbered as they come.
        var seen: [Design.Setting: Int] = [:]
        for (setting, _) in blocks {
            let repetition = seen[setting, default: 0]
            seen[setting] = repetition + 1
            for observer in random.shuffled(design.observers.map(\.name)) {
                steps.append(
                    Step(
                        setting: setting, observer: observer, repetition: repetition,
                        padding: Int(random.next() % 4096)))
            }
        }
        self.steps = steps
    }
}
