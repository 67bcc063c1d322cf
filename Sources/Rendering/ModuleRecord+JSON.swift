// SPDX-License-Identifier: Apache-2.0
import Linux
public import Tracers

/// Turns records of modules into lines: what all of them need to know.
public struct ModuleFormat {
    /// Whether there are colours.
    public var style = TextStyle(isOn: false)
    /// Details under each line.
    public var isVerbose = false
    /// Times since the start rather than the time of day.
    public var isRelative = false
    /// By what the records' times were seen.
    public let hooks: ModuleTracer.Hooks
    /// CLOCK_BOOTTIME at the start, and CLOCK_REALTIME less CLOCK_BOOTTIME.
    let start: UInt64
    let realtimeOffset: UInt64
    var symbols = KernelSymbols()
    /// The last request that was told in full, and the first module that came of it.
    var lastRequest: (time: UInt64, module: String)?

    /// Relative times are since this moment.
    ///
    /// - Parameter hooks: those of the tracer.
    public init(hooks: ModuleTracer.Hooks) {
        self.hooks = hooks
        start = Clock.boottime
        realtimeOffset = Clock.realtime &- start
    }
}

extension ModuleFormat {
    /// A record as a line of `apus.modules/1`.
    public mutating func json(_ record: ModuleRecord) -> [UInt8] {
        noteChange(record)
        var json = JSONWriter()
        json.object { json in
            json.value("schema", "apus.modules/1")
            switch record {
            case .load(let load): write(load, to: &json)
            case .unload(let unload): write(unload, to: &json)
            case .reference(let reference): write(reference, to: &json)
            case .lost(let count, let time):
                begin("lost", time, &json)
                json.value("count", count)
            }
        }
        json.newline()
        return json.bytes
    }

    /// Symbols of modules are to be read again when one came or went.
    mutating func noteChange(_ record: ModuleRecord) {
        switch record {
        case .load(let load) where load.outcome == .live: symbols.modulesChanged()
        case .unload(let unload) where unload.outcome == .unloaded: symbols.modulesChanged()
        default: break
        }
    }

    private func begin(_ type: String, _ time: UInt64, _ json: inout JSONWriter) {
        json.value("type", type)
        json.value("time", Clock.rfc3339(time &+ realtimeOffset))
        json.value("ts_ns", time)
    }

    private mutating func write(_ load: ModuleLoad, to json: inout JSONWriter) {
        begin("load", load.time, &json)
        json.value("name", load.name)
        json.value("outcome", load.outcome.rawValue)
        json.value("stage", load.stage?.rawValue)
        json.value("errno", load.errno == 0 ? nil : SystemError.name(of: load.errno))
        json.value("compared_by", load.comparedBy?.rawValue)
        json.value("file", load.file)
        json.value("from_memory", load.isFromMemory)
        json.value("parameters", load.parameters)
        json.value("size_bytes", load.sizeBytes)
        json.value("taints", load.taints)
        json.value("signed", load.isSigned)
        json.value("version", load.version)
        json.value("srcversion", load.srcversion)
        json.value("licence", load.licence)
        json.object("loader") { json in
            write(load.loader, to: &json)
            json.array("arguments") { json in load.loader.arguments.forEach { json.value(nil, $0) } }
        }
        if let request = load.requestedBy {
            let caller = symbols.name(at: request.caller)
            json.object("requested_by") { json in
                write(request.process, to: &json)
                json.value("ts_ns", request.time)
                json.value("alias", request.alias)
                json.value("waits", request.waits)
                json.value("caller", caller)
            }
        } else {
            json.value("requested_by", String?.none)
        }
        json.object("phases_ns") { json in
            json.value("total", load.phases.total)
            json.value("coming", load.phases.coming)
            json.value("prepare", load.phases.prepare)
            json.value("init", load.phases.initialize)
            json.value("live", load.phases.live)
        }
        json.value("timing_source", hooks.rawValue)
        json.array("dependencies") { json in load.dependencies.forEach { json.value(nil, $0) } }
        json.array("log") { json in load.log.forEach { json.value(nil, $0) } }
        json.array("cut") { json in load.cut.forEach { json.value(nil, $0) } }
        if load.isLate { json.value("seen_late", true) }
    }

    private func write(_ unload: ModuleUnload, to json: inout JSONWriter) {
        begin("unload", unload.time, &json)
        json.value("name", unload.name)
        json.value("outcome", unload.outcome.rawValue)
        json.value("errno", unload.errno == 0 ? nil : SystemError.name(of: unload.errno))
        json.value("reason", unload.reason)
        json.value("forced", unload.isForced)
        json.value("references", unload.references)
        json.array("used_by") { json in unload.usedBy.forEach { json.value(nil, $0) } }
        json.value("holders_read", unload.holdersRead?.rawValue)
        json.object("loader") { json in
            write(unload.loader, to: &json)
            json.array("arguments") { json in unload.loader.arguments.forEach { json.value(nil, $0) } }
        }
        json.object("phases_ns") { json in
            json.value("total", unload.total)
            json.value("exit", unload.exit)
            json.value("freed", unload.freed)
        }
        json.value("timing_source", hooks.rawValue)
        json.array("log") { json in unload.log.forEach { json.value(nil, $0) } }
        json.array("cut") { json in unload.cut.forEach { json.value(nil, $0) } }
    }

    private mutating func write(_ reference: ModuleReference, to json: inout JSONWriter) {
        begin("reference", reference.time, &json)
        json.value("name", reference.name)
        json.value("action", reference.isPut ? "put" : "get")
        json.value("references", reference.count)
        json.value("caller", symbols.name(at: reference.caller))
        json.value("pid", reference.pid)
        json.value("command", reference.command)
    }

    private func write(_ process: ModuleProcess, to json: inout JSONWriter) {
        json.value("pid", process.pid)
        json.value("command", process.command)
        json.value("uid", process.uid)
        json.value("executable", process.executable)
        json.value("parent_pid", process.parentPID)
        json.value("parent_command", process.parentCommand)
        json.value("cgroup", process.cgroup)
        json.value("started_by_kernel", process.isStartedByKernel)
    }
}
