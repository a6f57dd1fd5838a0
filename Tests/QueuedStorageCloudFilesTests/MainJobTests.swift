import Foundation
@testable import QueuedStorageCloudFiles
import QueuedStorageCore
import QueuedStorageSQLite
import Synchronization
import TestSupport
import Testing

@Suite struct `Transferring to Cloud Files` {
    /// A storage that does something once so many bytes of an upload were handed over.
    private final class Tapped: Storage, ResumableStorage {
        let storage: CloudFilesStorage
        private let limit: Int64
        private let action: Mutex<(@Sendable () -> Void)?>

        init(_ storage: CloudFilesStorage, after limit: Int64, _ action: @escaping @Sendable () -> Void) {
            self.storage = storage
            self.limit = limit
            self.action = Mutex(action)
        }

        private func tapped(_ options: StoreOptions) -> StoreOptions {
            var options = options
            options.progress = { [progress = options.progress, limit, self] count in
                progress?(count)
                guard count >= limit else { return }
                let action = action.withLock { action in
                    defer { action = nil }
                    return action
                }
                action?()
            }
            return options
        }

        var fingerprint: String { storage.fingerprint }
        var resumableFrom: Int64 { storage.resumableFrom }
        func open(_ name: String, range: Range<Int64>?) async throws -> FileReader {
            try await storage.open(name, range: range)
        }
        func store(_ content: FileContent, as name: String, options: StoreOptions) async throws -> StoredObject {
            try await storage.store(content, as: name, options: tapped(options))
        }
        func delete(_ name: String) async throws { try await storage.delete(name) }
        func exists(_ name: String) async throws -> Bool { try await storage.exists(name) }
        func list(_ directory: String) async throws -> DirectoryListing { try await storage.list(directory) }
        func size(_ name: String) async throws -> Int64 { try await storage.size(name) }
        func url(_ name: String) async throws -> String { try await storage.url(name) }
        func accessedAt(_ name: String) async throws -> Date { try await storage.accessedAt(name) }
        func createdAt(_ name: String) async throws -> Date { try await storage.createdAt(name) }
        func modifiedAt(_ name: String) async throws -> Date { try await storage.modifiedAt(name) }
        func uploadedByteCount(_ upload: Upload) async throws -> Int64 {
            try await storage.uploadedByteCount(upload)
        }
        func append(
            _ content: FileContent,
            to upload: Upload,
            at offset: Int64,
            options: StoreOptions
        ) async throws -> Int64 {
            try await storage.append(content, to: upload, at: offset, options: tapped(options))
        }
        func finish(_ upload: Upload, options: StoreOptions) async throws -> StoredObject {
            try await storage.finish(upload, options: options)
        }
        func abandon(_ upload: Upload) async throws { try await storage.abandon(upload) }
    }

    private func remote(
        _ prefix: String,
        port: Int? = nil,
        _ change: (inout CloudFilesStorage.Configuration) -> Void = { _ in }
    ) async throws -> CloudFilesStorage {
        try CloudFilesStorage.tested(try await TestServer.shared("openstack-swift"), port: port) { configuration in
            configuration.prefix = "jobs/" + prefix
            configuration.timeout = 5
            change(&configuration)
        }
    }

    private func queued(
        _ directory: String,
        _ remote: any Storage,
        task: any TransferTask = .transfer,
        retries: QueuedStorageOptions.Retries = .count(0)
    ) throws -> QueuedStorage {
        try QueuedStorage(
            "files",
            local: FileSystemStorage(location: "\(directory)/local"),
            remote: remote,
            catalog: try SQLiteCatalog(path: "\(directory)/catalog.sqlite"),
            task: task,
            options: QueuedStorageOptions(retries: retries, retryDelay: .zero),
            environment: [:]
        )
    }

    private func work(_ storage: QueuedStorage) async throws {
        try await TransferWorker(catalog: storage.catalog, storages: [storage]).runUntilIdle()
    }

    @Test(arguments: [0, 1000, 64 << 20])
    func `a file that is saved comes to the container, is proven, and served from there`(size: Int) async throws {
        let (remote, bytes) = (try await remote("main-\(size)") { $0.segmentSize = 16 << 20 }, pattern(size))
        try await withTemporaryDirectory { directory in
            let storage = try queued(directory, remote, task: .transferAndDelete)

            let name = try await storage.save("2026/é film.bin", .bytes(bytes))
            #expect(try await storage.isUsingLocal(name))
            try await work(storage)

            let file = try #require(try await storage.catalog.file(name, in: "files"))
            #expect(file.state == .remote)
            #expect(!file.hasLocal)
            #expect(try await remote.size("2026/é film.bin") == Int64(size))
            #expect(try await storage.open(name).collect() == bytes)
            try await storage.delete(name)
            try await work(storage)
            #expect(try await remote.objects().isEmpty)
        }
    }

