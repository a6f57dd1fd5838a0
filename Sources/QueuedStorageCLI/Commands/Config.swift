import ArgumentParser
import FoundationEssentials
import Glibc
import QueuedStorageCore
import QueuedStorageIngest

/// `qstore config`.
struct Config: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Work with the configuration.",
        subcommands: [Check.self]
    )

    /// `qstore config check`.
    struct Check: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Read the configuration, look whether everything is there, and say what it means.",
            discussion: """
                Nothing is changed, and no database is made. Exit code 3 tells that something must be mended; the line says \
                where and how. A remote directory that the database knows may be away: its transfers wait. With --connect, a \
                small file is written to each remote, read, and deleted; exit code 75 tells that a remote can't be reached now.

                Examples:
                  qstore config check --config /etc/qstore.yaml && systemctl restart qstore
                  qstore config check --connect
                """
        )

        @Flag(help: "Also connect to each remote, log in, and write, read and delete a small file.")
        var connect = false

        @OptionGroup(title: "Configuration") var file: ConfigurationOptions
        @OptionGroup(title: "Output") var output: OutputOptions

        func run() async throws {
            try output.apply()
            let environment = ProcessInfo.processInfo.environment
            guard let path = file.path(environment) else {
                throw CommandFailure(.configuration, "there is no qstore.yaml here; make one with: qstore init")
            }
            let declarations = try Environment.apply(environment, to: ConfigurationFile.load(path, environment))
            let check = ConfigurationCheck(declarations)
            let known = try await check.knownStorages()
            try await blocking { try check.run(known: known) }
            try check.compare(with: known)
            let outcomes = connect ? try await check.connect() : []
            let lines = check.description
            for line in lines.dropLast() { Console.shared.line(line) }
            for outcome in outcomes { Console.shared.line(Text.escaped(outcome.line)) }
            // What must be mended counts more than what may pass.
            for status in [ExitStatus.configuration, .failure, .temporary]
            where outcomes.contains(where: { $0.status == status }) {
                throw CommandFailure(status, nil)
            }
            if let last = lines.last { Console.shared.line(last) }
        }
    }
}
