import Foundation
import QueuedStorageCore
import QueuedStorageCouchDB
import QueuedStorageSQLite
import TestSupport
import Testing

/// The whole way of a file: saved, transferred, verified, read back.
@Suite struct MainJobTests {
    @Test(arguments: [20, 2_000_000], ["image/png", "text/plain"])
    func `a file is saved, proven on the server, deleted here and read from there`(
        size: Int,
        contentType: String
    ) async throws {
        let server = try await TestServer.shared("couchdb")
        try await withTemporaryDirectory { directory in
            let catalog = try SQLiteCatalog(path: "\(directory)/catalog.sqlite")
            let storage = try QueuedStorage.couchDB(
                "files",
                .init(server: "http://127.0.0.1:\(server.port)", database: "media", user: server["user"]),
                password: Secret(server["password"]),
                local: FileSystemStorage(location: "\(directory)/local"),
                catalog: catalog,
                task: TransferAndDelete()
            )
            let name = try await storage.save(
                "job-\(size)/a?b.bin",
                .bytes(pattern(size), contentType: contentType)
            )

            try await TransferWorker(catalog: catalog, storages: [storage]).runUntilIdle()

            let file = try #require(try await catalog.file(name, in: "files"))
            #expect(file.state == .remote, "\(file.error ?? "")")
            #expect(try tree("\(directory)/local").isEmpty)
            #expect(try await storage.open(name).collect() == pattern(size))
            for path in everything(directory) {
                let bytes = FileManager.default.contents(atPath: "\(directory)/\(path)") ?? Data()
                #expect(bytes.range(of: Data(server["password"].utf8)) == nil, "\(path)")
            }
            try await storage.delete(name)
        }
    }

    @Test func `a transfer whose answer was lost is done by the next attempt`() async throws {
        let server = try await TestServer.start("couchdb")
        try await withTemporaryDirectory { directory in
            let catalog = try SQLiteCatalog(path: "\(directory)/catalog.sqlite")
            let remote = try CouchDBStorage.on(server)
            let storage = try QueuedStorage(
                "files",
                local: FileSystemStorage(location: "\(directory)/local"),
                remote: remote,
                catalog: catalog,
                options: QueuedStorageOptions(retries: .count(3), retryDelay: .zero)
            )
            let name = try await storage.save("f.bin", .bytes(pattern(100_000)))
            try await server.obey(#"fault {"match": "PUT /media/f.bin", "action": "lose"}"#)

            let worker = TransferWorker(catalog: catalog, storages: [storage])
            try await worker.runUntilIdle()
            try await worker.runUntilIdle()

            #expect(try await catalog.file(name, in: "files")?.state == .remote)
            #expect(try await remote.list("").files == ["f.bin"])
        }
    }
}
