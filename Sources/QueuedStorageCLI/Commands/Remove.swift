import ArgumentParser
import Logging
import QueuedStorageCore

/// `qstore rm`.
struct Remove: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "rm",
        abstract: "Delete files, with all their copies.",
        discussion: """
            A deleted file is gone at once, and its transfer cancelled. Its local copy goes at once, its copy on the remote \
            as well if that can be reached; else a worker removes it later.

            Example:
              qstore rm 2026/cat.jpg
            """
    )

    @Argument(help: "The names of files.") var names: [String]
    @OptionGroup var options: StorageOptions
    @Option(help: ArgumentHelp("The storage.", valueName: "alias")) var storage: String?
    @OptionGroup(title: "Output") var output: OutputOptions

    func run() async throws {
        try output.apply()
        let session = try await Session.storages(
            options.declarations(),
            creates: false,
            acceptingMove: options.moved
        )
        let storage = try await session.storage(storage)
        var deleted: [StoredFile] = []
        var failures = 0
        for name in names {
            let file = try await session.catalog.file(name, in: storage.alias)
            let isThere = if file != nil { true } else { try await storage.exists(name) }
            guard isThere else {
                Console.shared.complain(
                    "qstore: the storage \"\(storage.alias)\" has no file \"\(Text.escaped(name))\""
                )
                failures += 1
                continue
            }
            try await storage.delete(name)
            if let file { deleted.append(file) }
        }
        try await removeCopies(session, storage, of: deleted)
        if failures > 0 { throw CommandFailure(.failure, nil) }
    }

    /// Does what deletions are due, and says what must be left to a worker.
    private func removeCopies(_ session: Session, _ storage: QueuedStorage, of files: [StoredFile]) async throws {
        guard !files.isEmpty else { return }
        let worker = TransferWorker(
            catalog: session.catalog,
            storages: [storage],
            options: WorkerOptions(transfersFiles: false),
            logger: Logger(label: "TransferWorker")
        )
        try await worker.runUntilIdle()
        var left = 0
        for file in files where try await session.catalog.file(id: file.id) != nil { left += 1 }
        if left > 0 {
            Console.shared.note(
                "deleted; the remote copies of \(Text.count(left, "file")) couldn't be removed yet: a worker will do it"
            )
        }
    }
}
