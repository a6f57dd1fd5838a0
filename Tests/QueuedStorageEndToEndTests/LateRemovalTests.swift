import FoundationEssentials
import QueuedStorageCore
import QueuedStorageSQLite
import Testing

/// A deletion that is done again, when the name it was told has become something else.
@Suite struct LateRemovalTests {
    @Test func `a deleted file whose name has become a directory is gone in the end`() async throws {
        try await withBench { bench in
            _ = try await bench.storage.save("d", .text("old"))
            let deleted = try #require(try await bench.catalog.delete("d", in: bench.storage.alias))
            // Its bytes went, but not the commit that says so; then somebody saved below the name.
            try await bench.local.delete("d")
            _ = try await bench.storage.save("d/e.txt", .text("new"))

            try await bench.work()

            #expect(try await bench.catalog.file(id: deleted.id) == nil)
            #expect(try await bench.text("d/e.txt") == "new")
        }
    }
}
