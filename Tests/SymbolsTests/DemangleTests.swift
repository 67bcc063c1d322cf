// SPDX-License-Identifier: Apache-2.0
import Testing

@testable import Symbols

@Suite struct DemangleTests {
    @Test func `names of C++, Rust and Swift are as their languages write them`() {
        #expect(demangled("_ZN3foo3barEi") == "foo::bar(int)")
        #expect(demangled("_ZNSt6vectorIiSaIiEE9push_backERKi").contains("std::vector<int"))
        #expect(demangled("$s4main3fooyS2iF") == "main.foo(Swift.Int) -> Swift.Int")
    }

    @Test(arguments: ["main", "_Z", "_Zgarbage", "$s", "$sgarbage", "", "_start", "a;b <i>\u{1b}[31m"])
    func `a name that is none of these stays as it is`(name: String) { #expect(demangled(name) == name) }
}
