import Foundation
import QueuedStorageCore
import QueuedStorageSQLite
import Testing

/// What recovery believes of files that seem to have their names already.
@Suite struct RecoveryTests {
    /// A file that a dead process committed, and whose bytes aren't where its row says.
    private func record(_ bench: Bench, sha256: String?) async throws -> StoredFile {
        try await bench.storage.start()
        let staged = StagedFile(place: "staging/dead/bytes", size: 7, sha256: sha256)
        return try await bench.catalog.record(NewFile(storage: "files", name: "f.txt", staged: staged, dueAt: nil))
    }

    /// That of `content`.
    private static let sha256 = "ed7002b439e9ac845f22357d822bac1444730fbdb6016d3ec9432297b9ec9f73"

    @Test(arguments: [nil, sha256])
    func `bytes under their name already are settled`(_ sha256: String?) async throws {
        try await withBench { bench in
            _ = try await record(bench, sha256: sha256)
            _ = try await bench.local.store(.text("content"), as: "f.txt", options: StoreOptions())

            try await bench.storage.recover()

            #expect(try await bench.catalog.unsettled(in: "files").isEmpty)
            #expect(try await bench.text("f.txt") == "content")
        }
    }

    @Test(arguments: [("longer content", nil), ("CONTENT", sha256), (nil, nil)])
    func `other bytes under the name, or none, aren't taken for the file's`(
        _ found: String?,
        _ sha256: String?
    ) async throws {
        try await withBench { bench in
            _ = try await record(bench, sha256: sha256)
            if let found { _ = try await bench.local.store(.text(found), as: "f.txt", options: StoreOptions()) }

            try await bench.storage.recover()

            #expect(try await bench.catalog.unsettled(in: "files").map(\.name) == ["f.txt"])
        }
    }
}
