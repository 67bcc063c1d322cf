// SPDX-License-Identifier: Apache-2.0
import Statistics

/// The order of an experiment's runs.
///
/// A block is one run of each observer in one setting, in random order, and between each two of them, or beside
/// the last, a run of the program by itself, which they are compared to: what a machine does in one second is no
/// measure of what it does in the next. A round is a block of each setting, in random order. So what changes in
/// the machine over time strikes all of them alike, and an experiment that ends after some rounds has as many
/// runs of each. The size of the environment, which moves a program's stack and with it its speed by
/// several percent, is random, too (Mytkowicz, Diwan, Hauswirth and Sweeney, Producing Wrong Data Without
/// Doing Anything Obviously Wrong!, ASPLOS 2009).
public struct Schedule: Sendable, Equatable {
    /// A measured run that is to be made.
    public struct Step: Sendable, Equatable {
        /// The setting of its block.
        public let setting: Design.Setting
        /// Its name.
        public let observer: String
        /// Its round, from 0.
        public let repetition: Int
        /// Bytes by which the environment is larger.
        public let padding: Int
    }

    /// In the order in which they are to be made.
    public let steps: [Step]

    /// The same design, its seed included, gives the same steps.
    public init(_ design: Design) {
        var random = SplitMix64(seed: design.seed)
        var steps: [Step] = []
        for repetition in 0..<design.runs {
            for setting in random.shuffled(design.settings) {
                for observer in Self.block(design, &random) {
                    steps.append(
                        Step(
                            setting: setting, observer: observer.name, repetition: repetition,
                            padding: Int(random.next() % 4096)))
                }
            }
        }
        self.steps = steps
    }

    private static func block(_ design: Design, _ random: inout SplitMix64) -> [Observer] {
        let bare = design.observers.filter { $0.mechanism == .none }
        var left = random.shuffled(design.observers.filter { $0.mechanism != .none })[...]
        var block: [Observer] = []
        while let first = left.popFirst() {
            if let second = left.popFirst() {
                block += [first] + bare + [second]
            } else {
                block += random.next() & 1 == 0 ? [first] + bare : bare + [first]
            }
        }
        return block
    }
}
