// SPDX-License-Identifier: Apache-2.0
import Linux
import Tracers

/// The measured times of the rows beside what samples and the kernel's ticks say of them.
extension TimeReport {
    /// A header, three lines for each row and for their sum, and from what each column comes.
    func accountTable(_ options: TextOptions) -> [String] {
        let kernel = KernelAccounting.current
        let all = rows(options)
        let shown = options.rowLimit.map { all.prefix($0) } ?? all[...]
        let sampledColumns = sampling == nil ? "" : " SAMPLED".aligned(right: 9) + " 95 % INTERVAL".aligned(right: 18)
        var lines = [
            options.style.dim(
                (options.showsThreads ? "TID" : "PID").aligned(right: 8) + " " + "COMMAND".padded(to: 15)
                    + "EXACT".aligned(right: 9) + sampledColumns + "KERNEL".aligned(right: 9) + "RAW".aligned(right: 9))
        ]
        var isMarked = false
        func add(_ id: String, _ command: String, _ ledger: Ledger) {
            for account in accounts(of: ledger, kernel) {
                let name =
                    switch account.mode {
                    case .onCPU: id.aligned(right: 8) + " " + command.escapedForTerminal.padded(to: 15)
                    case .user: "           user".padded(to: 24)
                    case .system: "           system".padded(to: 24)
                    }
                let agree = [account.sampledAgrees, account.reportedAgrees, account.rawAgrees]
                isMarked = isMarked || agree.contains(false)
                let marks = agree.map { $0 == false ? "!" : " " }
                var line = name + " " + Format.duration(account.exact).aligned(right: 8)
                if let sampled = account.sampled {
                    let interval = [sampled.interval.lowerBound, sampled.interval.upperBound].map(Format.duration)
                    line += " " + Format.duration(sampled.time).aligned(right: 8) + marks[0]
                    line += interval.joined(separator: "–").aligned(right: 17)
                }
                line += " " + Format.duration(account.reported).aligned(right: 8) + marks[1]
                line += Format.duration(account.raw).aligned(right: 8) + marks[2]
                lines.append(line)
            }
        }
        for row in shown { add(String(row.tid), row.command, row.ledger) }
        if shown.count < all.count && !shown.isEmpty { lines.append("         … and \(all.count - shown.count) more") }
        add("", "all", total)
        return lines + legend(kernel, isMarked: isMarked)
    }

    private func legend(_ kernel: KernelAccounting, isMarked: Bool) -> [String] {
        let tick = Clock.tick
        let ticks = (total.kernelTimes.user + total.kernelTimes.system + tick / 2) / max(1, tick)
        var parts = ["EXACT: measured by the ledger; page faults are in \(measuresFaults ? "system" : "both")."]
        if let sampling {
            let hits = Format.count(total.samples.user + total.samples.system)
            let cpus = sampling.cpus == 1 ? "1 CPU" : "\(sampling.cpus) CPUs"
            parts.append(
                "SAMPLED: \(hits) of \(Format.count(sampling.taken)) samples while \(cpus) worked, at"
                    + " \(sampling.options.rate) Hz, \(sampling.options.isJittered ? "intervals at random" : "a fixed period"),"
                    + " each for \(Format.duration(UInt64(sampling.interval)))."
                    + (sampling.gaps.isEmpty ? "" : " A lower bound: \(sampling.gaps.joined(separator: "; ")).")
            )
        }
        switch kernel {
        case .tick:
            parts.append(
                "RAW: \(Format.count(ticks)) ticks of \(Format.duration(tick)) (the kernel's accounting: tick).")
        case .preciseOn:
            parts.append("RAW: utime and stime (the kernel's accounting: \(kernel.name)).")
        }
        parts.append("KERNEL: as it reports, sum_exec_runtime, split as RAW is.")
        if isMarked {
            parts.append(
                "! chance explains such a difference from EXACT in less than one case of twenty: as a rule the work"
                    + " moves in step with the counting.")
        }
        return parts.map { $0.wrapped(indent: 3, first: 1) }
    }

    /// What a document says of the sampling as a whole.
    func writeSampling(to json: inout JSONWriter) {
        guard let sampling else { return }
        json.object("sampling") { json in
            json.value("rate_hz", sampling.options.rate)
            json.value("jitter", sampling.options.isJittered)
            json.value("cpus", sampling.cpus)
            json.value("samples", sampling.taken)
            json.value("samples_missed", sampling.missed)
            json.array("cpus_not_sampled") { json in
                for cpu in sampling.unsampledCPUs { json.value(nil, cpu) }
            }
            json.value("confidence_percent", 95)
        }
    }

    /// Of a row: `sampled` and `kernel_ticks`, each by mode.
    func writeAccounts(of ledger: Ledger, to json: inout JSONWriter) {
        let accounts = accounts(of: ledger)
        func write(
            _ key: String, _ estimate: TimeEstimate?, _ agrees: Bool?, count: String? = nil, to json: inout JSONWriter
        ) {
            guard let estimate else { return json.value(key, String?.none) }
            json.object(key) { json in
                if let count { json.value(count, estimate.count) }
                json.value("ns", estimate.time)
                json.value("low_ns", estimate.interval.lowerBound)
                json.value("high_ns", estimate.interval.upperBound)
                json.value("explains_exact", agrees)
            }
        }
        if sampling != nil {
            json.object("sampled") { json in
                for account in accounts {
                    write(
                        account.mode.rawValue, account.sampled, account.sampledAgrees, count: "samples", to: &json)
                }
            }
        }
        json.object("kernel_ticks") { json in
            for account in accounts {
                json.object(account.mode.rawValue) { json in
                    write("raw", account.rawEstimate, account.rawAgrees, count: "ticks", to: &json)
                    if account.mode != .onCPU {
                        write("reported", account.reportedEstimate, account.reportedAgrees, to: &json)
                    }
                }
            }
        }
    }
}
