import ArgumentParser
import FoundationEssentials
import QueuedStorageCore
import QueuedStorageIngest

/// `qstore quarantine`.
struct QuarantineCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "quarantine",
        abstract: "See, retry or remove files that drop folders couldn't take.",
        discussion: """
            They lie in INBOX/.qstore/quarantine, each with a NAME.reason.json beside it.

            Examples:
              qstore quarantine ls
              qstore quarantine retry --all
              qstore quarantine rm report.pdf --inbox /srv/inbox
            """,
        subcommands: [Show.self, RetryFiles.self, RemoveFiles.self],
        defaultSubcommand: Show.self
    )

    /// `qstore quarantine ls`.
    struct Show: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "ls",
            abstract: "List what lies in quarantine, and why.",
            discussion: """
                Example:
                  qstore quarantine ls --json | jq -r .reason
                """
        )

        @OptionGroup var folders: FolderOptions
        @Flag(help: "Print one JSON object a line (quarantine.schema.json).") var json = false
        @OptionGroup(title: "Output") var output: OutputOptions

        func run() async throws {
            try output.apply()
            for (inbox, file) in try await folders.files() {
                if json {
                    Console.shared.line(JSONValue.quarantined(file, in: inbox).text)
                } else {
                    Console.shared.line(
                        "\(Text.escaped(inbox)): \(Text.escaped(file.entry))  \(Text.escaped(file.reason))"
                    )
                }
            }
        }
    }

    /// `qstore quarantine retry`.
    struct RetryFiles: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "retry",
            abstract: "Put files back where they were dropped, to be taken again.",
            discussion: """
                Example:
                  qstore quarantine retry report.pdf
                """
        )

        @OptionGroup var selection: Selection
        @OptionGroup var folders: FolderOptions
        @OptionGroup(title: "Output") var output: OutputOptions

        func run() async throws {
            try output.apply()
            for (inbox, file) in try await selection.chosen(folders) {
                let path = try await Quarantine(inbox: inbox).retry(file.entry)
                Console.shared.note("put back \(Text.escaped(path))")
            }
        }
    }

    /// `qstore quarantine rm`.
    struct RemoveFiles: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "rm",
            abstract: "Remove files from quarantine for good.",
            discussion: """
                Example:
                  qstore quarantine rm report.pdf
                """
        )

        @OptionGroup var selection: Selection
        @OptionGroup var folders: FolderOptions
        @OptionGroup(title: "Output") var output: OutputOptions

        func run() async throws {
            try output.apply()
            for (inbox, file) in try await selection.chosen(folders) {
                try await Quarantine(inbox: inbox).remove(file.entry)
                Console.shared.note("removed \(Text.escaped(file.entry))")
            }
        }
    }

    /// Which quarantines.
    struct FolderOptions: ParsableArguments {
        @Option(help: ArgumentHelp("A drop folder, instead of those that the database knows.", valueName: "dir"))
        var inbox: String?
        @OptionGroup var options: CatalogOptions

        func files() async throws -> [(inbox: String, file: QuarantinedFile)] {
            var files: [(String, QuarantinedFile)] = []
            for path in try await paths() {
                do {
                    files += try await Quarantine(inbox: path).files().map { (path, $0) }
                } catch let error as DropFolderError where error.code == .unavailable && inbox == nil {
                    Console.shared.note("qstore: \(error)")
                }
            }
            return files
        }

        private func paths() async throws -> [String] {
            if let inbox {
                guard options.database == nil, options.file.config == nil else {
                    throw CommandFailure(
                        .usage,
                        "--inbox can't stand beside --config or --database: leave one of them out"
                    )
                }
                return [FileName.absolute(inbox)]
            }
            return try await Session.catalog(options.declarations()).catalog.dropFolders().map(\.path)
        }
    }

    /// Which files.
    struct Selection: ParsableArguments {
        @Argument(help: "The names in quarantine, as ls shows them.") var entries: [String] = []
        @Flag(help: "All files.") var all = false

        func validate() throws {
            if all == !entries.isEmpty { throw ValidationError("say which files: their names in quarantine, or --all") }
        }

        func chosen(_ folders: FolderOptions) async throws -> [(inbox: String, file: QuarantinedFile)] {
            let files = try await folders.files()
            if all { return files }
            return try entries.map { entry in
                let found = files.filter { $0.file.entry.utf8.elementsEqual(entry.utf8) }
                guard found.count <= 1 else {
                    throw CommandFailure(
                        .usage,
                        "more than one drop folder has \"\(Text.escaped(entry))\" in quarantine: say --inbox"
                    )
                }
                guard let only = found.first else {
                    throw CommandFailure(.failure, "no file \"\(Text.escaped(entry))\" is in quarantine")
                }
                return only
            }
        }
    }
}
