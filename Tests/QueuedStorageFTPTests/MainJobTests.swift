import Foundation
import QueuedStorageCore
import QueuedStorageFTP
import QueuedStorageSQLite
import TestSupport
import Testing

/// Files go through a queued storage to a server, and come back.
@Suite struct MainJobTests {
    @Test(arguments: ServerKind.allCases, [false, true])
    func `what is saved comes to the server, proven, and is read from there`(
        _ kind: ServerKind,
        _ deletes: Bool
    ) async throws {
        try await withTemporaryDirectory { directory in
            let remote = try await kind.storage(ownDirectory()) { $0.resumableFrom = 1 << 20 }
            let storage = try QueuedStorage(
                "files",
                local: FileSystemStorage(location: "\(directory)/local"),
                remote: remote,
                catalog: try SQLiteCatalog(path: "\(directory)/catalog.sqlite"),
                task: deletes ? .transferAndDelete : .transfer,
                options: QueuedStorageOptions(durabilityGrace: .zero),
                environment: [:]
            )
            let large = pattern(3 << 20)
            let names = [
                try await storage.save("2026/über/a file.txt", .text("small")),
                try await storage.save("2026/large.bin", .bytes(large)),
                try await storage.save("empty", .bytes([])),
            ]

            try await TransferWorker(catalog: storage.catalog, storages: [storage]).runUntilIdle()

            for name in names {
                let file = try #require(try await storage.catalog.file(name, in: "files"))
                #expect(file.state == .remote, "\(file.error ?? "no error")")
                #expect(file.hasLocal == !deletes)
                #expect(try await remote.exists(name))
            }
            #expect(try await storage.open(names[0]).collect() == Array("small".utf8))
            #expect(try await storage.open(names[1]).collect() == large)
            #expect(try await storage.open(names[2]).collect() == [])
            #expect(try await remote.leftovers().isEmpty)

            for name in names { try await storage.delete(name) }
            try await TransferWorker(catalog: storage.catalog, storages: [storage]).runUntilIdle()
            #expect(try await remote.list("").files.isEmpty)
        }
    }
}
