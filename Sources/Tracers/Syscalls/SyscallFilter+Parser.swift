// SPDX-License-Identifier: Apache-2.0
import CEvents
import Glibc
import Linux

extension SyscallFilter {
    /// An expression that does not say what to filter: which, where in it, and what is wrong.
    public struct Problem: Error, Sendable, Equatable, CustomStringConvertible {
        /// As it was given.
        public let expression: String
        /// In characters, from 0.
        public let column: Int
        /// What is wrong, in plain words.
        public let message: String

        /// The message, and the expression with a mark under the column.
        public var description: String {
            "\(message)\n  \(expression)\n  \(String(repeating: " ", count: column))^"
        }
    }

    /// What the expressions of `-e` say together, in strace's syntax and a bit more.
    ///
    /// `open,close`, `!futex`, `%file`, `/^sched`, `?name`, `trace=…`, `status=failed`,
    /// `errno=ENOENT`, `duration>10ms`, `path=/etc/*`, `signal=none`; lists with commas. Lists of calls
    /// join; everything else must hold at once.
    public static func parse(_ expressions: [String]) throws(Problem) -> SyscallFilter {
        var filter = SyscallFilter()
        var chosen: Set<Int>?
        var excluded: Set<Int> = []
        for expression in expressions {
            var parser = Parser(expression: expression)
            try parser.parse(into: &filter)
            if let calls = parser.chosen { chosen = (chosen ?? []).union(calls) }
            excluded.formUnion(parser.excluded)
        }
        for key in filter.calls.indices {
            filter.calls[key] = (chosen?.contains(key) ?? true) && !excluded.contains(key)
        }
        return filter
    }

    private struct Parser {
        enum Subject: String { case trace, t, status, errno, path, signal, duration }

        let expression: String
        var chosen: Set<Int>?
        var excluded: Set<Int> = []
        private var subject = Subject.trace
        private var isNegated = false

        init(expression: String) { self.expression = expression }

        func problem(_ column: Int, _ message: String) -> Problem {
            Problem(expression: expression, column: column, message: message)
        }

        mutating func parse(into filter: inout SyscallFilter) throws(Problem) {
            var column = 0
            for item in expression.split(separator: ",", omittingEmptySubsequences: false) {
                try parse(String(item), at: column, into: &filter)
                column += item.count + 1
            }
        }

        private mutating func parse(
            _ item: String, at start: Int, into filter: inout SyscallFilter
        ) throws(Problem) {
            var text = item[...]
            var column = start
            // A path or a regular expression may hold an equals sign.
            if !item.hasPrefix("/"), let mark = item.firstIndex(where: { "=<>".contains($0) }) {
                let name = String(item[..<mark])
                guard let found = Subject(rawValue: name) else {
                    throw problem(
                        start, "'\(name)' cannot be filtered by: trace, status, errno, duration, path and signal can")
                }
                subject = found == .t ? .trace : found
                isNegated = false
                text = item[mark...]
                column += name.count
                if subject == .duration { return try duration(text, column, &filter) }
                guard text.first == "=" else { throw problem(column, "after '\(name)' there is to be '='") }
                text.removeFirst()
                column += 1
            }
            if text.first == "!" {
                guard subject == .trace else { throw problem(column, "'!' goes before names of calls alone") }
                isNegated = true
                text.removeFirst()
                column += 1
            }
            guard !text.isEmpty else { throw problem(column, "something is missing here") }
            let value = String(text)
            switch subject {
            case .trace, .t: try call(value, column)
            case .status: try status(value, column, &filter)
            case .errno:
                filter.errnos.insert(try errorNumber(value, column))
                try expectFailures(column, filter)
            case .path: try path(value, column, &filter)
            case .signal:
                guard value == "none" || value == "all" else { throw problem(column, "signal takes none or all") }
                filter.wantsSignals = value == "all"
            case .duration: throw problem(column, "durations are compared: duration>10ms")
            }
        }

        private mutating func call(_ value: String, _ column: Int) throws(Problem) {
            let keys = try keys(value, column)
            if isNegated { excluded.formUnion(keys) } else { chosen = (chosen ?? []).union(keys) }
        }

        private func keys(_ value: String, _ column: Int) throws(Problem) -> [Int] {
            let all = 0..<2 * SYSCALL_NUMBERS
            if value == "all" { return Array(all) }
            if value == "none" { return [] }
            if value.hasPrefix("%") {
                guard let found = SyscallClass(rawValue: String(value.dropFirst())) else {
                    let names = SyscallClass.allCases.map { "%\($0.rawValue)" }.joined(separator: " ")
                    throw problem(column, "there is no class '\(value)'; there are \(names)")
                }
                return all.filter { SyscallSignatures.name(ofKey: $0).map(found.contains) ?? false }
            }
            if value.hasPrefix("/") { return try matching(String(value.dropFirst()), column + 1) }
            let name = value.hasPrefix("?") ? String(value.dropFirst()) : value
            let keys = SyscallSignatures.keys(of: name)
            guard keys.isEmpty, !value.hasPrefix("?") else { return keys }
            throw problem(column, "there is no system call '\(name)'" + Self.suggestion(for: name))
        }

