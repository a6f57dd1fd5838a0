public import FoundationEssentials

extension QueuedStorage {
    /// Queues a file's transfer: of a delayed file, one that was cancelled, or one that failed.
    ///
    /// A file that is on its way, or there, is left as it is.
    ///
    /// - Parameters:
    ///   - name: The file's name.
    ///   - task: The name of a task for this transfer; the file's own if nil.
    ///   - notBefore: When it is due; now if nil.
    /// - Returns: A handle that can be awaited.
    /// - Throws: ``StorageError`` with ``StorageError/Code/invalidConfiguration`` if the storage was declared without the
    ///   task, and with ``StorageError/Code/notFound`` if the catalog has no such file.
    @discardableResult
    public func transfer(
        _ name: String,
        task: String? = nil,
        notBefore: Date? = nil
    ) async throws -> TransferHandle {
        try await start()
        if let task, tasks[task] == nil {
            throw StorageError(
                .invalidConfiguration,
                name: name,
                "\"\(task)\" is no task of the storage \"\(alias)\"; its tasks are \(tasks.keys.sorted().joined(separator: ", "))"
            )
        }
        let file = try await catalog.queueTransfer(name, in: alias, task: task, dueAt: notBefore ?? time.now)
        guard let file else { throw missing(name) }
        return TransferHandle(storage: self, file: file)
    }

    /// Cancels a file's transfer; the file stays, locally, until a transfer is asked for again.
    ///
    /// - Parameter name: The file's name.
    /// - Returns: Whether there was a transfer to cancel.
    /// - Throws: ``CatalogError``; after ``CatalogError/Code/outcomeUnknown`` nobody can say whether it was committed.
    @discardableResult
    public func cancelTransfer(_ name: String) async throws -> Bool {
        try await start()
        return try await catalog.cancelTransfer(name, in: alias)
    }

    /// Stops workers from claiming jobs of this storage; what they are at, they end.
    public func pause() async throws {
        try await start()
        try await catalog.setPaused(true, storage: alias)
    }

    /// Lets workers claim jobs of this storage again.
    public func resume() async throws {
        try await start()
        try await catalog.setPaused(false, storage: alias)
    }

    /// Waits until a file is durable on a side.
    ///
    /// - Parameters:
    ///   - name: The file's name.
    ///   - side: The side; a saved file is durable locally at once.
    ///   - limit: The longest wait; for ever if nil.
    /// - Throws: ``TransferError`` if it won't get there by itself, or not in time.
    public func durable(
        _ name: String,
        on side: QueuedStorageOptions.Side,
        within limit: Duration? = nil
    ) async throws {
        let file = try await known(name)
        guard side == .remote else { return }
        _ = try await TransferHandle(storage: self, file: file).value(within: limit)
    }

    /// Waits until every file that was saved before is on the remote.
    ///
    /// Files that wait for ``transfer(_:task:notBefore:)`` on purpose don't count.
    ///
    /// - Parameter limit: The longest wait; for ever if nil.
    /// - Returns: How many of these files have a transfer that was given up.
    /// - Throws: ``TransferError`` with ``TransferError/Code/timedOut``.
    @discardableResult
    public func drain(within limit: Duration? = nil) async throws -> Int {
        try await start()
        let last = try await catalog.lastFileID()
        try await waiting(limit, for: "the storage \"\(alias)\" to be drained") {
            try await !self.catalog.hasTransfers(upTo: last, in: self.alias)
        }
        return try await catalog.failedTransfers(upTo: last, in: alias)
    }

    /// Waits until a condition on the catalog holds, looking again after each commit.
    package func waiting(
        _ limit: Duration?,
        for what: String,
        until holds: @escaping @Sendable () async throws -> Bool
    ) async throws {
        let changes = catalog.changes
        let time = time
        try await withThrowingTaskGroup(of: Bool.self) { group in
            group.addTask {
                if try await holds() { return true }
                for await _ in changes where try await holds() { return true }
                throw CancellationError()
            }
            if let limit {
                group.addTask {
                    try await time.sleep(for: limit)
                    return false
                }
            }
            let isDone = try await group.next() ?? false
            group.cancelAll()
            guard isDone else {
                throw TransferError(.timedOut, "waited \(limit.map { "\($0)" } ?? "long") for \(what)")
            }
        }
    }
}

