import Foundation
import QueuedStorageCore
import QueuedStorageS3
import QueuedStorageSQLite
import TestSupport

/// A queued storage between a directory and a bucket, with a catalog of its own.
struct Bench: Sendable {
    let directory: String
    let remote: S3Storage
    let catalog: SQLiteCatalog
    let storage: QueuedStorage

    init(_ directory: String, remote: S3Storage, task: any TransferTask = .transfer, retries: Int = 8) throws {
        self.directory = directory
        self.remote = remote
        catalog = try SQLiteCatalog(path: "\(directory)/catalog.sqlite")
        storage = try QueuedStorage(
            "photos",
            local: FileSystemStorage(location: "\(directory)/local"),
            remote: remote,
            catalog: catalog,
            task: task,
            options: QueuedStorageOptions(retries: .count(retries), retryDelay: .zero),
            environment: [:]
        )
    }

    /// Does everything that is due.
    func work() async throws {
        try await TransferWorker(catalog: catalog, storages: [storage]).runUntilIdle()
    }

    func state(_ name: String) async throws -> FileState? { try await catalog.file(name, in: "photos")?.state }

    /// Whether any file of the bench has a text in it.
    func holds(_ secret: String) -> Bool {
        everything(directory).contains { path in
            guard let data = FileManager.default.contents(atPath: "\(directory)/\(path)") else { return false }
            return data.range(of: Data(secret.utf8)) != nil
        }
    }
}
