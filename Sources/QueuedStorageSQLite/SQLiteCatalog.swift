public import FoundationEssentials
import Glibc
public import GRDB
public import QueuedStorageCore

/// A catalog in an SQLite database: one of its own, or the application's, so that a model's row, its file and its job
/// commit together.
///
/// ```swift
/// let catalog = try SQLiteCatalog(path: "app.sqlite")
///
/// let photo = try await catalog.write { db in
///     let file = try SQLiteCatalog.record(newFile, in: db)
///     return try Photo(title: "Sunset", file: file.id).inserted(db)
/// }
/// ```
///
/// All writes that wait at the same time share one commit, with `synchronous=FULL`. The tables' names begin with
/// `qstore_`; plain SQL in the application's own transactions may use them, and triggers see to what follows: setting
/// `state = 'deleting'` in `qstore_file` deletes a file as ``delete(_:in:)`` does.
///
/// Any number of processes on one host may have the same database open. It must not lie on a network file system.
public final class SQLiteCatalog: Sendable {
    /// The database.
    public let pool: DatabasePool
    /// The database's absolute path.
    let path: String
    let writer: GroupCommit
    let announcer: ChangeAnnouncer

    /// Opens a catalog in a database file.
    ///
    /// - Parameters:
    ///   - path: The file's path; its directory must exist.
    ///   - creates: Whether to make the file, and the catalog's tables in it, if need be.
    /// - Throws: `CatalogError` with `missing`, `notACatalog`,
    ///   `newerSchema`, `busy`, `full` or
    ///   `unavailable`.
    public convenience init(path: String, creates: Bool = true) throws {
        try self.init(path: path, creates: creates, seams: CommitSeams())
    }

    /// Keeps a catalog in an application's database.
    ///
    /// The writer's connection is set to `synchronous=FULL`, for the application's transactions too, and waits up to ten
    /// seconds for other processes if it would not wait at all.
    ///
    /// - Parameter pool: The application's database, in WAL mode and with foreign keys enforced, as they are by default.
    /// - Throws: `CatalogError` with `notDurable` or `unavailable` if the pool
    ///   isn't so; else as ``init(path:creates:)``.
    public convenience init(_ pool: DatabasePool) throws { try self.init(pool, seams: CommitSeams()) }

    /// Opens a catalog in a database file, with a clock and seams of one's own.
    package convenience init(
        path: String,
        creates: Bool = true,
        seams: CommitSeams,
        now: @escaping @Sendable () -> Date = { Date() }
    ) throws {
        guard creates || access(path, F_OK) == 0 else {
            throw CatalogError(.missing, "there is no catalog \"\(path)\"; check the path")
        }
        var configuration = Configuration()
        configuration.label = "queued-storage.catalog"
        configuration.busyMode = .timeout(10)
        let pool: DatabasePool
        do {
            pool = try Self.pool(path, configuration, pause: seams.pause)
        } catch {
            throw CatalogError.explaining(error, path: path)
        }
        try self.init(pool, creates: creates, seams: seams, now: now)
    }

    /// Keeps a catalog in an application's database, with a clock and seams of one's own.
    package init(
        _ pool: DatabasePool,
        creates: Bool = true,
        seams: CommitSeams,
        now: @escaping @Sendable () -> Date = { Date() }
    ) throws {
        do {
            try Self.prepare(pool)
            try Migrations.apply(to: pool, creates: creates)
            let weekAgo = now().milliseconds - 7 * 86_400_000
            if try pool.read({ try Bool.fetchOne($0, sql: SQL.hasOldSequences, arguments: [weekAgo]) }) == true {
                try pool.write { try $0.execute(sql: SQL.pruneSequences, arguments: [weekAgo]) }
            }
        } catch {
            throw CatalogError.explaining(error, path: pool.path)
        }
        let directory = FileManager.default.currentDirectoryPath
        path = FileName.normalized(FileName.append(pool.path, to: directory))
        let announcer = ChangeAnnouncer(path: path)
        self.pool = pool
        self.announcer = announcer
        self.writer = GroupCommit(pool, seams: seams, now: now) { announcer.announce() }
    }

    /// Opens a pool, also if other processes open the same new file at this very moment.
    ///
    /// A connection that finds a new file switches it to WAL; while others are at that, SQLite answers "busy" at once and
    /// lets no busy mode wait, as it has read the file already. In WAL mode that ends.
    /// Source: https://www.sqlite.org/c3ref/busy_handler.html, on when the handler isn't called.
    private static func pool(
        _ path: String,
        _ configuration: Configuration,
        pause: (Int) -> Void
    ) throws -> DatabasePool {
        let start = ContinuousClock.now
        var attempt = 1
        while true {
            do {
                return try DatabasePool(path: path, configuration: configuration)
            } catch let error as DatabaseError where error.resultCode == .SQLITE_BUSY {
                guard ContinuousClock.now - start < .seconds(10) else { throw error }
                pause(attempt)
                attempt += 1
            }
        }
    }

