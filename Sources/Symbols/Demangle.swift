// SPDX-License-Identifier: Apache-2.0
import CLibdw
import Glibc

/// A symbol's name as its language writes it: C++ (the Itanium ABI, which Rust uses as well) and Swift.
/// A name that is neither, or not well formed, stays as it is.
public func demangled(_ name: String) -> String {
    let prefixes = ["$s", "$S", "_$s", "_$S", "_T0"]
    if name.hasPrefix("_Z") || name.hasPrefix("__Z") {
        var status: Int32 = 0
        return taken(cxaDemangle(name, nil, nil, &status)) ?? name
    }
    guard prefixes.contains(where: name.hasPrefix) else { return name }
    return taken(swiftDemangle(name, UInt(name.utf8.count), nil, nil, 0)) ?? name
}

/// Both give text that the caller frees.
private func taken(_ text: UnsafeMutablePointer<CChar>?) -> String? {
    guard let text else { return nil }
    defer { free(text) }
    return String(cString: text)
}

/// Of the Swift runtime: stdlib/include/swift/Demangling/Demangle.h.
@_silgen_name("swift_demangle")
private func swiftDemangle(
    _ name: UnsafePointer<CChar>?, _ length: UInt, _ output: UnsafeMutablePointer<CChar>?,
    _ outputSize: UnsafeMutablePointer<UInt>?, _ flags: UInt32
) -> UnsafeMutablePointer<CChar>?

/// Of the C++ runtime: <cxxabi.h>, `abi::__cxa_demangle`.
@_silgen_name("__cxa_demangle")
private func cxaDemangle(
    _ name: UnsafePointer<CChar>?, _ output: UnsafeMutablePointer<CChar>?, _ size: UnsafeMutablePointer<UInt>?,
    _ status: UnsafeMutablePointer<Int32>?
) -> UnsafeMutablePointer<CChar>?
