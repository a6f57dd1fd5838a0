import QueuedStorageCore

/// A value that goes to a database, or comes from it.
enum SQLValue: Sendable {
    case null
    case integer(Int64)
    case text(String)
    case bytes([UInt8])

    init(_ integer: Int64?) { self = integer.map { .integer($0) } ?? .null }
    init(_ text: String?) { self = text.map { .text($0) } ?? .null }
    init(_ bytes: [UInt8]?) { self = bytes.map { .bytes($0) } ?? .null }

    var integer: Int64? { if case .integer(let value) = self { value } else { nil } }
    var text: String? { if case .text(let value) = self { value } else { nil } }
    var bytes: [UInt8]? { if case .bytes(let value) = self { value } else { nil } }
}

/// The columns of a row, in the order of the statement.
typealias SQLRow = [SQLValue]

/// A connection that runs statements; it blocks, and belongs to one caller at a time.
protocol SQLSession {
    /// Runs one statement.
    ///
    /// - Parameters:
    ///   - sql: The statement; its arguments are `?1`, `?2` …, which never are part of its text.
    ///   - arguments: The arguments.
    /// - Returns: The rows.
    /// - Throws: ``SQLFailure``.
    func run(_ sql: String, _ arguments: [SQLValue]) throws -> [SQLRow]
}

extension SQLSession {
    @discardableResult
    func run(_ sql: String, _ arguments: SQLValue...) throws -> [SQLRow] { try run(sql, arguments) }
}

/// What statements do, as far as the database wants to know it.
enum SQLWork: Sendable {
    /// They read.
    case read
    /// It is one statement.
    case statement
    /// They are one transaction.
    case transaction
}

/// A database that runs statements, with connections of its own.
protocol SQLDatabase: Sendable {
    var dialect: SQLDialect { get }
    /// What tells the database from others; no secrets.
    var address: String { get }

    /// Runs statements, in a transaction if they are one; the tables are there then.
    ///
    /// - Parameters:
    ///   - work: What they do.
    ///   - isCancellable: Whether they are given up when the task is cancelled. Without it they end what they began.
    ///   - body: The statements; blocking.
    /// - Returns: What `body` returns.
    /// - Throws: ``SQLFailure``, `CancellationError`, and what `body` throws.
    func perform<Value: Sendable>(
        _ work: SQLWork,
        isCancellable: Bool,
        _ body: @escaping @Sendable (any SQLSession) throws -> Value
    ) async throws -> Value
}

/// Where the databases' languages differ.
enum SQLDialect: Sendable {
    case sqlite
    case postgres

    /// The present instant, in milliseconds since 1970.
    var now: String {
        switch self {
        case .sqlite: "CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER)"
        case .postgres: "(extract(epoch FROM clock_timestamp()) * 1000)::bigint"
        }
    }

    /// The function that finds a text in another one.
    var position: String {
        switch self {
        case .sqlite: "instr"
        case .postgres: "strpos"
        }
    }
}

/// Why a database didn't do what it should.
struct SQLFailure: Error, CustomStringConvertible {
    /// What it is to a storage.
    let code: StorageError.Code
    /// The end of a sentence: what happened, and what helps.
    let reason: String
    /// The database's own code.
    let detail: String?
    /// How long to leave the database alone.
    var retryAfter: Duration?

    init(_ code: StorageError.Code, _ reason: String, detail: String? = nil, retryAfter: Duration? = nil) {
        self.code = code
        self.reason = reason
        self.detail = detail
        self.retryAfter = retryAfter
    }

    var description: String { detail.map { "\(reason) (\($0))" } ?? reason }
}