        private func matching(_ pattern: String, _ column: Int) throws(Problem) -> [Int] {
            var compiled = regex_t()
            let error = regcomp(&compiled, pattern, REG_EXTENDED | REG_NOSUB)
            guard error == 0 else {
                var text = [CChar](repeating: 0, count: 200)
                regerror(error, &compiled, &text, text.count)
                let message = String(decoding: text.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
                throw problem(column, "the regular expression: \(message)")
            }
            defer { regfree(&compiled) }
            return (0..<2 * SYSCALL_NUMBERS).filter { key in
                SyscallSignatures.name(ofKey: key).map { regexec(&compiled, $0, 0, nil, 0) == 0 } ?? false
            }
        }

        private func status(_ value: String, _ column: Int, _ filter: inout SyscallFilter) throws(Problem) {
            switch value {
            case "successful": filter.wantsFailure = false
            case "failed": filter.wantsSuccess = false
            default: throw problem(column, "status takes successful or failed")
            }
            guard filter.wantsSuccess || filter.wantsFailure else {
                throw problem(column, "no call is both successful and failed")
            }
            try expectFailures(column, filter)
        }

        private func expectFailures(_ column: Int, _ filter: SyscallFilter) throws(Problem) {
            guard filter.errnos.isEmpty || filter.wantsFailure else {
                throw problem(column, "no call is successful and has an error")
            }
        }

        private func errorNumber(_ value: String, _ column: Int) throws(Problem) -> Int32 {
            if let number = Int32(value), (1..<SYSCALL_ERRORS).contains(Int(number)) { return number }
            guard let number = (1..<Int32(SYSCALL_ERRORS)).first(where: { SystemError.name(of: $0) == value }) else {
                throw problem(column, "there is no error '\(value)': errno=ENOENT, or its number")
            }
            return number
        }

        private func path(_ value: String, _ column: Int, _ filter: inout SyscallFilter) throws(Problem) {
            let pattern = Pattern(value)
            guard filter.patterns.count < SYSCALL_PATTERNS else {
                throw problem(column, "at most \(SYSCALL_PATTERNS) paths can be asked for")
            }
            guard pattern.literal.utf8.count < SYSCALL_PATTERN_SIZE else {
                throw problem(column, "a path takes up to \(SYSCALL_PATTERN_SIZE - 1) bytes before its first star")
            }
            filter.patterns.append(pattern)
        }

        /// `>10ms`, `<=1.5s`.
        private func duration(_ text: Substring, _ column: Int, _ filter: inout SyscallFilter) throws(Problem) {
            let isMore = text.first == ">"
            guard isMore || text.first == "<" else { throw problem(column, "durations are compared: duration>10ms") }
            var rest = text.dropFirst()
            if rest.first == "=" { rest.removeFirst() }
            let at = column + text.count - rest.count
            let digits = rest.prefix { $0.isNumber || $0 == "." }
            let unit = String(rest.dropFirst(digits.count))
            guard let number = Double(digits) else {
                throw problem(at, "a duration is to be a number and ns, us, ms or s")
            }
            guard let scale = ["ns": 1, "us": 1e3, "µs": 1e3, "ms": 1e6, "s": 1e9][unit] else {
                throw problem(at + digits.count, "a duration's unit is ns, us, ms or s")
            }
            guard number * scale < 1e18 else { throw problem(at, "no call takes that long") }
            let limit = UInt64((number * scale).rounded())
            let isEqualIn = text.dropFirst().first == "="
            if isMore {
                filter.leastDuration = max(filter.leastDuration, isEqualIn ? limit : limit + 1)
            } else {
                filter.mostDuration = min(filter.mostDuration, isEqualIn || limit == 0 ? limit : limit - 1)
            }
            guard filter.leastDuration <= filter.mostDuration else {
                throw problem(column, "no call's duration is within both bounds")
            }
        }

        private static func suggestion(for name: String) -> String {
            let near = (0..<2 * SYSCALL_NUMBERS).compactMap { SyscallSignatures.name(ofKey: $0) }
                .map { ($0, distance($0, name)) }.filter { $0.1 <= 2 }.min { $0.1 < $1.1 }
            return near.map { "; '\($0.0)'?" } ?? "; ?NAME takes in names that there may not be"
        }

        /// Levenshtein's.
        private static func distance(_ one: String, _ other: String) -> Int {
            let (one, other) = (Array(one.utf8), Array(other.utf8))
            var row = Array(0...other.count)
            for (i, a) in one.enumerated() {
                var diagonal = row[0]
                row[0] = i + 1
                for (j, b) in other.enumerated() {
                    let up = row[j + 1]
                    row[j + 1] = min(diagonal + (a == b ? 0 : 1), up + 1, row[j] + 1)
                    diagonal = up
                }
            }
            return row[other.count]
        }
    }
}
