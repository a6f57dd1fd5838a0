import QueuedStorageCore
import QueuedStorageSchemas
import Synchronization

/// A PostgreSQL database of files, with a pool of connections.
final class PostgresDatabase: SQLDatabase {
    let options: PostgresOptions
    let table: TableName
    private let turnstile: Turnstile
    private let state = Mutex(State())

    private struct State {
        var idle: [(connection: PostgresConnection, since: ContinuousClock.Instant)] = []
        var hasTables = false
    }

    /// How long a connection waits for the next statement before it is closed.
    private static let idleTime = Duration.seconds(60)

    var dialect: SQLDialect { .postgres }
    var address: String { "the database \(FileName.quoted(place))" }

    /// Where the database is, without the user.
    var place: String {
        let host = options.host ?? ""
        let isAddress = host.utf8.contains(UInt8(ascii: ":"))
        let port = options.port.map { ":\($0)" } ?? ""
        return
            "postgres://\(isAddress ? "[\(host)]" : FileName.percentEncoded(host).replacing("/", with: "%2F"))\(port)/"
            + FileName.percentEncoded(options.database)
    }

    init(_ options: PostgresOptions, table: TableName) {
        self.options = options
        self.table = table
        turnstile = Turnstile(limit: options.connectionLimit)
    }

    func perform<Value: Sendable>(
        _ work: SQLWork,
        isCancellable: Bool,
        _ body: @escaping @Sendable (any SQLSession) throws -> Value
    ) async throws -> Value {
        let run = { @Sendable (cancellation: Cancellation?) in
            let connection = try self.connection(cancellation)
            defer { self.giveBack(connection) }
            return try self.run(work, on: connection, body)
        }
        // Who may not be cancelled waits for its turn all the same, in a task that isn't.
        guard isCancellable else {
            return try await Task { try await turnstile.pass { try await blocking { try run(nil) } } }.value
        }
        return try await turnstile.pass { try await cancellableBlocking { try run($0) } }
    }

    private func run<Value>(
        _ work: SQLWork,
        on connection: PostgresConnection,
        _ body: (any SQLSession) throws -> Value
    ) throws -> Value {
        guard case .transaction = work else { return try body(connection) }
        try connection.run("BEGIN")
        do {
            let value = try body(connection)
            try connection.run("COMMIT")
            return value
        } catch {
            _ = try? connection.run("ROLLBACK")
            throw error
        }
    }

    // MARK: Connections

    private func connection(_ cancellation: Cancellation?) throws -> PostgresConnection {
        while let idle = state.withLock({ $0.idle.popLast()?.connection }) {
            // The server may have been started anew since.
            guard idle.isAlive else { continue }
            idle.cancellation = cancellation
            return idle
        }
        let connection = try PostgresConnection(options, cancellation)
        if !state.withLock({ $0.hasTables }) {
            try makeTables(connection)
            state.withLock { $0.hasTables = true }
        }
        return connection
    }

    private func giveBack(_ connection: PostgresConnection) {
        connection.cancellation = nil
        let now = ContinuousClock.now
        // Those that weren't needed for long are closed after the lock is released.
        let unneeded = state.withLock { state in
            let count = state.idle.prefix { $0.since + Self.idleTime < now }.count
            let unneeded = Array(state.idle.prefix(count))
            state.idle.removeFirst(count)
            if connection.isIdle { state.idle.append((connection, now)) }
            return unneeded
        }
        withExtendedLifetime(unneeded) {}
    }

    /// Makes the tables if need be; of several that come at once, one makes them.
    private func makeTables(_ connection: PostgresConnection) throws {
        // The look into pg_class makes the server take note of what others made meanwhile.
        let isThere = {
            try !connection.run("SELECT 1 FROM pg_catalog.pg_class WHERE oid = to_regclass(?1)", .text(self.table.file))
                .isEmpty
        }
        if try isThere() { return }
        try run(.transaction, on: connection) { session in
            // The key is made of the name, so that only those who make the same tables wait.
            try session.run("SELECT pg_advisory_xact_lock(hashtextextended(?1, 0))::text", .text(table.file))
            if try isThere() { return }
            let statements = table.fill(Schemas.storedFilePostgresV1).split(separator: ";\n")
            for statement in statements { try session.run(String(statement)) }
        }
    }
}
