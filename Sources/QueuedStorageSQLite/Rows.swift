import FoundationEssentials
import GRDB
import QueuedStorageCore

extension Date {
    /// A date from the database's milliseconds since 1970.
    init(milliseconds: Int64) { self.init(timeIntervalSince1970: Double(milliseconds) / 1000) }

    /// The date as the database keeps it; instants beyond 30,000 years from 1970 are cut to that.
    var milliseconds: Int64 {
        let limit = 1e15
        return Int64(max(-limit, min(limit, (timeIntervalSince1970 * 1000).rounded())))
    }
}

/// A row that was read from a file which somebody, or a disk, may have changed: what isn't there although it must be is an
/// error.
struct CatalogRow {
    private let row: Row

    init(_ row: Row) { self.row = row }

    subscript<Value: DatabaseValueConvertible & StatementColumnConvertible>(_ index: Int) -> Value {
        get throws {
            do {
                return try row.decode(atIndex: index)
            } catch is RowDecodingError {
                throw CatalogError(
                    .unavailable,
                    "the catalog is damaged: a row lacks its value of \"\(Array(row.columnNames)[index])\"; keep a copy, and "
                        + "restore it from a backup"
                )
            }
        }
    }

    func hasNull(atIndex index: Int) -> Bool { row.hasNull(atIndex: index) }
}

extension StoredFile {
    /// Reads the columns that `SQL` selects for a file.
    ///
    /// - Parameters:
    ///   - row: The row.
    ///   - first: The index of the first of the columns.
    /// - Throws: `CatalogError` if the row is damaged.
    init(_ row: CatalogRow, at first: Int = 0) throws {
        try self.init(
            id: row[first],
            storage: row[first + 1],
            name: row[first + 2],
            generation: row[first + 3],
            place: row[first + 4],
            replaces: row[first + 5],
            hasLocal: row[first + 6],
            remoteName: row[first + 7],
            size: row[first + 8],
            sha256: row[first + 9],
            contentType: row[first + 10],
            state: FileState(column: row[first + 11]),
            task: row[first + 12],
            owner: FileOwner(row, at: first + 13),
            createdAt: Date(milliseconds: row[first + 16]),
            modifiedAt: Date(milliseconds: row[first + 17]),
            transferredAt: (row[first + 18] as Int64?).map(Date.init(milliseconds:)),
            attempts: row[first + 19] ?? 0,
            error: row[first + 20],
            dueAt: (row[first + 21] as Int64?).map(Date.init(milliseconds:))
        )
    }
}

extension StorageEvent {
    /// Reads the columns of `SQL.events`.
    init(_ row: CatalogRow) throws {
        try self.init(
            type: Kind(column: row[2]),
            id: row[0],
            at: Date(milliseconds: row[1]),
            storage: row[3],
            name: row[4],
            generation: row[5],
            remoteName: row[6],
            size: row[7],
            attempts: row[8],
            error: row[9],
            owner: FileOwner(row, at: 10)
        )
    }
}

extension StorageRegistration {
    /// Reads the columns of `SQL.storages`.
    init(_ row: CatalogRow) throws {
        try self.init(alias: row[0], localID: row[1], remoteFingerprint: row[2], isPaused: row[3])
    }
}

extension DropFolderRegistration {
    /// Reads the columns of `SQL.dropFolders`.
    init(_ row: CatalogRow) throws { try self.init(id: row[0], path: row[1], storage: row[2]) }
}

extension FileOwner {
    /// Reads an owner's three columns; nil if there is none.
    fileprivate init?(_ row: CatalogRow, at first: Int) throws {
        guard let model = try row[first] as String? else { return nil }
        try self.init(model: model, row: row[first + 1] ?? "", field: row[first + 2] ?? "")
    }
}

extension RawRepresentable where RawValue == String {
    /// Reads a word of the schema; one that this version doesn't know means that the row is damaged.
    init(column: String) throws {
        guard let value = Self(rawValue: column) else {
            throw CatalogError(.unavailable, "the catalog has the word \"\(column)\" where it must have a \(Self.self)")
        }
        self = value
    }
}

extension Database {
    /// Runs a statement that is prepared once a connection.
    ///
    /// - Parameters:
    ///   - sql: The statement.
    ///   - arguments: Its arguments.
    /// - Returns: How many rows it changed itself; what its triggers changed doesn't count.
    /// - Throws: `DatabaseError`.
    @discardableResult
    func run(_ sql: String, _ arguments: StatementArguments = []) throws -> Int {
        try cachedStatement(sql: sql).execute(arguments: arguments)
        return changesCount
    }

    /// The first row of a statement that is prepared once a connection, read by `body` while it is there.
    func first<Value>(_ sql: String, _ arguments: StatementArguments, _ body: (CatalogRow) throws -> Value) throws
        -> Value?
    {
        let rows = try Row.fetchCursor(cachedStatement(sql: sql), arguments: arguments)
        let value = try rows.next().map { try body(CatalogRow($0)) }
        // A cursor left in its midst keeps the statement running, and the transaction open.
        while try rows.next() != nil {}
        return value
    }

    /// All rows of a statement that is prepared once a connection.
    func all<Value>(
        _ sql: String,
        _ arguments: StatementArguments = [],
        _ body: (CatalogRow) throws -> Value
    ) throws -> [Value] {
        let rows = try Row.fetchCursor(cachedStatement(sql: sql), arguments: arguments)
        var values: [Value] = []
        while let row = try rows.next() { values.append(try body(CatalogRow(row))) }
        return values
    }
}
