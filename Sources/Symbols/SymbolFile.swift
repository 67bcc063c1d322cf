// SPDX-License-Identifier: Apache-2.0
import CLibdw
import Glibc

/// The symbols and source lines of one ELF file, with those of its separate debug information where the
/// machine has it (by build id or debug link), or of its compressed `.gnu_debugdata`.
///
/// Addresses are the file's own, as its symbols have them.
final class SymbolFile {
    private let session: OpaquePointer
    /// Valid as long as the session.
    private let module: OpaquePointer
    /// `NT_GNU_BUILD_ID`; empty where there is none.
    let buildID: [UInt8]
    private lazy var symbols = readSymbols()
    private lazy var units = readUnits()
    private let segments: [Segment]

    private struct Segment {
        let offset: UInt64
        let size: UInt64
        let address: UInt64
    }

    private struct Entry {
        let start: UInt64
        /// 0: not told.
        let size: UInt64
        let name: UnsafePointer<CChar>
        let rank: Int
    }

    /// What has ranges of addresses and a table of lines: a compilation unit.
    private struct Unit {
        let start: UInt64
        let end: UInt64
        let die: UnsafeMutablePointer<Dwarf_Die>
    }

    /// libdwfl keeps the address of this for as long as a session lives; it is never freed or changed.
    private nonisolated(unsafe) static let callbacks: UnsafeMutablePointer<Dwfl_Callbacks> = {
        let callbacks = UnsafeMutablePointer<Dwfl_Callbacks>.allocate(capacity: 1)
        callbacks.initialize(to: Dwfl_Callbacks())
        callbacks.pointee.find_elf = dwfl_build_id_find_elf
        callbacks.pointee.find_debuginfo = dwfl_standard_find_debuginfo
        return callbacks
    }()

    /// Reads a file from a descriptor, which stays the caller's.
    ///
    /// - Returns: nil where it is no ELF file.
    init?(descriptor: Int32, path: String) {
        // libdwfl closes the one that it gets.
        let own = fcntl(descriptor, F_DUPFD_CLOEXEC, 0)
        guard own >= 0 else { return nil }
        guard let session = dwfl_begin(Self.callbacks) else {
            close(own)
            return nil
        }
        dwfl_report_begin(session)
        guard let module = dwfl_report_elf(session, path, path, own, 0, true) else {
            close(own)
            dwfl_end(session)
            return nil
        }
        dwfl_report_end(session, nil, nil)
        var bias: GElf_Addr = 0
        guard let elf = dwfl_module_getelf(module, &bias) else {
            dwfl_end(session)
            return nil
        }
        self.session = session
        self.module = module
        var bits: UnsafePointer<UInt8>?
        var address: GElf_Addr = 0
        let count = dwfl_module_build_id(module, &bits, &address)
        buildID = count > 0 ? Array(UnsafeBufferPointer(start: bits, count: Int(count))) : []
        segments = Self.readSegments(elf)
    }

    deinit { dwfl_end(session) }

    /// The address at which the file wants the byte at an offset; nil where it is not loaded.
    func address(ofFileOffset offset: UInt64) -> UInt64? {
        segments.first { offset >= $0.offset && offset - $0.offset < $0.size }.map { offset - $0.offset + $0.address }
    }

    /// The function that an address is in, as its linker wrote it.
    func symbol(at address: UInt64) -> String? {
        var low = 0
        var high = symbols.count
        while low < high {
            let middle = (low + high) / 2
            if symbols[middle].start <= address { low = middle + 1 } else { high = middle }
        }
        // One may lie within another, and end before the address: look back a little.
        for index in stride(from: low - 1, through: max(0, low - 16), by: -1) {
            let entry = symbols[index]
            // Without a size it reaches to the next, as hand-written code has it.
            if address - entry.start < entry.size || (entry.size == 0 && index == low - 1) {
                return String(cString: entry.name).withoutVersion
            }
        }
        return nil
    }

    /// The source line of an address.
    func line(at address: UInt64) -> (file: String, line: Int)? {
        var low = 0
        var high = units.count
        while low < high {
            let middle = (low + high) / 2
            if units[middle].start <= address { low = middle + 1 } else { high = middle }
        }
        guard low > 0, address < units[low - 1].end, let line = dwarf_getsrc_die(units[low - 1].die, address),
            let file = dwarf_linesrc(line, nil, nil)
        else { return nil }
        var number: Int32 = 0
        guard dwarf_lineno(line, &number) == 0, number > 0 else { return nil }
        return (String(cString: file), Int(number))
    }

    private static func readSegments(_ elf: OpaquePointer) -> [Segment] {
        var count = 0
        guard elf_getphdrnum(elf, &count) == 0 else { return [] }
        return (0..<count).compactMap { index in
            var header = GElf_Phdr()
            guard gelf_getphdr(elf, Int32(index), &header) != nil, header.p_type == PT_LOAD else { return nil }
            return Segment(offset: header.p_offset, size: header.p_filesz, address: header.p_vaddr)
        }
    }

    /// Functions by address, one for each: the best known of those that share it.
    private func readSymbols() -> [Entry] {
        let count = dwfl_module_getsymtab(module)
        guard count > 1 else { return [] }
        var entries: [Entry] = []
        entries.reserveCapacity(Int(count))
        for index in 1..<count {
            var symbol = GElf_Sym()
            var address: GElf_Addr = 0
            var section: GElf_Word = 0
            guard let name = dwfl_module_getsym_info(module, index, &symbol, &address, &section, nil, nil),
                name.pointee != 0, section != GElf_Word(SHN_UNDEF), section != GElf_Word(SHN_ABS)
            else { continue }
            // GELF_ST_TYPE, GELF_ST_BIND. Hand-written code often has no type.
            let (type, binding) = (Int32(symbol.st_info & 0xf), Int32(symbol.st_info >> 4))
            guard type == STT_FUNC || type == STT_GNU_IFUNC || (type == STT_NOTYPE && symbol.st_size > 0) else {
                continue
            }
            let rank = (type == STT_NOTYPE ? 0 : 4) + (binding == STB_GLOBAL ? 2 : binding == STB_WEAK ? 1 : 0)
            entries.append(Entry(start: address, size: symbol.st_size, name: name, rank: rank))
        }
        entries.sort { ($0.start, $1.rank) < ($1.start, $0.rank) }
        var last: UInt64?
        return entries.filter { entry in
            defer { last = entry.start }
            return entry.start != last
        }
    }

    /// From the units themselves: clang writes no index of them (.debug_aranges).
    private func readUnits() -> [Unit] {
        var units: [Unit] = []
        var bias: Dwarf_Addr = 0
        var unit = dwfl_module_nextcu(module, nil, &bias)
        while let die = unit {
            var base: Dwarf_Addr = 0
            var start: Dwarf_Addr = 0
            var end: Dwarf_Addr = 0
            var offset = dwarf_ranges(die, 0, &base, &start, &end)
            while offset > 0 {
                if start < end && start > 0 { units.append(Unit(start: start, end: end, die: die)) }
                offset = dwarf_ranges(die, offset, &base, &start, &end)
            }
            unit = dwfl_module_nextcu(module, die, &bias)
        }
        return units.sorted { $0.start < $1.start }
    }
}

extension String {
    /// `nanosleep` of `nanosleep@@GLIBC_2.17`.
    fileprivate var withoutVersion: String {
        guard let at = firstIndex(of: "@"), at > startIndex else { return self }
        return String(self[..<at])
    }
}
