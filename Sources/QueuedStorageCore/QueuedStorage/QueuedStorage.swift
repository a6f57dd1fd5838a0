public import FoundationEssentials
public import Logging
import Synchronization

/// A storage that is two: what is saved lands on the local one at once, and a durable background transfer brings it to
/// the remote one; until that is done and verified, reads come from the local copy.
///
/// ```swift
/// let photos = try QueuedStorage(
///     "photos",
///     local: FileSystemStorage(location: "media"),
///     remote: FileSystemStorage(location: "/mnt/archive"),
///     catalog: SQLiteCatalog(path: "app.sqlite"))
/// let name = try await photos.save("2026/cat.jpg", .file("cat.jpg"))
/// ```
/// Saving needs neither the remote nor a ``TransferWorker`` to be up. The catalog knows the storage by its alias alone.
public final class QueuedStorage: Storage {
    /// The name by which jobs, configuration and the catalog know the storage.
    public let alias: String
    /// Where files are saved.
    public let local: any LocalStorage
    /// Where files are brought.
    public let remote: any Storage
    /// Whether the remote is a directory of this machine.
    var hasDirectoryRemote: Bool { remote is any LocalPathStorage }
    /// What is known of every file, and what must still be done.
    public let catalog: any Catalog
    /// Whether files wait for ``transfer(_:task:notBefore:)`` instead of being transferred at once.
    public let isDelayed: Bool
    /// The task that transfers files, unless a transfer asks for another.
    public let task: any TransferTask
    /// What cache keys begin with.
    public let cachePrefix: String
    /// How the storage retries, deletes and reads.
    public let options: QueuedStorageOptions
    /// What failures mean.
    public let retryPolicy: RetryPolicy

    /// All tasks that a worker of this process can run for the storage, by their names.
    package let tasks: [String: any TransferTask]
    package let time: any TimeSource
    package let logger: Logger
    package let hub = ProgressHub()
    let isStarted = Mutex(false)
    let isSeparate = Mutex(false)
    let separating = Turnstile(limit: 1)
    let settling = Mutex(Settling())
    let acceptsMove: Bool

    /// Joins a local and a remote storage.
    ///
    /// Nothing is read or written until the storage is used, or a worker started.
    ///
    /// - Parameters:
    ///   - alias: The name by which jobs and the catalog know the storage: letters, digits, `-`, `_` and `.`.
    ///   - local: Where files are saved.
    ///   - remote: Where files are brought.
    ///   - catalog: What is known of every file.
    ///   - delayed: Whether files wait for ``transfer(_:task:notBefore:)`` instead of being transferred at once.
    ///   - task: The task that transfers files.
    ///   - additionalTasks: More tasks that a worker of this process can run for the storage.
    ///   - cachePrefix: What cache keys begin with.
    ///   - options: How the storage retries, deletes and reads.
    ///   - acceptingMove: Whether other directories than those the catalog knows are right, as they moved.
    ///   - environment: The environment variables that fill in what the options leave open.
    ///   - time: Where time comes from.
    ///   - logger: Where the storage logs.
    /// - Throws: ``StorageError`` with ``StorageError/Code/invalidConfiguration`` that names what is wrong.
    public init(
        _ alias: String,
        local: any LocalStorage,
        remote: any Storage,
        catalog: any Catalog,
        delayed: Bool = false,
        task: any TransferTask = .transfer,
        additionalTasks: [any TransferTask] = [],
        cachePrefix: String? = nil,
        options: QueuedStorageOptions = QueuedStorageOptions(),
        acceptingMove: Bool = false,
        environment: [String: String] = ProcessInfo.processInfo.environment,
        time: any TimeSource = .system,
        logger: Logger = Logger(label: "QueuedStorage")
    ) throws {
        try Self.check(alias: alias)
        var tasks: [String: any TransferTask] = ["Transfer": Transfer(), "TransferAndDelete": TransferAndDelete()]
        for task in additionalTasks + [task] {
            guard !task.name.isEmpty, !["deleteLocal", "deleteRemote"].contains(task.name) else {
                throw StorageError(
                    .invalidConfiguration,
                    "the storage \"\(alias)\": a task can't have the name \"\(task.name)\""
                )
            }
            tasks[task.name] = task
        }
        var options = options
        if let cachePrefix { options.cachePrefix = cachePrefix }
        (retryPolicy, self.cachePrefix) = try options.resolved(alias: alias, environment: environment)
        self.alias = alias
        self.local = local
        self.remote = remote
        self.catalog = catalog
        isDelayed = delayed
        self.task = task
        self.tasks = tasks
        self.options = options
        acceptsMove = acceptingMove
        self.time = time
        self.logger = logger
    }

    private static func check(alias: String) throws {
        let isFit =
            !alias.isEmpty && alias.utf8.count <= 100 && !alias.hasPrefix(".")
            && alias.unicodeScalars.allSatisfy {
                $0.properties.isAlphabetic || ("0"..."9").contains($0) || "-_.".unicodeScalars.contains($0)
            }
        guard isFit else {
            throw StorageError(
                .invalidConfiguration,
                "\"\(alias)\" can't be a storage's alias; use letters, digits, -, _ and ., not more than 100 bytes"
            )
        }
    }

    /// Makes the storage known to its catalog, and holds its two places against what the catalog knows.
    ///
    /// Every use does this first, once; a worker and a drop folder do it when they start.
    ///
    /// - Throws: ``CatalogError`` with ``CatalogError/Code/wrongLocation`` or ``CatalogError/Code/wrongRemote``, and
    ///   ``StorageError`` with ``StorageError/Code/invalidConfiguration`` if one side lies in the other, or the local
    ///   location belongs to another catalog or to another storage.
    public func start() async throws {
        guard !isStarted.withLock({ $0 }) else { return }
        let local = local
        if let local = local as? any LocalPathStorage, let remote = remote as? any LocalPathStorage {
            try await blocking { try Overlap.refuse(local.path(""), remote.path(""), "local", "remote") }
        }
        let localID = try await blocking { try local.identity() }
        let owner = "\(try await catalog.identity()) \(alias)"
        // Looked at before, so that a catalog which is refused learns nothing; noted after, so that one that refuses
        // leaves no note.
        let found = try await blocking { try local.owner() }
        guard found == nil || found == owner || acceptsMove else { throw foreignLocation() }
        try await catalog.register(
            StorageRegistration(alias: alias, localID: localID, remoteFingerprint: remote.fingerprint),
            acceptingMove: acceptsMove
        )
        if found != owner {
            guard try await own(owner, acceptsMove) else { throw foreignLocation() }
        }
        isStarted.withLock { $0 = true }
    }

    /// Notes in the local location that it is ours; false if somebody else was faster.
    private func own(_ owner: String, _ replaces: Bool) async throws -> Bool {
        let local = local
        return try await blocking {
            try local.setOwner(owner, replacing: replaces) || local.owner() == owner
        }
    }

    private func foreignLocation() -> StorageError {
        StorageError(
            .invalidConfiguration,
            """
            the local location of the storage \"\(alias)\" belongs to another catalog or another storage, which may have \
            files there that have no name yet: give each a location of its own, or, if the files moved to this one, \
            accept it with --moved
            """
        )
    }
}
