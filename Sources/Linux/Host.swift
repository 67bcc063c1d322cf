// SPDX-License-Identifier: Apache-2.0
import CLinux
import Glibc

/// The machine and its kernel.
public enum Host {
    public static var name: String { field(\.nodename) }
    /// The kernel's release: `6.18.1`.
    public static var kernel: String { field(\.release) }
    public static var architecture: String { field(\.machine) }

    /// From here on a write to a closed pipe is an error, not the end. Programs that are launched get
    /// SIGPIPE as it was.
    public static func ignoreClosedPipes() { apus_ignore_sigpipe() }

    private static func field<T>(_ path: KeyPath<utsname, T>) -> String {
        var names = utsname()
        uname(&names)
        return withUnsafeBytes(of: names[keyPath: path]) {
            String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self)
        }
    }

    /// CPUs that could ever be there, whose numbers run from 0: the kernel's arrays have as many.
    public static var possibleCPUs: Int {
        let last = Procfs.text("/sys/devices/system/cpu/possible")?
            .split(separator: ",").last?.split(separator: "-").last.flatMap { Int($0) }
        return (last ?? Int(sysconf(Int32(_SC_NPROCESSORS_CONF))) - 1) + 1
    }
}
