import Foundation
import QueuedStorageCore
import QueuedStorageFTP
import QueuedStorageSQLite
import Synchronization
import TestSupport
import Testing

/// What goes wrong is told apart, loses nothing, and shows no secret.
@Suite struct FaultTests {
    /// A queued storage of which nothing but the line to the server is in the way.
    private func queued(_ remote: FTPStorage, in directory: String, _ time: any TimeSource) throws -> QueuedStorage {
        try QueuedStorage(
            "files",
            local: FileSystemStorage(location: "\(directory)/local"),
            remote: remote,
            catalog: try SQLiteCatalog(path: "\(directory)/catalog.sqlite"),
            task: .transferAndDelete,
            options: QueuedStorageOptions(durabilityGrace: .zero, hashesOnSave: true),
            environment: [:],
            time: time
        )
    }

    @Test(arguments: [ServerKind.plain, .python])
    func `an upload that is cut at a byte goes on where it was cut`(_ kind: ServerKind) async throws {
        let server = try await kind.server
        let proxy = try DataProxy(to: server.port)
        let storage = try kind.storage(on: server, ownDirectory(), port: proxy.port)
        let upload = Upload(id: "1-1", name: "a.bin")
        let bytes = pattern(24 << 20)
        proxy.cutContent(after: 16 << 20)

        let error = await failure {
            try await storage.append(.bytes(bytes), to: upload, at: 0, options: StoreOptions())
        }
        proxy.cutContent(after: nil)
        let held = try await storage.uploadedByteCount(upload)
        let before = proxy.sentByteCount
        let rest = FileContent.bytes(bytes[Int(held)...])
        let end = try await storage.append(rest, to: upload, at: held, options: StoreOptions())
        let stored = try await storage.finish(upload, options: StoreOptions())

        #expect(error?.code == .failed)
        // A megabyte is sent once more, and what a busy server hadn't taken from the line when it was cut.
        #expect(held > 0 && held <= 15 << 20, "\(held)")
        #expect(proxy.sentByteCount - before == Int64(bytes.count) - held)
        #expect(end == Int64(bytes.count) && stored.size == end)
        #expect(try await storage.open("a.bin").collect() == bytes)
        #expect(try await storage.leftovers().isEmpty)
    }

    @Test func `a transfer survives that its server dies in the middle`() async throws {
        try await withTemporaryDirectory { directory in
            let server = try await TestServer.start("ftp")
            let proxy = try DataProxy(to: server.port)
            let remote = try ServerKind.plain.storage(on: server, "d", port: proxy.port)
            let time = ManualTime()
            let storage = try queued(remote, in: directory, time)
            let bytes = pattern(32 << 20)
            _ = try await storage.save("a.bin", .bytes(bytes))
            proxy.cutContent(after: 20 << 20)
            try await TransferWorker(catalog: storage.catalog, storages: [storage], time: time).runUntilIdle()
            let first = proxy.sentByteCount
            try await server.kill()
            time.advance(by: 100_000)
            try await TransferWorker(catalog: storage.catalog, storages: [storage], time: time).runUntilIdle()
            #expect(try await storage.catalog.file("a.bin", in: "files")?.state != .remote)

            try await server.startAgain()
            proxy.cutContent(after: nil)
            time.advance(by: 100_000)
            try await TransferWorker(catalog: storage.catalog, storages: [storage], time: time).runUntilIdle()

            let file = try #require(try await storage.catalog.file("a.bin", in: "files"))
            #expect(file.state == .remote, "\(file.error ?? "")")
            #expect(!file.hasLocal)
            #expect(first >= 20 << 20)
            // What was on the line when it was cut is sent again, but not all.
            #expect(proxy.sentByteCount < (32 << 20) + (15 << 20), "\(proxy.sentByteCount) of \(bytes.count)")
            #expect(try await storage.open("a.bin").collect() == bytes)
        }
    }

    @Test func `a disk that is full is told from a broken line`() async throws {
        let server = try await TestServer.start("ftp")
        let storage = try ServerKind.plain.storage(on: server, port: Int(server["smallPort"]))
        try await server.obey("fill 1")

        let error = await failure {
            try await storage.store(.bytes(pattern(8 << 20)), as: "a.bin", options: StoreOptions())
        }

        #expect(error?.code == .full, "\(error.map { "\($0)" } ?? "no error")")
        #expect(error?.name == "a.bin")
        #expect(try await storage.leftovers().isEmpty)
        _ = try await storage.store(.bytes(pattern(100_000)), as: "b.bin", options: StoreOptions())
        #expect(try await storage.list("").files.sorted() == ["b.bin", "filler"])
    }

    @Test func `a server that stands still is given up in time`() async throws {
        let server = try await TestServer.start("ftp-python")
        let storage = try ServerKind.python.storage(on: server) { $0.idleTimeout = .seconds(1) }
        _ = try await storage.store(.text("x"), as: "a.txt", options: StoreOptions())

        try await server.pause()
        let error = await failure { try await storage.size("a.txt") }
        try await server.resume()

        #expect(error?.code == .timedOut || error?.code == .offline, "\(error.map { "\($0)" } ?? "no error")")
        #expect(try await storage.size("a.txt") == 1)
    }

