import FoundationEssentials
import QueuedStorageCore
import QueuedStorageDatabase
import QueuedStorageSQLite
import TestSupport
import Testing

/// The main job: saved locally, brought to the database, proven there, read back.
@Suite struct TransferTests {
    @Test(arguments: Kind.allCases)
    func `brings a file to the database, and reads it from there`(_ kind: Kind) async throws {
        try await withQueue(kind, task: .transfer) { storage, remote, work in
            let bytes = pattern(3 << 20)
            let name = try await storage.save("2026/a b.bin", .bytes(bytes))

            try await work()

            #expect(try await remote.bytes(name) == bytes)
            #expect(try await storage.bytes(name) == bytes)
            #expect(try await !storage.isUsingLocal(name))
        }
    }

    @Test(arguments: Kind.allCases)
    func `deletes the local copy of what is proven to be in the database`(_ kind: Kind) async throws {
        try await withQueue(kind, task: .transferAndDelete) { storage, remote, work in
            let (small, large) = (pattern(1000), pattern(20 << 20))
            let names = [
                try await storage.save("small.bin", .bytes(small)), try await storage.save("large.bin", .bytes(large)),
            ]

            try await work()

            for name in names { #expect(try await !storage.local.exists(name)) }
            #expect(try await storage.bytes(names[0]) == small)
            #expect(try await storage.bytes(names[1]) == large)
            #expect(try await remote.leftovers().isEmpty)
        }
    }

    @Test(arguments: Kind.allCases)
    func `removes a deleted file from the database`(_ kind: Kind) async throws {
        try await withQueue(kind, task: .transfer) { storage, remote, work in
            let name = try await storage.save("a.bin", .bytes(pattern(9 << 20)))
            try await work()

            try await storage.delete(name)
            try await work()

            #expect(try await !remote.exists(name))
            #expect(try await remote.leftovers().isEmpty)
        }
    }

    @Test func `goes on where the line to PostgreSQL was cut`() async throws {
        let server = try await TestServer.shared("postgres")
        let proxy = try FaultyProxy(to: server.port)
        let remote = try await DatabaseStorage(
            postgres: .test(port: proxy.port),
            table: "files_\(FileName.randomSuffix())"
        )
        let whole = Int64(24 << 20)
        try await withTemporaryDirectory { directory in
            let (storage, work) = try queue(directory, remote, task: .transferAndDelete)
            let bytes = pattern(Int(whole))
            let name = try await storage.save("a.bin", .bytes(bytes))
            _ = try await remote.exists("to be connected")
            proxy.cut(afterSending: 13 << 20)

            try await work()
            let before = proxy.sentByteCount
            _ = try await storage.transfer(name)
            try await work()

            // What was there wasn't sent again: at most the batches that were on their way.
            #expect(proxy.sentByteCount - before < whole - (8 << 20) + (1 << 20))
            #expect(try await remote.bytes(name) == bytes)
            #expect(try await !storage.local.exists(name))
            #expect(try await remote.leftovers().isEmpty)
        }
    }
}

/// A queued storage whose remote is a new database, and what does all that is due.
private func withQueue(
    _ kind: Kind,
    task: any TransferTask,
    _ body: (QueuedStorage, DatabaseStorage, @Sendable () async throws -> Void) async throws -> Void
) async throws {
    try await withDatabase(kind) { database in
        try await withTemporaryDirectory { directory in
            let remote = try database.storage()
            let (storage, work) = try queue(directory, remote, task: task)
            try await body(storage, remote, work)
        }
    }
}

private func queue(
    _ directory: String,
    _ remote: DatabaseStorage,
    task: any TransferTask
) throws -> (QueuedStorage, @Sendable () async throws -> Void) {
    let catalog = try SQLiteCatalog(path: directory + "/catalog.sqlite")
    let storage = try QueuedStorage(
        "files",
        local: FileSystemStorage(location: directory + "/local"),
        remote: remote,
        catalog: catalog,
        task: task,
        options: QueuedStorageOptions(retries: .count(0), durabilityGrace: .zero),
        environment: [:]
    )
    return (storage, { try await TransferWorker(catalog: catalog, storages: [storage]).runUntilIdle() })
}
