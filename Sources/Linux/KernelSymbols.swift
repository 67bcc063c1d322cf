// SPDX-License-Identifier: Apache-2.0
import Glibc

/// Names for addresses in the kernel, from /proc/kallsyms. Read when the first one is asked for; some
/// megabytes.
public struct KernelSymbols {
    private var text: [UInt8] = []
    /// Sorted by address; where in ``text`` the name begins.
    private var symbols: [(address: UInt64, name: Int)] = []

    /// The end of the kernel proper; beyond it are modules, which come and go.
    private var lastOfKernel: UInt64 = 0
    private var isRead = false
    private var isStale = false

    /// Nothing is read yet.
    public init() {}

    /// To be called when a module came or went.
    public mutating func modulesChanged() { isStale = true }

    /// `do_mount` for an address within it; nil where the kernel hides its addresses (kptr_restrict,
    /// without CAP_SYSLOG), or nothing is near.
    public mutating func name(at address: UInt64) -> String? { symbol(at: address)?.name }

    /// The same, with the module that it is in: `[tun]`, `[bpf]` for programs, `[kernel]` for all else.
    public mutating func symbol(at address: UInt64) -> (name: String, module: String)? {
        if !isRead || (isStale && address > lastOfKernel) { load() }
        return lookUp(address)
    }

    /// The build id of the kernel, or of one of its modules: `[tun]`. Empty where none is told.
    public static func buildID(of module: String?) -> [UInt8] {
        let name = module.map { $0.filter { !"[]".contains($0) } } ?? "kernel"
        let path = name == "kernel" ? "/sys/kernel/notes" : "/sys/module/\(name)/notes/.note.gnu.build-id"
        let notes = Procfs.bytes(path) ?? []
        // Elf64_Nhdr of <elf.h>: three words, then name and descriptor, each padded to a word.
        func word(_ at: Int) -> Int {
            notes.withUnsafeBytes { Int($0.loadUnaligned(fromByteOffset: at, as: UInt32.self)) }
        }
        var start = 0
        while start + 12 <= notes.count {
            let (nameSize, size, type) = (word(start), word(start + 4), word(start + 8))
            let content = start + 12 + (nameSize + 3) & ~3
            guard content + size <= notes.count else { break }
            if type == 3, notes[(start + 12)...].starts(with: "GNU\0".utf8) {
                return Array(notes[content..<content + size])
            }
            start = content + (size + 3) & ~3
        }
        return []
    }

    private func lookUp(_ address: UInt64) -> (name: String, module: String)? {
        var low = 0
        var high = symbols.count
        while low < high {
            let middle = (low + high) / 2
            if symbols[middle].address <= address { low = middle + 1 } else { high = middle }
        }
        // Few functions are longer than this.
        guard low > 0, address - symbols[low - 1].address < 1 << 16 else { return nil }
        let line = text[symbols[low - 1].name...].prefix { $0 != 0x0a }
        let name = line.prefix { $0 > 0x20 }
        let module = line.dropFirst(name.count).drop { $0 <= 0x20 }
        return (
            String(decoding: name, as: UTF8.self),
            module.isEmpty ? "[kernel]" : String(decoding: module, as: UTF8.self)
        )
    }

    /// Lines of address, type and name: `ffffffff81000000 T _stext`.
    private mutating func load() {
        text = Procfs.bytes("/proc/kallsyms") ?? []
        symbols = []
        symbols.reserveCapacity(text.count / 48)
        lastOfKernel = 0
        (isRead, isStale) = (true, false)
        // In place: there are some millions of bytes.
        text.withUnsafeBufferPointer { text in
            var position = 0
            while position < text.count {
                var address: UInt64 = 0
                while position < text.count, let digit = Self.hexadecimal(text[position]) {
                    address = address << 4 | digit
                    position += 1
                }
                let type = position + 1 < text.count ? text[position + 1] | 0x20 : 0
                // Code: t, w.
                if address != 0 && (type == UInt8(ascii: "t") || type == UInt8(ascii: "w")) {
                    symbols.append((address, position + 3))
                }
                // A module's symbol has the module's name behind it: `[tun]`.
                var isOfModule = false
                while position < text.count && text[position] != 0x0a {
                    if text[position] == UInt8(ascii: "[") { isOfModule = true }
                    position += 1
                }
                if !isOfModule { lastOfKernel = max(lastOfKernel, address) }
                position += 1
            }
        }
        symbols.sort { $0.address < $1.address }
    }

    private static func hexadecimal(_ byte: UInt8) -> UInt64? {
        switch byte {
        case 0x30...0x39: UInt64(byte - 0x30)
        case 0x61...0x66: UInt64(byte - 0x61 + 10)
        default: nil
        }
    }
}
