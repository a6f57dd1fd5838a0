import FoundationEssentials
import GRDB
import QueuedStorageCore
import QueuedStorageSchemas
import Synchronization

/// An SQLite database of files, opened when it is first used.
final class SQLiteDatabase: SQLDatabase {
    let path: String
    let table: TableName
    /// How long to wait for another process that writes.
    let busyTimeout: Duration
    private let pool = Mutex<DatabasePool?>(nil)

    var dialect: SQLDialect { .sqlite }
    var address: String { "the database \(FileName.quoted(path))" }

    init(path: String, table: TableName, busyTimeout: Duration) {
        self.path = path
        self.table = table
        self.busyTimeout = busyTimeout
    }

    func perform<Value: Sendable>(
        _ work: SQLWork,
        isCancellable: Bool,
        _ body: @escaping @Sendable (any SQLSession) throws -> Value
    ) async throws -> Value {
        if isCancellable { try Task.checkCancellation() }
        return try await blocking {
            do {
                let pool = try self.opened()
                if case .read = work { return try pool.read { try body(SQLiteSession(db: $0)) } }
                // A write that began as a reading would have to be given up when somebody else writes meanwhile.
                return try pool.writeWithoutTransaction { db in
                    var value: Value?
                    try db.inTransaction(.immediate) {
                        value = try body(SQLiteSession(db: db))
                        return .commit
                    }
                    guard let value else { throw SQLFailure(.failed, "the transaction didn't end") }
                    return value
                }
            } catch let error as DatabaseError {
                throw SQLFailure(error)
            }
        }
    }

    /// The database, with its tables; one thread opens it while the others wait.
    private func opened() throws -> DatabasePool {
        try pool.withLock { pool in
            if let pool { return pool }
            var configuration = Configuration()
            configuration.label = "queued-storage.files"
            configuration.busyMode = .timeout(busyTimeout.seconds)
            // Fewer, larger pages for large values; it counts for a file that is new.
            configuration.prepareDatabase { try $0.execute(sql: "PRAGMA page_size = 16384") }
            let opened = try DatabasePool(path: path, configuration: configuration)
            try prepare(opened)
            pool = opened
            return opened
        }
    }

    private func prepare(_ pool: DatabasePool) throws {
        try pool.writeWithoutTransaction { db in
            // The pool sets NORMAL itself after it has opened.
            try db.execute(sql: "PRAGMA synchronous = FULL")
            guard try !Self.exists("qstore_migration", db) else {
                throw StorageError(
                    .invalidConfiguration,
                    "\(FileName.quoted(path)) is the database of a catalog, and large files would keep it locked for saves: give "
                        + "the remote a database file of its own"
                )
            }
            try db.inTransaction(.immediate) {
                let tables = try [table.name, table.name + "_chunk"].filter { try Self.exists($0, db) }
                if tables.isEmpty {
                    try db.execute(sql: table.fill(Schemas.storedFileV1))
                } else if try !isOurs(db) {
                    throw StorageError(
                        .invalidConfiguration,
                        "the table \(tables[0]) in \(FileName.quoted(path)) is another application's: name another one with "
                            + "the option \"table\""
                    )
                }
                return .commit
            }
        }
    }

    /// Whether there is a table, as the file has it now: GRDB remembers what it found before others wrote.
    private static func exists(_ table: String, _ db: Database) throws -> Bool {
        try Bool.fetchOne(
            db,
            sql: "SELECT count(*) FROM sqlite_master WHERE type = 'table' AND name = ? COLLATE NOCASE",
            arguments: [table]
        ) == true
    }

    private func isOurs(_ db: Database) throws -> Bool {
        guard try Self.exists(table.name, db), try Self.exists(table.name + "_chunk", db) else { return false }
        let file = try Set(db.columns(in: table.name).map(\.name))
        let chunk = try Set(db.columns(in: table.name + "_chunk").map(\.name))
        return file.isSuperset(of: ["id", "name", "upload", "directory", "size", "chunkSize", "sha256"])
            && chunk.isSuperset(of: ["file", "number", "sha256", "bytes"])
    }
}

/// GRDB's connection, for the length of one transaction.
private struct SQLiteSession: SQLSession {
    let db: Database

    func run(_ sql: String, _ arguments: [SQLValue]) throws -> [SQLRow] {
        let statement = try db.cachedStatement(sql: sql)
        let rows = try Row.fetchCursor(statement, arguments: StatementArguments(arguments.map(\.databaseValue)))
        var result: [SQLRow] = []
        while let row = try rows.next() {
            result.append(row.databaseValues.map { SQLValue($0) })
        }
        return result
    }
}

extension SQLValue {
    fileprivate var databaseValue: DatabaseValue {
        switch self {
        case .null: .null
        case .integer(let value): value.databaseValue
        case .text(let value): value.databaseValue
        case .bytes(let value): Data(value).databaseValue
        }
    }

    fileprivate init(_ value: DatabaseValue) {
        switch value.storage {
        case .null: self = .null
        case .int64(let value): self = .integer(value)
        case .double(let value): self = Int64(exactly: value.rounded(.towardZero)).map { .integer($0) } ?? .null
        case .string(let value): self = .text(value)
        case .blob(let value): self = .bytes([UInt8](value))
        }
    }
}