/// A queued or running transfer: its state can be asked for, and its end awaited.
public struct TransferHandle: Sendable {
    private let storage: QueuedStorage
    /// The file as it was when the handle was made.
    public let file: StoredFile
    /// The file's identifier in the catalog.
    public var id: Int64 { file.id }

    package init(storage: QueuedStorage, file: StoredFile) {
        self.storage = storage
        self.file = file
    }

    /// Where the file stands now; nil if it is gone.
    public var state: FileState? {
        get async throws { try await storage.catalog.file(id: file.id)?.state }
    }

    /// How many bytes were handed over, as workers of this process report it.
    ///
    /// The sequence ends when the transfer does, whichever process does it: with the file's size once it is on the remote;
    /// without, if the transfer was given up or cancelled, or the file replaced or deleted. An attempt after a failed one
    /// may begin at 0 again.
    public var progress: AsyncStream<Int64> {
        let events = storage.hub.listen()
        return AsyncStream(bufferingPolicy: .bufferingNewest(1)) { continuation in
            // Not structured: it lives as long as somebody listens.
            let forwarding = Task {
                let arrived = await withTaskGroup(of: StoredFile?.self) { group in
                    group.addTask {
                        for await event in events where event.name == file.name && event.generation == file.generation {
                            if let byteCount = event.byteCount { continuation.yield(byteCount) }
                        }
                        return nil
                    }
                    group.addTask { try? await value }
                    defer { group.cancelAll() }
                    return await group.next() ?? nil
                }
                if let arrived { continuation.yield(arrived.size) }
                continuation.finish()
            }
            continuation.onTermination = { _ in forwarding.cancel() }
        }
    }

    /// Waits for the transfer's end.
    ///
    /// - Returns: The file, on the remote.
    /// - Throws: ``TransferError`` if the transfer was given up or cancelled, or the file replaced or deleted.
    public var value: StoredFile {
        get async throws { try await value(within: nil) }
    }

    /// Waits for the transfer's end, but not for ever.
    ///
    /// - Parameter limit: The longest wait; for ever if nil.
    /// - Returns: The file, on the remote.
    /// - Throws: ``TransferError``.
    public func value(within limit: Duration?) async throws -> StoredFile {
        let (storage, file) = (storage, file)
        try await storage.waiting(limit, for: "the transfer of \"\(file.name)\"") {
            try await Self.outcome(of: file, storage) != nil
        }
        guard let done = try await Self.outcome(of: file, storage) else {
            throw TransferError(.superseded, "\"\(file.name)\" was changed in the very moment of its arrival")
        }
        return done
    }

    /// The file if it is on the remote, nil if it still may get there.
    private static func outcome(of file: StoredFile, _ storage: QueuedStorage) async throws -> StoredFile? {
        guard let now = try await storage.catalog.file(id: file.id), now.state != .deleting else {
            throw TransferError(.superseded, "\"\(file.name)\" was deleted")
        }
        guard now.generation == file.generation else {
            throw TransferError(.superseded, "\"\(file.name)\" was replaced")
        }
        switch now.state {
        case .remote: return now
        case .failed: throw TransferError(.failed, "\"\(file.name)\" was not transferred: \(now.error ?? "unknown")")
        case .local: throw TransferError(.notQueued, "no transfer of \"\(file.name)\" is queued")
        default: return nil
        }
    }
}

/// Why a transfer's end can't be had.
public struct TransferError: Error, Hashable, Sendable, CustomStringConvertible {
    /// What kind of end it was.
    public struct Code: Hashable, Sendable, CustomStringConvertible {
        private enum Kind: String { case failed, timedOut, superseded, notQueued }
        private let kind: Kind
        /// The code's name.
        public var description: String { kind.rawValue }
        /// The transfer was given up; it can be retried.
        public static let failed = Self(kind: .failed)
        /// It didn't end in time; it may still.
        public static let timedOut = Self(kind: .timedOut)
        /// The file was replaced or deleted meanwhile.
        public static let superseded = Self(kind: .superseded)
        /// Nothing is queued: the storage is delayed, or the transfer was cancelled.
        public static let notQueued = Self(kind: .notQueued)
    }

    /// What kind of end it was.
    public let code: Code
    /// The sentence that says which file and why.
    public let description: String

    init(_ code: Code, _ description: String) {
        self.code = code
        self.description = description
    }
}
