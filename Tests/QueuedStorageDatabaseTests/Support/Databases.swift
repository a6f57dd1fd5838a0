import QueuedStorageCore
import QueuedStorageDatabase
import TestSupport
import Testing

/// The databases that are tested.
enum Kind: String, CaseIterable, CustomTestStringConvertible {
    case sqlite, postgres

    var testDescription: String { rawValue }
}

/// Makes storages in one new place, over and over, as several processes would.
struct Database: Sendable {
    let kind: Kind
    let make: @Sendable (_ chunkSize: Int?) throws -> DatabaseStorage

    func storage(chunkSize: Int? = nil) throws -> DatabaseStorage { try make(chunkSize) }
}

/// Hands over a place for files that nobody else has.
func withDatabase<Value>(_ kind: Kind, _ body: (Database) async throws -> Value) async throws -> Value {
    switch kind {
    case .sqlite:
        return try await withTemporaryDirectory { directory in
            try await body(
                Database(kind: kind) { try DatabaseStorage(sqlite: directory + "/files.sqlite", chunkSize: $0) }
            )
        }
    case .postgres:
        let options = try await PostgresOptions.test()
        let table = "files_\(FileName.randomSuffix())"
        return try await body(
            Database(kind: kind) { try DatabaseStorage(postgres: options, table: table, chunkSize: $0) }
        )
    }
}

extension PostgresOptions {
    /// The shared server, or one of the test's own.
    static func test(_ server: TestServer? = nil, port: Int? = nil) async throws -> PostgresOptions {
        let server = if let server { server } else { try await TestServer.shared("postgres") }
        return PostgresOptions(
            host: "127.0.0.1",
            port: port ?? server.port,
            database: server["database"],
            user: server["user"],
            password: Secret(server["password"])
        )
    }
}

extension Storage {
    /// Stores bytes under a name.
    @discardableResult
    func store(_ bytes: [UInt8], as name: String, replaces: Bool = false) async throws -> StoredObject {
        try await store(.bytes(bytes), as: name, options: StoreOptions(replaces: replaces, computesSHA256: true))
    }

    /// All bytes of a file.
    func bytes(_ name: String, _ range: Range<Int64>? = nil) async throws -> [UInt8] {
        try await open(name, range: range).collect()
    }
}

/// The error that an act ends in.
func failure(of act: () async throws -> some Any) async -> StorageError? {
    do {
        _ = try await act()
        Issue.record("it succeeded")
    } catch let error as StorageError {
        return error
    } catch {
        Issue.record("it failed with \(error)")
    }
    return nil
}
