// SPDX-License-Identifier: Apache-2.0
import Glibc
import Linux

/// Gives addresses numbers first, then names to all of them at once, file by file: each file is read once,
/// and forgotten before the next.
public struct Symbolizer {
    /// Code by where it is: what has the same key has the same name.
    private struct Key: Hashable {
        /// An index into the address spaces' modules, or ``kernel``.
        let module: Int
        let offset: UInt64
        /// Whose, where it is no file's code.
        let pid: Int32
    }

    private struct Seen: Hashable {
        let version: AddressSpaces.Version
        let address: UInt64
    }

    private static let kernel = -1
    private static let unmapped = -2

    private let spaces: AddressSpaces
    private var keys: [Key] = []
    private var numbers: [Key: Int32] = [:]
    private var seen: [Seen: Int32] = [:]
    private var users: [Int32: UInt32] = [:]

    /// - Parameter spaces: what was mapped; it is to have taken in the events before an address is numbered.
    public init(_ spaces: AddressSpaces) { self.spaces = spaces }

    /// The number of an address in the kernel.
    ///
    /// - Parameter isReturn: it is where a call returns to, and the call is before it.
    public mutating func number(kernel address: UInt64, isReturn: Bool) -> Int32 {
        number(Key(module: Self.kernel, offset: isReturn ? address &- 1 : address, pid: 0))
    }

    /// The number of an address in a process as that was at a time.
    ///
    /// - Parameters:
    ///   - time: CLOCK_MONOTONIC, in nanoseconds.
    ///   - user: who runs the process.
    public mutating func number(
        _ address: UInt64, of pid: Int32, at time: UInt64, user: UInt32, isReturn: Bool
    ) -> Int32 {
        let address = isReturn ? address &- 1 : address
        let version =
            spaces.version(of: pid, at: time) ?? AddressSpaces.Version(pid: pid, space: -1, ranges: 0)
        let key = Seen(version: version, address: address)
        if let known = seen[key] { return known }
        let number: Int32
        if version.space >= 0, let place = spaces.place(of: address, in: version) {
            let isShared = !spaces.modules[place.module].isAnonymous
            number = self.number(
                Key(module: place.module, offset: isShared ? place.fileOffset : address, pid: isShared ? 0 : pid))
        } else {
            number = self.number(Key(module: Self.unmapped, offset: address, pid: pid))
        }
        users[pid] = user
        seen[key] = number
        return number
    }

    private mutating func number(_ key: Key) -> Int32 {
        if let known = numbers[key] { return known }
        let number = Int32(keys.count)
        keys.append(key)
        numbers[key] = number
        return number
    }

    /// Names everything that was given a number; ``SymbolTable/locations`` is indexed by it.
    public func resolve() -> SymbolTable {
        var names = Names(count: keys.count)
        let groups = Dictionary(grouping: keys.indices, by: { keys[$0].module })
        // Files in the order in which they were mapped: a program before its libraries. Then all else.
        for module in groups.keys.sorted(by: { ($0 < 0 ? .max + $0 : $0) < ($1 < 0 ? .max + $1 : $1) }) {
            let members = groups[module] ?? []
            switch module {
            case Self.kernel: nameKernel(members, &names)
            case Self.unmapped: nameGenerated(members, "[unmapped]", &names)
            default:
                let file = spaces.modules[module]
                if file.isAnonymous {
                    nameGenerated(members, "[anon]", &names)
                } else {
                    name(members, in: file, &names)
                }
            }
        }
        return names.table
    }

    private func nameKernel(_ members: [Int], _ names: inout Names) {
        var kernel = KernelSymbols()
        var modules: [String: SymbolTable.Module] = [:]
        for index in members {
            let address = keys[index].offset
            let symbol = kernel.symbol(at: address)
            let name = symbol?.module ?? "[kernel]"
            let module =
                modules[name]
                ?? .init(name: name, buildID: KernelSymbols.buildID(of: symbol?.module), isKernel: true)
            modules[name] = module
            names.name(index, symbol?.name, in: module, address: address, file: nil, line: 0)
        }
    }

    /// Code that is in no file: a just-in-time compiler's, if it tells.
    private func nameGenerated(_ members: [Int], _ name: String, _ names: inout Names) {
        for (pid, members) in Dictionary(grouping: members, by: { keys[$0].pid }) {
            let map = PerfMap(pid: pid, user: users[pid] ?? 0)
            for index in members {
                let address = keys[index].offset
                let found = map?.name(at: address)
                names.name(
                    index, found, in: .init(name: found == nil ? name : "[jit]", buildID: [], isKernel: false),
                    address: address, file: nil, line: 0)
            }
        }
    }

    private func name(_ members: [Int], in file: ModuleFile, _ names: inout Names) {
        let symbols = file.symbols()
        let module = SymbolTable.Module(name: file.name, buildID: file.buildID, isKernel: false)
        for index in members {
            let offset = keys[index].offset
            let address = symbols?.address(ofFileOffset: offset) ?? offset
            let line = symbols?.line(at: address)
            names.name(
                index, symbols?.symbol(at: address).map(demangled), in: module, address: address, file: line?.file,
                line: line?.line ?? 0)
        }
    }
}

/// A symbol table in the making.
private struct Names {
    private(set) var table = SymbolTable()
    private var modules: [SymbolTable.Module: Int] = [:]
    private struct FunctionKey: Hashable {
        let name: String
        let module: Int
    }
    private var functions: [FunctionKey: Int] = [:]

    init(count: Int) {
        table.locations = Array(repeating: .init(function: 0, address: 0, line: 0), count: count)
    }

    mutating func name(
        _ index: Int, _ name: String?, in module: SymbolTable.Module, address: UInt64, file: String?, line: Int
    ) {
        let moduleIndex = modules[module] ?? table.modules.count
        if moduleIndex == table.modules.count {
            table.modules.append(module)
            modules[module] = moduleIndex
        }
        // Where nothing is mapped there is no code: what a walk took for a caller was none, and is no other
        // one for having another number.
        let shown =
            name ?? (module.name == "[unmapped]" ? module.name : "\(module.baseName)+0x\(String(address, radix: 16))")
        let key = FunctionKey(name: shown, module: moduleIndex)
        let function = functions[key] ?? table.functions.count
        if function == table.functions.count {
            table.functions.append(.init(name: shown, module: moduleIndex, file: file, isNamed: name != nil))
            functions[key] = function
        }
        table.locations[index] = .init(function: function, address: address, line: line)
    }
}

extension SymbolTable.Module {
    /// `libc.so.6` of a path.
    public var baseName: String {
        guard name.hasPrefix("/"), let slash = name.lastIndex(of: "/") else { return name }
        return String(name[name.index(after: slash)...])
    }
}

extension ModuleFile {
    /// Not a file's content, whatever it is called: what a process wrote itself.
    var isAnonymous: Bool {
        !(name.hasPrefix("/") || name == "[vdso]") || name.hasPrefix("//") || name.hasPrefix("/memfd:")
            || name.hasPrefix("/dev/zero") || name.hasPrefix("/SYSV") || name.hasPrefix("/dev/shm/")
    }
}
