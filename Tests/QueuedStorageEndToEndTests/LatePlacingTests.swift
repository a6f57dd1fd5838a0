import GRDB
import QueuedStorageCore
import QueuedStorageSQLite
import Synchronization
import TestSupport
import Testing

/// A file that was saved, and couldn't be given its name at once.
@Suite struct LatePlacingTests {
    /// How many commits succeed before the next one fails; none fails if nil.
    private let rest = Rest()

    @Test(arguments: [1, 2, 3])
    func `a replacement that couldn't get its name gets it from who settles next`(_ commits: Int) async throws {
        try await withTemporaryDirectory { directory in
            let rest = rest
            let catalog = try SQLiteCatalog(
                path: "\(directory)/catalog.sqlite",
                seams: CommitSeams(commit: { db in
                    guard rest.isUsedUp() else { return try db.commit() }
                    try db.rollback()
                    throw DatabaseError(resultCode: .SQLITE_IOERR_FSYNC)
                })
            )
            let storage = try QueuedStorage(
                "files",
                local: FileSystemStorage(location: "\(directory)/local"),
                remote: FileSystemStorage(location: "\(directory)/remote"),
                catalog: catalog,
                environment: [:]
            )
            let worker = TransferWorker(catalog: catalog, storages: [storage])
            _ = try await storage.save("f.txt", .text("old"))
            try await storage.settle()

            rest.value.withLock { $0 = commits }
            _ = try await storage.save("f.txt", .text("new"), options: StoreOptions(replaces: true))
            try? await storage.settle()
            rest.value.withLock { $0 = nil }
            try await storage.settle()

            #expect(try await catalog.unsettled(in: "files").isEmpty)
            #expect(try await storage.local.size("f.txt") == 3)
            try await worker.runUntilIdle()
            #expect(try await storage.open("f.txt").collect() == Array("new".utf8))
            #expect(try await storage.remote.list("").files == ["f.txt"])
        }
    }
}

/// A number of commits that may still succeed.
private final class Rest: Sendable {
    let value = Mutex<Int?>(nil)

    /// Counts a commit.
    func isUsedUp() -> Bool {
        value.withLock { rest in
            guard let count = rest else { return false }
            rest = count == 0 ? nil : count - 1
            return count == 0
        }
    }
}
