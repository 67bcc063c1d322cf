// SPDX-License-Identifier: Apache-2.0
import Glibc
import Linux

/// The modules that are loaded, as the kernel lists them.
public enum ModuleList {
    /// A module, as /proc/modules and /sys/module have it.
    public struct Entry: Sendable {
        /// As the kernel has it, with `_` for `-`.
        public let name: String
        /// Memory that it takes.
        public let sizeBytes: UInt64
        /// nil: this kernel cannot unload modules.
        public let references: Int?
        /// Modules that use it.
        public let usedBy: [String]
        /// It has no exit function, and stays.
        public let isPermanent: Bool
        /// `Live`, `Loading` or `Unloading`.
        public let state: String
        /// `OE`; empty: none.
        public let taints: String
        /// nil: this kernel does not check signatures.
        public let isSigned: Bool?
        /// What it declares by MODULE_VERSION; nil: nothing.
        public let version: String?
        /// The checksum of its sources; nil: it was built without one.
        public let srcversion: String?
        /// Where this kernel's module tree has it; nil: nowhere.
        public var file: String?
        /// When and by whom, if it was seen.
        public var seen: ModuleLoad?
    }

    /// Whether this kernel can have modules at all.
    public static var isSupported: Bool { access("/proc/modules", F_OK) == 0 }

    /// Every module, in the kernel's order: the last loaded first.
    public static func entries() -> [Entry] {
        let files = Self.files
        return lines.compactMap { entry($0, files: files) }
    }

    /// One module; nil: it is not loaded.
    static func entry(of name: String) -> Entry? {
        lines.first { $0.hasPrefix("\(name) ") }.flatMap { entry($0, files: [:]) }
    }

    private static var lines: [Substring] { (Procfs.text("/proc/modules") ?? "").split(separator: "\n") }

    /// NAME SIZE REFERENCES USERS STATE ADDRESS [TAINTS]: kernel/module/procfs.c
    private static func entry(_ line: Substring, files: [String: String]) -> Entry? {
        let fields = line.split(separator: " ").map { String($0) }
        guard fields.count >= 5, let size = UInt64(fields[1]) else { return nil }
        let checksSignatures = access("/sys/module/module/parameters/sig_enforce", F_OK) == 0
        let users = fields[3].split(separator: ",").map { String($0) }
        let taints = fields.last.flatMap { $0.hasPrefix("(") ? $0.filter { $0 != "(" && $0 != ")" } : nil } ?? ""
        let folder = "/sys/module/\(fields[0])/"
        return Entry(
            name: fields[0], sizeBytes: size, references: Int(fields[2]),
            usedBy: users.filter { $0 != "-" && $0 != "[permanent]" },
            isPermanent: users.contains("[permanent]"), state: fields[4], taints: taints.filter(\.isLetter),
            isSigned: checksSignatures ? !taints.contains("E") : nil, version: Procfs.text(folder + "version"),
            srcversion: Procfs.text(folder + "srcversion"), file: files[fields[0]], seen: nil)
    }

    /// Files of this kernel's module tree by name, from modules.dep: `kernel/fs/fat/fat.ko: …`.
    private static var files: [String: String] {
        let folder = "/lib/modules/\(Host.kernel)/"
        var files: [String: String] = [:]
        for line in (Procfs.text(folder + "modules.dep") ?? "").split(separator: "\n") {
            guard let file = line.split(separator: ":").first else { continue }
            files[ModuleJournal.moduleName(String(file))] = file.hasPrefix("/") ? String(file) : folder + file
        }
        return files
    }
}
