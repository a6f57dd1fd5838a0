import GRDB
import QueuedStorageCore
import QueuedStorageSQLite
import Synchronization
import TestSupport
import Testing

/// A worker that is asked to stop at an awkward moment.
@Suite struct DrainTests {
    @Test(.timeLimit(.minutes(10)))
    func `a worker asked to stop while its claim is on its way gives back what it got, and ends`() async throws {
        try await withTemporaryDirectory { directory in
            let current = CurrentWorker()
            let catalog = try SQLiteCatalog(
                path: "\(directory)/catalog.sqlite",
                seams: CommitSeams(commit: { db in
                    try db.commit()
                    let sql = "SELECT EXISTS (SELECT * FROM qstore_job WHERE state = 'running')"
                    if try Bool.fetchOne(db, sql: sql) == true { current.take()?.shutDown() }
                })
            )
            let storage = try QueuedStorage(
                "files",
                local: FileSystemStorage(location: "\(directory)/local"),
                remote: FileSystemStorage(location: "\(directory)/remote"),
                catalog: catalog,
                environment: [:]
            )
            _ = try await storage.save("f.txt", .text("x"))
            let worker = TransferWorker(catalog: catalog, storages: [storage])
            current.set(worker)

            try await worker.run()

            #expect(try await catalog.file("f.txt", in: "files")?.state == .queued)
            #expect(try await catalog.leaseholders(storages: ["files"]).values.allSatisfy(\.isEmpty))
        }
    }
}

/// The worker that is asked to stop, once.
private final class CurrentWorker: Sendable {
    private let value = Mutex<TransferWorker?>(nil)

    func set(_ worker: TransferWorker) { value.withLock { $0 = worker } }

    func take() -> TransferWorker? {
        value.withLock { worker in
            defer { worker = nil }
            return worker
        }
    }
}
