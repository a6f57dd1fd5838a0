import ArgumentParser
import QueuedStorageCore
import QueuedStorageIngest

/// `qstore watch`.
struct Watch: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Watch a folder: what is dropped there is saved, and brought to the remote.",
        discussion: """
            A file is taken when its writer is done, exactly once, whatever happens. It is saved into --local, and a durable \
            transfer brings it to --remote. Files that can't be taken lie in INBOX/.qstore/quarantine, with the reason.

            Stop it with Ctrl-C or SIGTERM: running transfers end, nothing is lost; once more stops at once.

            With --once, it ends when all that lay in the inbox was taken and nothing runs or is due: with exit code 0 if \
            all is there, 1 if a file failed or lies in quarantine, 75 if one still waits for a retry or for an offline \
            remote. Files that are delayed on purpose don't count.

            Examples:
              qstore watch inbox --local media --remote /mnt/archive --database q.sqlite
              qstore watch inbox --local media --remote /mnt/archive --database qstore.sqlite \\
                --task TransferAndDelete --once
              qstore watch /srv/scans --config qstore.yaml --storage photos
            """
    )

    @Argument(help: "The folder to watch.") var inbox: String
    @OptionGroup var options: StorageOptions
    @Option(help: ArgumentHelp("Of a configuration, the storage that the files go to.", valueName: "alias"))
    var storage: String?
    @OptionGroup(title: "Instead of a configuration, what becomes of the files") var saving: SavingFlags
    @OptionGroup var transferring: TransferFlags
    @Option(
        help: WorkersArgument.help,
        transform: WorkersArgument.parse
    )
    var workers: WorkersArgument?
    @Flag(help: "Take what lies there, transfer what is due, and end.") var once = false
    @OptionGroup(title: "Output") var output: OutputOptions

    func run() async throws {
        try output.apply()
        var declarations = try options.declarations(saving.options(transferring))
        if let workers { declarations.workers = workers.count }
        let path = FileName.absolute(inbox)
        let origin = Origin(text: "INBOX")
        try Directories.mustExist(path, "the drop folder", origin)
        let session = try await Session.storages(
            declarations,
            creates: true,
            acceptingMove: options.moved,
            inbox: path
        )
        let alias = try await session.alias(storage)
        let folder = DropFolderDeclaration(alias: defaultAlias, path: path, storage: alias, origin: origin)
        let daemon = try await Daemon(session, dropFolders: [folder], storages: [session.storage(alias)])
        if once { try await daemon.runOnce() } else { try await daemon.run() }
    }
}
