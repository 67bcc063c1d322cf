// SPDX-License-Identifier: Apache-2.0
import Rendering
import Tracers

/// Writes records as they arrive, many at a time.
struct SyscallPrinter: ~Copyable {
    private let output: Output
    private let style: TextStyle
    private let isJSON: Bool
    private var format = SyscallFormat()
    private var buffer = ByteBuffer(capacity: 1 << 18)
    /// So much is written at a time.
    private static let chunk = 1 << 17
    /// Lost calls of which records have told.
    private var toldLosses: UInt64 = 0

    init(output: Output, style: TextStyle, isJSON: Bool, time: SyscallFormat.Time, showsSignals: Bool) {
        self.output = output
        self.style = style
        self.isJSON = isJSON
        format.time = time
        format.showsSignals = showsSignals
    }

    mutating func collect(_ tracer: inout SyscallTracer) throws {
        // Moved out for the closure's time, which cannot borrow a part of what is borrowed.
        try tracer.collect { record throws(Failure) in try write(record) }
        try flush()
    }

    mutating func write(_ record: SyscallRecord) throws(Failure) {
        toldLosses += record.header.lost
        if isJSON { format.append(json: record, to: &buffer) } else { format.append(record, to: &buffer) }
        if buffer.count >= Self.chunk { try flush() }
    }

    mutating func flush() throws(Failure) {
        guard buffer.count > 0 else { return }
        let output = output
        do { try buffer.withBytes { try output.write($0) } } catch let failure as Failure { throw failure } catch {
            throw Failure(125, "\(error)")
        }
        buffer.removeAll()
    }

    mutating func write(
        _ summary: SyscallSummary, _ completeness: Completeness, _ cost: ObserverCost, limit: Int?, isQuiet: Bool
    ) throws {
        if isJSON { return try output.write(summary.json(completeness, cost)) }
        try output.write(summary.text(style: style, limit: limit))
        try write(completeness, cost, isQuiet: isQuiet)
    }

    /// A line that is for people alone.
    mutating func remark(_ text: String, isQuiet: Bool) throws {
        if !isJSON && !isQuiet { try output.write(text + "\n") }
    }

    mutating func end(
        _ calls: UInt64, _ flowControl: SyscallTracer.FlowControl, _ completeness: Completeness, _ cost: ObserverCost,
        isQuiet: Bool
    ) throws {
        let end = SyscallStreamEnd(
            calls: calls, untoldLosses: completeness.lostEvents - min(completeness.lostEvents, toldLosses),
            flowControl: flowControl, completeness: completeness, observer: cost)
        if isJSON {
            try output.write(end.json)
        } else if !isQuiet {
            try output.write(end.text(style: style))
        } else {
            try write(completeness, cost, isQuiet: true)
        }
    }

    /// That something was lost is told in any case.
    private func write(_ completeness: Completeness, _ cost: ObserverCost, isQuiet: Bool) throws {
        if !isQuiet || !completeness.isExact { try output.write(completeness.syscallText(cost, style: style)) }
    }
}
