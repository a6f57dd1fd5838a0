import ArgumentParser
import QueuedStorageCore

/// `qstore run`.
struct Run: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Run all drop folders and transfers of a configuration.",
        discussion: """
            Stop it with Ctrl-C or SIGTERM: running transfers end, nothing is lost; once more stops at once.

            Examples:
              qstore run
              qstore run --config /etc/qstore.yaml --log-format json
            """
    )

    @OptionGroup(title: "Configuration") var file: ConfigurationOptions
    @Flag(help: "Accept that the directories of the storages aren't those that the database knows: they moved.")
    var moved = false
    @Option(
        help: WorkersArgument.help,
        transform: WorkersArgument.parse
    )
    var workers: WorkersArgument?
    @OptionGroup(title: "Output") var output: OutputOptions

    func run() async throws {
        try output.apply()
        var declarations = try StorageOptions.declarations(file)
        if let workers { declarations.workers = workers.count }
        for folder in declarations.dropFolders {
            try Directories.mustExist(folder.path, "the drop folder", folder.origin)
        }
        let session = try await Session.storages(declarations, creates: true, acceptingMove: moved)
        try await Daemon(session, dropFolders: declarations.dropFolders, storages: session.storages).run()
    }
}