    @Test func `a transfer keeps the local copy, and names that are taken stay whose they are`() async throws {
        let remote = try await remote("taken")
        _ = try await remote.store(.text("a stranger's"), as: "a.txt", options: StoreOptions())
        try await withTemporaryDirectory { directory in
            let storage = try queued(directory, remote)

            let name = try await storage.save("a.txt", .text("ours"))
            try await work(storage)

            let file = try #require(try await storage.catalog.file(name, in: "files"))
            #expect(file.state == .remote && file.hasLocal)
            #expect(file.remoteName != "a.txt")
            #expect(try await remote.open("a.txt").collect() == Array("a stranger's".utf8))
            #expect(try await remote.open(try #require(file.remoteName)).collect() == Array("ours".utf8))
        }
    }

    @Test func `a transfer that is cut is gone on with by the next worker`() async throws {
        let server = try await TestServer.shared("openstack-swift")
        let proxy = try FaultyProxy(to: server.port)
        let bytes = pattern(12 << 20)
        try await withTemporaryDirectory { directory in
            let tapped = Tapped(try await remote("cut", port: proxy.port), after: 7_000_000) {
                proxy.refuse()
                proxy.cutNow()
            }
            let first = try queued(directory, tapped, task: .transferAndDelete)
            let name = try await first.save("large.bin", .bytes(bytes))
            try await work(first)
            #expect(try await first.catalog.file(name, in: "files")?.state != .remote)
            proxy.heal()
            let before = proxy.sentByteCount

            let second = try queued(directory, try await remote("cut", port: proxy.port), task: .transferAndDelete)
            _ = try await second.transfer(name)
            try await work(second)

            let sent = proxy.sentByteCount - before
            // Less than the whole, by more than a segment; heads and what was on the line count, too.
            #expect(sent < 10 << 20)
            #expect(try await second.catalog.file(name, in: "files")?.state == .remote)
            #expect(try await second.open(name).collect() == bytes)
            #expect(try await remote("cut").leftovers().isEmpty)
        }
    }

    @Test func `a file that is deleted amid its transfer leaves no segments`() async throws {
        let server = try await TestServer.shared("openstack-swift")
        let proxy = try FaultyProxy(to: server.port)
        try await withTemporaryDirectory { directory in
            let tapped = Tapped(try await remote("deleted", port: proxy.port), after: 3_000_000) {
                proxy.refuse()
                proxy.cutNow()
            }
            let storage = try queued(directory, tapped)
            let name = try await storage.save("large.bin", .bytes(pattern(6 << 20)))
            try await work(storage)
            proxy.heal()
            #expect(try await remote("deleted").leftovers().count == 1)

            try await storage.delete(name)
            try await work(storage)

            #expect(try await remote("deleted").objects().isEmpty)
        }
    }

    @Test func `no secret is in the database, an event or an error`() async throws {
        let server = try await TestServer.shared("openstack-swift")
        let key = "temporary-key-0815"
        let good = try CloudFilesStorage.tested(server, temporaryURLKey: Secret(key)) { $0.prefix = "jobs/secrets" }
        let bad = try CloudFilesStorage.tested(server, password: "wrong-word-4711") { $0.prefix = "jobs/secrets" }
        try await withTemporaryDirectory { directory in
            var texts: [String] = []
            for (alias, remote) in [("good", good), ("bad", bad)] {
                let folder = "\(directory)/\(alias)"
                try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
                let storage = try queued(folder, remote)
                let name = try await storage.save("a.bin", .bytes(pattern(3 << 20)))
                try await work(storage)
                let file = try #require(try await storage.catalog.file(name, in: "files"))
                #expect(file.state == (alias == "good" ? .remote : .failed))
                texts.append("\(file) \(file.error ?? "")")
                texts += try await storage.catalog.events(after: 0, limit: 100).map { "\($0)" }
                texts.append("\(remote) \(remote.configuration) \(remote.fingerprint) \(remote.optionValues)")
                let token = try? await remote.account.session.login().login.token.value
                var secrets = [server["password"] + "\"", key, "wrong-word-4711"]
                if let token { secrets.append(token) }
                for file in everything(folder) where file.contains("catalog") {
                    guard let data = FileManager.default.contents(atPath: "\(folder)/\(file)") else { continue }
                    for secret in secrets { #expect(data.range(of: Data(secret.utf8)) == nil) }
                }
                for text in texts { for secret in secrets { #expect(!text.contains(secret)) } }
            }
        }
    }
}