    @Test func `a server that is away is offline`() async throws {
        let server = try await TestServer.start("ftp-python")
        let storage = try ServerKind.python.storage(on: server)
        _ = try await storage.store(.text("x"), as: "a.txt", options: StoreOptions())

        try await server.stop()

        #expect(await failure { try await storage.size("a.txt") }?.code == .offline)
        let store = await failure { try await storage.store(.text("x"), as: "b", options: StoreOptions()) }
        #expect(store?.code == .offline)
        try await server.startAgain()
        #expect(try await storage.size("a.txt") == 1)
    }

    @Test(arguments: [ServerKind.plain, .encrypted, .python])
    func `a wrong password is denied, and shown nowhere`(_ kind: ServerKind) async throws {
        let server = try await kind.server
        let right = try await kind.storage()
        let storage = try FTPStorage(
            host: "127.0.0.1",
            port: right.port,
            user: server["user"],
            password: Secret("wr0ng-secret"),
            options: right.options
        )

        let error = await failure { try await storage.size("a.txt") }

        #expect(error?.code == .denied, "\(error.map { "\($0)" } ?? "no error")")
        #expect(error?.message.contains("password") == true)
        #expect(!"\(String(describing: error)) \(String(reflecting: storage))".contains("wr0ng-secret"))
    }

    @Test func `a certificate that nobody vouches for is denied, with what to do`() async throws {
        let server = try await ServerKind.plain.server
        for kind in [ServerKind.encrypted, .implicit] {
            let storage = try await kind.storage { $0.certificateAuthorities = server["otherCA"] }

            let error = await failure { try await storage.size("a.txt") }

            #expect(error?.code == .denied, "\(error.map { "\($0)" } ?? "no error")")
            #expect(error?.message.contains("certificate") == true)
        }
    }

    @Test func `a certificate for another host is denied`() async throws {
        let server = try await ServerKind.plain.server
        var options = FTPOptions()
        options.tls = .required
        options.certificateAuthorities = server["ca"]
        let storage = try FTPStorage(
            host: "localhost",
            port: server.port,
            user: server["user"],
            password: Secret(server["password"]),
            options: options
        )

        let error = await failure { try await storage.size("a.txt") }

        #expect(error?.code == .denied)
        #expect(error?.message.contains("another host") == true, "\(error?.message ?? "")")
    }

    @Test func `encryption that one side demands and the other doesn't have is denied`() async throws {
        let server = try await ServerKind.plain.server
        let plain = try ServerKind.plain.storage(on: server, port: Int(server["strictPort"]))
        let demanding = try await ServerKind.python.storage { $0.tls = .required }
        let either = try await ServerKind.python.storage { $0.tls = .optional }

        let first = await failure { try await plain.size("a.txt") }
        let second = await failure { try await demanding.size("a.txt") }

        #expect(first?.code == .denied && first?.message.contains("\"tls\"") == true, "\(first?.message ?? "")")
        #expect(second?.code == .denied && second?.message.contains("encryption") == true, "\(second?.message ?? "")")
        #expect(try await !either.exists(ownDirectory()))
    }

    @Test func `more readers than connections are told so`() async throws {
        let storage = try await ServerKind.plain.storage(ownDirectory()) {
            $0.connections = 1
            $0.idleTimeout = .seconds(5)
        }
        _ = try await storage.store(.bytes(pattern(8 << 20)), as: "a.bin", options: StoreOptions())

        let reader = try await storage.open("a.bin")
        let error = await failure { try await storage.size("a.bin") }

        #expect(error?.code == .throttled, "\(error.map { "\($0)" } ?? "no error")")
        #expect(try await reader.collect().count == 8 << 20)
        #expect(try await storage.size("a.bin") == 8 << 20)
    }

    @Test func `no error, event or database shows the password`() async throws {
        try await withTemporaryDirectory { directory in
            let server = try await TestServer.start("ftp-python")
            let password = server["password"]
            let storage = try queued(try ServerKind.python.storage(on: server), in: directory, ManualTime())
            _ = try await storage.save("a.bin", .text("x"))
            try await server.stop()
            try await TransferWorker(catalog: storage.catalog, storages: [storage]).runUntilIdle()
            let error = try await storage.catalog.file("a.bin", in: "files")?.error ?? ""

            #expect(!error.isEmpty && !error.contains(password))
            for name in try FileManager.default.contentsOfDirectory(atPath: directory) {
                guard let data = FileManager.default.contents(atPath: "\(directory)/\(name)") else { continue }
                #expect(data.range(of: Data(password.utf8)) == nil, "\(name)")
            }
            #expect(!String(reflecting: storage.remote).contains(password))
        }
    }
}
