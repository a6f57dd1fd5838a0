import FoundationEssentials
import Logging
import QueuedStorageCore
import QueuedStorageIngest
import QueuedStorageModels
import QueuedStorageSQLite
import ServiceLifecycle
import Synchronization

/// What `watch`, `run` and `worker` run: a worker and drop folders, for ever or once.
struct Daemon: Sendable {
    let session: Session
    let dropFolders: [DropFolderDeclaration]
    let storages: [QueuedStorage]
    private let reporter: Reporter
    private let interruption = Interruption()

    init(_ session: Session, dropFolders: [DropFolderDeclaration], storages: [QueuedStorage]) async throws {
        self.session = session
        self.dropFolders = dropFolders
        self.storages = storages
        reporter = try await Reporter(session.catalog, aliases: storages.map(\.alias))
    }

    private func worker() -> TransferWorker {
        TransferWorker(
            catalog: session.catalog,
            storages: storages,
            options: session.declarations.workerOptions,
            logger: Logger(label: "TransferWorker")
        )
    }

    private func dropFolder(_ declaration: DropFolderDeclaration) throws -> DropFolder {
        guard let storage = storages.first(where: { $0.alias == declaration.storage }) else {
            throw declaration.origin.failure("the storage \"\(declaration.storage)\" isn't declared")
        }
        let reporter = reporter
        return DropFolder(
            declaration.path,
            into: sink(storage),
            options: declaration.options,
            logger: Logger(label: "DropFolder"),
            time: .system
        ) { event in
            reporter.tell(event, inbox: declaration.path)
            if case .started = event { announce(declaration, storage) }
        }
    }

    /// Where a drop folder's files go: with a row for each, which keeps the sidecar and the path that it was dropped under.
    private func sink(_ storage: QueuedStorage) -> any DropSink {
        guard let catalog = session.catalog as? SQLiteCatalog else { return storage }
        return ModelSink(storage, in: catalog)
    }

    private func announce(_ folder: DropFolderDeclaration, _ storage: QueuedStorage) {
        guard let declaration = session.declarations.storages.first(where: { $0.alias == storage.alias }) else {
            return
        }
        Console.shared.note(
            """
            drop files into  \(Text.escaped(folder.path))
            they are kept in \(Text.escaped(declaration.local))
            and brought to   \(Text.escaped(declaration.remote.address))\(declaration.isDelayed ? " when asked (qstore transfer)" : "")
            """
        )
    }

    // MARK: For ever

    /// Runs until asked to stop; then lets what runs end.
    func run() async throws {
        try await interruption.listen()
        let presence = await WorkerPresence.show(database: session.declarations.database)
        let services: [any Service] = [worker()] + (try dropFolders.map { try dropFolder($0) as any Service })
        let group = ServiceGroup(
            configuration: ServiceGroupConfiguration(services: services, logger: Logger(label: "qstore"))
        )
        interruption.onStop { Task { await group.triggerGracefulShutdown() } }
        Console.shared.note("Ctrl-C stops; nothing is lost then")
        try await reporting { try await group.run() }
        withExtendedLifetime(presence) {}
    }

    /// Runs something with its events told beside it, the last ones after it.
    private func reporting<Value: Sendable>(_ body: @escaping @Sendable () async throws -> Value) async throws -> Value
    {
        let result = await withTaskGroup(of: Result<Value, any Error>?.self) { group in
            group.addTask {
                await reporter.run()
                return nil
            }
            group.addTask {
                do {
                    return .success(try await body())
                } catch {
                    return .failure(error)
                }
            }
            var result: Result<Value, any Error> = .failure(CancellationError())
            while let next = await group.next() {
                guard let next else { continue }
                result = next
                group.cancelAll()
            }
            return result
        }
        await reporter.tellNew()
        return try result.get()
    }

    // MARK: Once

    /// Takes what lies there, transfers what is due, and ends.
    ///
    /// - Throws: ``CommandFailure`` with what is left: 1 if a file failed or is in quarantine, 75 if one still waits.
    func runOnce() async throws {
        try await interruption.listen()
        let presence = await WorkerPresence.show(database: session.declarations.database)
        let summaries = try await reporting {
            var summaries: [DropFolderSummary] = []
            for folder in dropFolders { summaries.append(try await dropFolder(folder).takeOnce()) }
            let aliases = storages.map(\.alias)
            try await session.withProgress(aliases: aliases, storages: storages) { try await transferWhatIsDue() }
            return summaries
        }
        withExtendedLifetime(presence) {}
        try await judge(summaries)
    }

    private func transferWhatIsDue() async throws {
        while !interruption.isAsked {
            let worker = worker()
            interruption.onStop { worker.shutDown() }
            try await worker.runUntilIdle()
            // Other processes may be at some of the files, and new ones may have fallen due meanwhile.
            let isOver = try await session.waitForChanges(within: .seconds(1)) { try await isNothingRunning() }
            if isOver { return }
        }
    }

    private func isNothingRunning() async throws -> Bool {
        for storage in storages {
            let query = FileQuery(storage: storage.alias, state: .transferring, limit: 1)
            if try await !session.catalog.files(query).isEmpty { return false }
        }
        return true
    }

    private func judge(_ summaries: [DropFolderSummary]) async throws {
        var failed = 0
        var waiting = 0
        for storage in storages {
            failed += try await session.catalog.counts().first { $0.alias == storage.alias }?.counts[.failed] ?? 0
            for file in try await session.files(in: .queued, of: storage.alias) where file.isHeldUp { waiting += 1 }
        }
        var quarantined = 0
        for folder in dropFolders { quarantined += try await Quarantine(inbox: folder.path).files().count }
        let stuck = summaries.reduce(0) { $0 + $1.failed }
        let unfinished = summaries.reduce(0) { $0 + $1.stillOpen + $1.waiting }
        var reasons: [String] = []
        if failed > 0 { reasons.append("\(Text.count(failed, "file")) failed (see qstore files --state failed)") }
        if quarantined > 0 {
            reasons.append("\(Text.count(quarantined, "file")) in quarantine (see qstore quarantine ls)")
        }
        if stuck > 0 { reasons.append("\(Text.count(stuck, "file")) couldn't be taken") }
        if waiting > 0 { reasons.append("\(Text.count(waiting, "file")) still to be transferred (see qstore files)") }
        if unfinished > 0 {
            reasons.append("\(Text.count(unfinished, "file")) still being written, or waiting, in the inbox")
        }
        if interruption.isAsked { reasons.append("it was stopped") }
        guard !reasons.isEmpty else { return }
        let status: ExitStatus = failed + quarantined + stuck > 0 ? .failure : .temporary
        throw CommandFailure(status, "not everything is there: \(reasons.joined(separator: ", "))")
    }
}

extension StoredFile {
    /// Whether a queued file waits for something else than its time: a retry, an offline remote, a paused storage.
    fileprivate var isHeldUp: Bool { error != nil || attempts > 0 || (dueAt ?? .distantPast) <= Date() }
}