    /// Makes the writer's connection durable and patient, and looks whether it is.
    private static func prepare(_ pool: DatabasePool) throws {
        guard !pool.configuration.readonly else {
            throw CatalogError(.unavailable, "the catalog \"\(pool.path)\" needs a pool that may write")
        }
        try pool.writeWithoutTransaction { db in
            // The pool sets NORMAL itself after it has opened, so that nothing earlier would last.
            try db.execute(sql: "PRAGMA synchronous = FULL")
            if try Int.fetchOne(db, sql: "PRAGMA busy_timeout") == 0, case .immediateError = pool.configuration.busyMode
            {
                try db.execute(sql: "PRAGMA busy_timeout = 10000")
            }
            let synchronous = try Int.fetchOne(db, sql: "PRAGMA synchronous") ?? 0
            guard synchronous >= 2 else {
                throw CatalogError(.notDurable, "\"\(pool.path)\" stays at PRAGMA synchronous = \(synchronous)")
            }
            let journal = try String.fetchOne(db, sql: "PRAGMA journal_mode") ?? ""
            guard journal == "wal" else {
                throw CatalogError(
                    .unavailable,
                    "\"\(pool.path)\" has the journal mode \"\(journal)\", and the catalog needs WAL"
                )
            }
            guard try Bool.fetchOne(db, sql: "PRAGMA foreign_keys") == true else {
                throw CatalogError(
                    .unavailable,
                    "\"\(pool.path)\" doesn't enforce foreign keys, and the catalog needs it: set foreignKeysEnabled of "
                        + "the pool's configuration"
                )
            }
        }
    }
}

// MARK: - Transactions

extension SQLiteCatalog {
    /// Runs SQL of the application's own in the next commit, together with what else waits.
    ///
    /// An error that `body` throws undoes what it did, and nothing else.
    ///
    /// - Parameter body: The changes. It runs on the writer's thread, and again if the commit has to be tried again.
    /// - Returns: What `body` returns, once it is durable.
    /// - Throws: What `body` throws; `CatalogError` if the database fails, with `outcomeUnknown` if
    ///   nobody can say whether the commit happened.
    public func write<Value: Sendable>(
        _ body: @escaping @Sendable (Database) throws -> Value
    ) async throws -> Value {
        try await writer.write(isolated: true, opaque: true) { try body($0.db) }
    }

    /// Reads a consistent state of the database.
    ///
    /// - Parameter body: The queries, which see one state. It runs on a thread that may block.
    /// - Returns: What `body` returns.
    /// - Throws: What `body` throws; `CatalogError` if the database fails.
    public func read<Value: Sendable>(
        _ body: @escaping @Sendable (Database) throws -> Value
    ) async throws -> Value {
        try await explaining { [pool] in try pool.read(body) }
    }

    /// Runs a single query, which needs no transaction.
    func lookUp<Value: Sendable>(_ body: @escaping @Sendable (Database) throws -> Value) async throws -> Value {
        try await explaining { [pool] in try pool.unsafeRead(body) }
    }

    private func explaining<Value: Sendable>(_ body: @escaping @Sendable () throws -> Value) async throws -> Value {
        let explained: @Sendable () -> Result<Value, any Error> = { [path = pool.path] in
            Result(catching: body).mapError { CatalogError.explaining($0, path: path) }
        }
        // GRDB's own async reads would throw when the task is cancelled.
        guard let perform = writer.perform else { return try await blocking { try explained().get() } }
        return try await withCheckedThrowingContinuation { continuation in
            perform { continuation.resume(with: explained()) }
        }
    }
}

// MARK: - In an application's own transaction

extension SQLiteCatalog {
    /// Records a file and its job in the transaction that is open.
    ///
    /// - Parameters:
    ///   - file: The file; its bytes are staged and synced.
    ///   - db: The connection; of the catalog's pool, as it must be durable.
    /// - Returns: The file. It is saved once the transaction has committed; then give the bytes their name.
    /// - Throws: `CatalogError` as ``record(_:)``, and with `notDurable` if `db` isn't durable.
    public static func record(_ file: NewFile, in db: Database) throws -> StoredFile {
        try CatalogTransaction(db).record(file)
    }

    /// The file that has a name, as the transaction sees it, not counting deleted ones.
    ///
    /// - Parameters:
    ///   - name: The file's name.
    ///   - storage: The storage's alias.
    ///   - db: The connection.
    /// - Returns: The file; nil if there is none.
    /// - Throws: `DatabaseError`.
    public static func file(_ name: String, in storage: String, _ db: Database) throws -> StoredFile? {
        try CatalogTransaction(db).file(name, in: storage)
    }

    /// The file with an identifier, as the transaction sees it; also a deleted one.
    ///
    /// - Parameters:
    ///   - id: The row's identifier.
    ///   - db: The connection.
    /// - Returns: The file; nil if there is none.
    /// - Throws: `DatabaseError`.
    public static func file(id: Int64, _ db: Database) throws -> StoredFile? { try CatalogTransaction(db).file(id: id) }

    /// Deletes a file in the transaction that is open; its copies are removed after the commit.
    ///
    /// - Parameters:
    ///   - name: The file's name.
    ///   - storage: The storage's alias.
    ///   - db: The connection.
    /// - Returns: The tombstone; nil if there was no such file.
    /// - Throws: `DatabaseError`.
    @discardableResult
    public static func delete(_ name: String, in storage: String, _ db: Database) throws -> StoredFile? {
        try CatalogTransaction(db).delete(name, in: storage)
    }

    /// Queues a file's transfer in the transaction that is open, as ``queueTransfer(_:in:task:dueAt:)`` does.
    ///
    /// - Parameters:
    ///   - name: The file's name.
    ///   - storage: The storage's alias.
    ///   - task: The name of the task for this transfer; the file's own if nil.
    ///   - dueAt: When it is due.
    ///   - db: The connection.
    /// - Returns: The file; nil if there is none.
    /// - Throws: `DatabaseError`.
    @discardableResult
    public static func queueTransfer(
        _ name: String,
        in storage: String,
        task: String? = nil,
        dueAt: Date,
        _ db: Database
    ) throws -> StoredFile? {
        try CatalogTransaction(db).queueTransfer(name, in: storage, task: task, dueAt: dueAt)
    }
}

extension CatalogTransaction {
    /// The transaction that somebody else began.
    fileprivate init(_ db: Database) { self.init(db: db, now: Date().milliseconds, synchronous: nil) }
}
