import FoundationEssentials
import QueuedStorageCore
import QueuedStorageGridFS
import QueuedStorageSQLite
import TestSupport
import Testing

/// The main job: saved locally, brought to GridFS, proven there, read back.
@Suite struct TransferTests {
    @Test func `deletes the local copy of what is proven to be in GridFS`() async throws {
        let bucket = try await TestBucket()
        let remote = try bucket.storage()
        try await withTemporaryDirectory { directory in
            let (storage, work) = try queue(directory, remote, task: .transferAndDelete)
            let (small, large) = (pattern(1000), pattern(20 << 20))
            let names = [
                try await storage.save("a b.bin", .bytes(small)), try await storage.save("large.bin", .bytes(large)),
            ]

            try await work()

            for name in names { #expect(try await !storage.local.exists(name)) }
            #expect(try await storage.bytes(names[0]) == small)
            #expect(try await storage.bytes(names[1]) == large)
            for name in names { try await storage.delete(name) }
            try await work()
            try await bucket.obey("counts", "0", "0")
        }
    }

    @Test func `goes on where the line was cut`() async throws {
        let bucket = try await TestBucket()
        let proxy = try FaultyProxy(to: bucket.server.port)
        let remote = try bucket.storage(port: proxy.port)
        let whole = Int64(24 << 20)
        try await withTemporaryDirectory { directory in
            let (storage, work) = try queue(directory, remote, task: .transferAndDelete)
            let bytes = pattern(Int(whole))
            let name = try await storage.save("a.bin", .bytes(bytes))
            _ = try await remote.exists("to be connected")
            proxy.cut(afterSending: 13 << 20)

            try await work()
            let before = proxy.sentByteCount
            #expect(before < whole)
            try await storage.transfer(name)
            try await work()

            // What was there wasn't sent again: at most the batches that were on their way.
            #expect(proxy.sentByteCount - before < whole - (8 << 20) + (1 << 20))
            #expect(try await remote.bytes(name) == bytes)
            #expect(try await !storage.local.exists(name))
            #expect(try await remote.leftovers().isEmpty)
        }
    }
}

private func queue(
    _ directory: String,
    _ remote: GridFSStorage,
    task: any TransferTask
) throws -> (QueuedStorage, @Sendable () async throws -> Void) {
    let catalog = try SQLiteCatalog(path: directory + "/catalog.sqlite")
    let storage = try QueuedStorage(
        "files",
        local: FileSystemStorage(location: directory + "/local"),
        remote: remote,
        catalog: catalog,
        task: task,
        options: QueuedStorageOptions(retries: .count(0), localGrace: .zero),
        environment: [:]
    )
    return (storage, { try await TransferWorker(catalog: catalog, storages: [storage]).runUntilIdle() })
}
