import ArgumentParser
import QueuedStorageCore

/// `qstore worker`.
struct Work: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "worker",
        abstract: "Do the transfers that others queued; as many processes as wanted.",
        discussion: """
            Stop it with Ctrl-C or SIGTERM: running transfers end, nothing is lost; once more stops at once.

            With --once, it ends when nothing runs or is due, with the exit codes of qstore watch --once.

            Examples:
              qstore worker --workers 8
              qstore worker --local media --remote /mnt/archive --database qstore.sqlite --once
            """
    )

    @OptionGroup var options: StorageOptions
    @Option(
        help: WorkersArgument.help,
        transform: WorkersArgument.parse
    )
    var workers: WorkersArgument?
    @OptionGroup(title: "How files are transferred") var transferring: TransferFlags
    @Flag(help: "Transfer what is due, and end.") var once = false
    @OptionGroup(title: "Output") var output: OutputOptions

    func run() async throws {
        try output.apply()
        var declarations = try options.declarations(transferring.options)
        if let workers { declarations.workers = workers.count }
        let session = try await Session.storages(declarations, creates: false, acceptingMove: options.moved)
        let daemon = try await Daemon(session, dropFolders: [], storages: session.storages)
        if once { try await daemon.runOnce() } else { try await daemon.run() }
    }
}
