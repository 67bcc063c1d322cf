// SPDX-License-Identifier: Apache-2.0
public import Experiment

extension Change {
    /// The document `apus.compare.change/1`, one line, a newline at its end.
    public var json: [UInt8] {
        var json = JSONWriter()
        json.object { json in
            json.header("apus.compare.change/1")
            json.object("before") { before.write(to: &$0) }
            json.object("after") { after.write(to: &$0) }
            json.array("rows") { json in
                for row in rows {
                    json.object { json in
                        json.value("workload", row.setting.workload)
                        json.value("threads", row.setting.threads)
                        json.value("observer", row.observer)
                        json.ratio("before", row.before)
                        json.ratio("after", row.after)
                        json.value("ratio", row.ratio, decimals: 6)
                        json.value("shown", row.isShown)
                        json.value("added_ns_per_unit_before", row.addedBefore, decimals: 3)
                        json.value("added_ns_per_unit_after", row.addedAfter, decimals: 3)
                    }
                }
            }
        }
        json.newline()
        return json.bytes
    }
}
