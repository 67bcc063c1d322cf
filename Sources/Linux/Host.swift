// SPDX-License-Identifier: Apache-2.0
import CLinux
import Glibc

/// The machine and its kernel.
public enum Host {
    /// The machine's name, `nodename` of uname(2).
    public static var name: String { field(\.nodename) }
    /// The kernel's release: `6.18.1`.
    public static var kernel: String { field(\.release) }
    /// `machine` of uname(2): `x86_64`.
    public static var architecture: String { field(\.machine) }

    /// To be called first by a program that launches others: from here on a write to a closed pipe is an
    /// error, not the end, and so is one to a standard stream that was closed; ends of children are not
    /// ignored. Programs that are launched get SIGPIPE and SIGCHLD as they were.
    public static func prepareProcess() { apus_prepare_process() }

    /// Opens a file in memory with the code that the kernel maps into each 64-bit process, or -1. It is the
    /// caller's.
    public static func openVDSO() -> Int32 { apus_vdso_file() }

    /// The number of the calling thread.
    public static var threadID: Int32 { apus_gettid() }

    private static func field<T>(_ path: KeyPath<utsname, T>) -> String {
        var names = utsname()
        uname(&names)
        return withUnsafeBytes(of: names[keyPath: path]) {
            String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self)
        }
    }
}
