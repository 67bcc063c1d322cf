// SPDX-License-Identifier: Apache-2.0
import ArgumentParser
import Glibc
import Rendering
import Tracers

struct DoctorCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "doctor",
        abstract: "Say what this kernel, this user and this container allow, and what would bring back the rest.",
        discussion: """
            Features are tried where they can be, else looked up; none is guessed from a version. Exit \
            status 0 if `apus time` can run, else 1.
            """)

    @OptionGroup var outputOptions: OutputOptions

    func run() throws {
        let output = try outputOptions.open(besideProgram: false)
        let examination = Doctor.examine()
        try output.write(
            outputOptions.json
                ? examination.json : Array(examination.text(style: outputOptions.style(for: output)).utf8))
        try output.finish()
        if !examination.canTime { throw ExitCode(1) }
    }
}
