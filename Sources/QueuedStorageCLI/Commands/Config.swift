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
                where and how.

                Example:
                  qstore config check --config /etc/qstore.yaml && systemctl restart qstore
                """
        )

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
            try await blocking { try check.run() }
            try await check.compareWithDatabase()
            for line in check.description { Console.shared.line(line) }
        }
    }
}
