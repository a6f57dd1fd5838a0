import ArgumentParser
import FoundationEssentials
import QueuedStorageCore

/// `qstore transfer`.
struct TransferCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "transfer",
        abstract: "Queue the transfers of delayed or cancelled files.",
        discussion: """
            A worker does the transfers. Files that are on their way, or there, are left as they are.

            Examples:
              qstore transfer 2026/cat.jpg
              qstore transfer --all --task TransferAndDelete
              qstore transfer --all --wait --timeout 1h
            """
    )

    @Argument(help: "The names of files.") var names: [String] = []
    @Flag(help: "Transfer all files that are only local.") var all = false
    @Option(
        help: ArgumentHelp("The task of these transfers; else the one that the file was saved with.", valueName: "task")
    )
    var task: TaskName?
    @Flag(help: "Wait until they are there; a worker must run.") var wait = false
    @Option(help: ArgumentHelp("The longest wait.", valueName: "time"), transform: SpanArgument.parse)
    var timeout: SpanArgument?
    @OptionGroup var options: CatalogOptions
    @Option(help: ArgumentHelp("The storage.", valueName: "alias")) var storage: String?
    @OptionGroup(title: "Output") var output: OutputOptions

    func validate() throws {
        if all == !names.isEmpty { throw ValidationError("say which files: their names, or --all") }
        if timeout != nil, !wait { throw ValidationError("--timeout belongs to --wait") }
    }

    func run() async throws {
        try output.apply()
        let session = try await Session.catalog(options.declarations())
        var queued: [StoredFile] = []
        var failures = 0
        if all {
            let alias = try await storage == nil ? nil : session.alias(storage)
            for file in try await session.files(in: .local, of: alias) {
                if let file = try await queue(file.name, file.storage, session) { queued.append(file) }
            }
        } else {
            let alias = try await session.alias(storage)
            for name in names {
                if let file = try await queue(name, alias, session) { queued.append(file) } else { failures += 1 }
            }
        }
        if all { Console.shared.note("queued \(Text.count(queued.count, "file"))") }
        if wait, !queued.isEmpty { failures += try await session.await(queued, within: timeout?.duration) }
        if failures > 0 { throw CommandFailure(.failure, nil) }
    }

    private func queue(_ name: String, _ alias: String, _ session: Session) async throws -> StoredFile? {
        guard let file = try await session.catalog.queueTransfer(name, in: alias, task: task?.rawValue, dueAt: Date())
        else {
            Console.shared.complain("qstore: the storage \"\(alias)\" has no file \"\(Text.escaped(name))\"")
            return nil
        }
        if !all { Console.shared.note("\(file.state.rawValue) \(Text.escaped(name))") }
        return file
    }
}

extension Session {
    /// All files in a state, as they are now.
    func files(in state: FileState, of alias: String?) async throws -> [StoredFile] {
        var query = FileQuery(storage: alias, state: state)
        var files: [StoredFile] = []
        while true {
            let page = try await catalog.files(query)
            guard let last = page.last else { return files }
            query.after = last.id
            files += page
        }
    }

    /// Waits until files are on their remotes.
    ///
    /// - Returns: How many won't get there; each was complained about.
    func await(_ files: [StoredFile], within limit: Duration?) async throws -> Int {
        try await warnWithoutWorker()
        let waiting = Waiting(files)
        let isDone = try await withProgress(aliases: Array(Set(files.map(\.storage)))) {
            try await waitForChanges(within: limit) { try await waiting.look(at: catalog) }
        }
        guard isDone else {
            throw CommandFailure(.temporary, "the time is up with \(Text.count(waiting.left, "file")) not there yet")
        }
        return waiting.failures
    }

    /// Says so if nobody is there to do transfers.
    func warnWithoutWorker() async throws {
        guard try await !hasWorker() else { return }
        Console.shared.note("no worker is alive: nothing moves until one is started (qstore worker, watch or run)")
    }

    /// Runs something with a progress bar over all transfers below it.
    func withProgress<Value: Sendable>(
        aliases: [String]?,
        storages: [QueuedStorage] = [],
        _ body: @escaping @Sendable () async throws -> Value
    ) async throws -> Value {
        let progress = TransferProgress(catalog, aliases: aliases, storages: storages)
        return try await withThrowingTaskGroup(of: Value?.self) { group in
            group.addTask {
                await progress.run()
                return nil
            }
            group.addTask { try await body() }
            defer { group.cancelAll() }
            while let value = try await group.next() {
                if let value { return value }
            }
            throw CancellationError()
        }
    }

    /// Waits until a condition on the catalog holds, looking again after each commit.
    ///
    /// - Returns: False if the time was up before.
    func waitForChanges(
        within limit: Duration?,
        until holds: @escaping @Sendable () async throws -> Bool
    ) async throws -> Bool {
        let changes = catalog.changes
        return try await withThrowingTaskGroup(of: Bool.self) { group in
            group.addTask {
                if try await holds() { return true }
                for await _ in changes where try await holds() { return true }
                throw CancellationError()
            }
            if let limit {
                group.addTask {
                    try await Task.sleep(for: limit)
                    return false
                }
            }
            defer { group.cancelAll() }
            return try await group.next() ?? false
        }
    }
}
