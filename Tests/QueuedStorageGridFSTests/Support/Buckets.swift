import QueuedStorageCore
import QueuedStorageGridFS
import TestSupport
import Testing

/// A bucket that nobody else has, in the shared stand-in or a test's own.
struct TestBucket: Sendable {
    let server: TestServer
    let prefix: String

    init(_ server: TestServer? = nil) async throws {
        self.server = if let server { server } else { try await TestServer.shared("mongodb") }
        prefix = "fs_\(FileName.randomSuffix())"
    }

    /// A storage as a process of its own would make it.
    func storage(port: Int? = nil, _ change: (inout GridFSOptions) -> Void = { _ in }) throws -> GridFSStorage {
        var options = GridFSOptions(
            hosts: ["127.0.0.1:\(port ?? server.port)"],
            database: server["database"],
            prefix: prefix,
            user: server["user"],
            password: Secret(server["password"]),
            serverSelectionTimeout: .seconds(2),
            socketTimeout: .seconds(10)
        )
        change(&options)
        return try GridFSStorage(options)
    }

    /// Lets the independent client do something.
    func obey(_ command: String, _ words: String...) async throws {
        try await server.obey(([command, prefix] + words).joined(separator: " "))
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
