// SPDX-License-Identifier: Apache-2.0

/// The code that addresses turned out to be: modules, the functions in them, and places in the functions.
public struct SymbolTable: Sendable {
    /// A file that was mapped, or what else holds code: `[kernel]`, `[tun]`, `[vdso]`, `[jit]`, `[anon]`.
    public struct Module: Sendable, Hashable {
        public let name: String
        /// Of the ELF note; empty where there is none.
        public let buildID: [UInt8]
        public let isKernel: Bool
    }

    public struct Function: Sendable, Hashable {
        /// As its language writes it. Where it could not be named: the module and an offset in it,
        /// `libx.so+0x1f40`.
        public let name: String
        /// An index into ``modules``.
        public let module: Int
        /// The source file where debug information names it.
        public let file: String?
        public let isNamed: Bool
    }

    public struct Location: Sendable, Hashable {
        /// An index into ``functions``.
        public let function: Int
        /// The module's own address, as its symbols have it; of a caller, within the call.
        public let address: UInt64
        /// The source line; 0 where it is not known.
        public let line: Int
    }

    public internal(set) var modules: [Module] = []
    public internal(set) var functions: [Function] = []
    public internal(set) var locations: [Location] = []

    public func function(of location: Int32) -> Function { functions[locations[Int(location)].function] }
    public func isKernel(_ location: Int32) -> Bool { modules[function(of: location).module].isKernel }
}
