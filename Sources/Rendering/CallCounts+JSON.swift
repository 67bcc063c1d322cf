// SPDX-License-Identifier: Apache-2.0
import Linux
public import Tracers

extension CallCounts {
    /// The document `apus.count/1`, one line, a newline at its end.
    public var json: [UInt8] {
        var json = JSONWriter()
        json.object { json in
            json.header("apus.count/1")
            json.value("calls_total", total)
            json.object("calls") { json in
                for (number, count) in calls.sorted(by: { ($0.value, $0.key) > ($1.value, $1.key) }) {
                    json.value(number < 0 ? "others" : SyscallTable.name(number) ?? "syscall \(number)", count)
                }
            }
            json.completeness(completeness)
            json.observer(observer)
        }
        json.newline()
        return json.bytes
    }
}
