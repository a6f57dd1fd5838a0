import QueuedStorageCore
import QueuedStorageSQLite
import Testing

/// What was deleted is gone at once, though its copies go one after another.
@Suite struct DeletedFileTests {
    @Test func `a deleted file can't be read although its copy on the remote is still there`() async throws {
        try await withBench { bench in
            _ = try await bench.storage.save("f.txt", .text("secret"))
            try await bench.work()

            try await bench.storage.delete("f.txt")

            #expect(bench.bytes("remote/f.txt") == "secret")
            #expect(try await !bench.storage.exists("f.txt"))
            #expect(try await !bench.storage.isUsingRemote("f.txt"))
            #expect(await code { _ = try await bench.storage.open("f.txt") } == .notFound)
            #expect(await code { _ = try await bench.storage.size("f.txt") } == .notFound)

            try await bench.work()
            #expect(bench.tree("remote").isEmpty)
            #expect(await code { _ = try await bench.storage.open("f.txt") } == .notFound)
        }
    }

    @Test func `the name that a file has on the remote is no name of its own`() async throws {
        try await withBench { bench in
            _ = try await bench.remote.store(.text("foreign"), as: "f.txt", options: StoreOptions())
            _ = try await bench.storage.save("f.txt", .text("ours"))
            try await bench.work()
            let remoteName = try #require(try await bench.catalog.file("f.txt", in: "files")?.remoteName)

            #expect(remoteName != "f.txt")
            #expect(try await bench.text("f.txt") == "ours")
            #expect(try await !bench.storage.exists(remoteName))
            #expect(await code { _ = try await bench.storage.open(remoteName) } == .notFound)
        }
    }

    private func code(_ body: () async throws -> Void) async -> StorageError.Code? {
        do {
            try await body()
            return nil
        } catch {
            return (error as? StorageError)?.code
        }
    }
}
