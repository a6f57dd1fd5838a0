import Foundation
import QueuedStorageCore
import QueuedStorageSQLite
import QueuedStorageWebDAV
import TestSupport
import Testing

/// The whole way of a file, from the save to the last read.
@Suite(.timeLimit(.minutes(5)))
struct WebDAVMainJobTests {
    @Test(arguments: DAVServer.allCases)
    func `a saved file is transferred, proven, deleted here, and read from there`(_ server: DAVServer) async throws {
        let remote = try await server.storage()
        let password = try await server.shared["password"]
        try await withTemporaryDirectory { directory in
            let catalog = try SQLiteCatalog(path: directory + "/catalog.sqlite")
            let storage = try QueuedStorage.webDAV(
                "files",
                remote.options,
                local: FileSystemStorage(location: directory + "/local"),
                catalog: catalog,
                task: TransferAndDelete(),
                options: QueuedStorageOptions(durabilityGrace: .zero)
            )
            let bytes = (0..<300_000).map { UInt8(truncatingIfNeeded: $0 &* 31 >> 3) }

            let name = try await storage.save("2026/ä b.bin", .bytes(bytes))
            try await TransferWorker(catalog: catalog, storages: [storage]).runUntilIdle()

            let file = try #require(try await catalog.file(name, in: "files"))
            #expect(file.state == .remote)
            #expect(!file.hasLocal)
            #expect(try await storage.open(name).collect() == bytes)
            #expect(try await remote.leftovers().isEmpty)
            for path in everything(directory) {
                let content = FileManager.default.contents(atPath: directory + "/" + path) ?? Data()
                #expect(content.range(of: Data(password.utf8)) == nil, "\(path)")
            }
        }
    }

    @Test(arguments: DAVServer.allCases)
    func `many savers of one name all get a name of their own`(_ server: DAVServer) async throws {
        let first = try await server.storage()

        let names = try await withThrowingTaskGroup(of: String.self) { group in
            for number in 0..<16 {
                group.addTask {
                    try await first.save("d/a.txt", .text("\(number)"))
                }
            }
            return try await group.reduce(into: []) { $0.append($1) }
        }

        #expect(Set(names).count == 16)
        #expect(try await first.list("d").files.count == 16)
    }

    @Test func `TLS with an authority of one's own`() async throws {
        let server = try await DAVServer.nginx.shared
        let storage = try await DAVServer.nginx.storage {
            $0.port = Int(server["tls"])
            $0.isEncrypted = true
            $0.certificateAuthorities = server["ca"]
        }
        let stranger = try await DAVServer.nginx.storage {
            $0.port = Int(server["tls"])
            $0.isEncrypted = true
        }

        _ = try await storage.store(.text("x"), as: "a", options: StoreOptions())
        let error = await #expect(throws: StorageError.self) { try await stranger.size("a") }

        #expect(try await storage.open("a").collect() == [120])
        #expect(error?.code == .denied)
    }
}
