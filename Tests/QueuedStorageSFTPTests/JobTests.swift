import Foundation
import QueuedStorageCore
import QueuedStorageSFTP
import QueuedStorageSQLite
import TestSupport
import Testing

@Suite struct `Queued storage with an SFTP remote` {
    @Test func `brings files there, proves them, and reads them back`() async throws {
        let server = try await TestServer.start("sftp")
        try await withTemporaryDirectory { directory in
            let catalog = try SQLiteCatalog(path: directory + "/catalog.sqlite")
            let storage = try QueuedStorage.sftp(
                "archive",
                configuration(of: server),
                local: FileSystemStorage(location: directory + "/local"),
                catalog: catalog,
                task: TransferAndDelete()
            )
            let (large, small) = (pattern(20 << 20), pattern(1000))

            let first = try await storage.save("2026/large.bin", .bytes(large))
            let second = try await storage.save("2026/new\nline é.bin", .bytes(small))
            try await TransferWorker(catalog: catalog, storages: [storage]).runUntilIdle()

            #expect(try await storage.isUsingRemote(first))
            #expect(try tree(directory + "/local").isEmpty)
            #expect(try await storage.open(first).collect() == large)
            #expect(try await storage.open(second).collect() == small)
            #expect(try await storage.open(first, range: 100..<200).collect() == Array(large[100..<200]))
        }
    }

    @Test func `tries again when its line was cut, and tells no secret`() async throws {
        let server = try await TestServer.start("sftp-password")
        let password = server["password"]
        try await withTemporaryDirectory { directory in
            let proxy = try FaultyProxy(to: server.port)
            let catalog = try SQLiteCatalog(path: directory + "/catalog.sqlite")
            var configuration = configuration(of: server)
            configuration.port = proxy.port
            let storage = try QueuedStorage.sftp(
                "archive",
                configuration,
                password: Secret(password),
                local: FileSystemStorage(location: directory + "/local"),
                catalog: catalog,
                options: QueuedStorageOptions(retryDelay: .zero)
            )
            let name = try await storage.save("large.bin", .bytes(pattern(20 << 20)))

            proxy.cut(afterSending: 5 << 20)
            try await TransferWorker(catalog: catalog, storages: [storage]).runUntilIdle()
            let file = try await catalog.file(name, in: "archive")

            #expect(try await storage.isUsingRemote(name))
            #expect(proxy.connectionCount > 1)
            let database = ["", "-wal"].map {
                try? Data(contentsOf: URL(fileURLWithPath: directory + "/catalog.sqlite" + $0))
            }
            for text in ["\(String(describing: file))", "\(storage)", "\(try storage.configuration)"] {
                #expect(!text.contains(password))
            }
            for data in database.compactMap(\.self) { #expect(data.range(of: Data(password.utf8)) == nil) }
        }
    }

    private func configuration(of server: TestServer) -> SFTPStorage.Configuration {
        var configuration = SFTPStorage.Configuration(
            host: "127.0.0.1",
            directory: server["directory"],
            user: server["user"],
            port: server.port,
            key: server["key"].isEmpty ? nil : server["key"],
            knownHosts: server["knownHosts"]
        )
        configuration.agent = "none"
        configuration.sshConfig = "none"
        return configuration
    }
}
