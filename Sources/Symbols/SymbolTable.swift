// SPDX-License-Identifier: Apache-2.0

/// The code that addresses turned out to be: modules, the functions in them, and places in the functions.
public struct SymbolTable: Sendable {
    /// A file that was mapped, or what else holds code: `[kernel]`, `[tun]`, `[vdso]`, `[jit]`, `[anon]`.
    public struct Module: Sendable, Hashable {
        /// The path as its processes had it, or the word in brackets.
        public let name: String
        /// Of the ELF note; empty where there is none.
        public let buildID: [UInt8]
        /// It is the kernel, or one of its modules.
        public let isKernel: Bool
    }

    /// A function of a module, or a place in it that has no name.
    public struct Function: Sendable, Hashable {
        /// As its language writes it. Where it could not be named: the module and an offset in it,
        /// `libx.so+0x1f40`.
        public let name: String
        /// An index into ``modules``.
        public let module: Int
        /// The source file where debug information names it.
        public let file: String?
        /// Its name is a symbol's; false: it is made of the module's and an offset.
        public let isNamed: Bool
    }

    /// A place in a function where an address was met.
    public struct Location: Sendable, Hashable {
        /// An index into ``functions``.
        public let function: Int
        /// The module's own address, as its symbols have it; of a caller, within the call.
        public let address: UInt64
        /// The source line; 0 where it is not known.
        public let line: Int
    }

    /// Each once.
    public internal(set) var modules: [Module] = []
    /// Each once for a module.
    public internal(set) var functions: [Function] = []
    /// By the number that ``Symbolizer`` gave an address.
    public internal(set) var locations: [Location] = []

    /// The function of a location, by its index into ``locations``.
    public func function(of location: Int32) -> Function { functions[locations[Int(location)].function] }
    /// Whether a location, by its index into ``locations``, is in the kernel or one of its modules.
    public func isKernel(_ location: Int32) -> Bool { modules[function(of: location).module].isKernel }
}
