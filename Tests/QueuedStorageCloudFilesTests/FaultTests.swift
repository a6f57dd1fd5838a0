import Foundation
@testable import QueuedStorageCloudFiles
import QueuedStorageCore
import QueuedStorageTransport
import Synchronization
import TestSupport
import Testing

@Suite struct `Servers that fail` {
    /// A server that logs everybody in, and then does as it is told.
    private func scripted(
        _ answer: @escaping @Sendable (Connection, _ method: String, _ target: String) throws -> Void
    ) throws -> (ScriptedServer, CloudFilesStorage) {
        let address = Mutex("")
        let server = try ScriptedServer { connection in
            while true {
                let (method, target, fields) = try connection.head()
                if let size = fields["content-length"].flatMap({ Int($0) }), fields["expect"] == nil {
                    try connection.skip(size)
                }
                if target == "/auth" {
                    let url = address.withLock { $0 } + "/v1/AUTH_x"
                    try connection.answer(200, ["X-Auth-Token": "t", "X-Storage-Url": url])
                } else {
                    try answer(connection, method, target)
                }
            }
        }
        address.withLock { $0 = server.url }
        var configuration = CloudFilesStorage.Configuration(container: "c", auth: server.url + "/auth", user: "u")
        configuration.timeout = 5
        return (server, try CloudFilesStorage(configuration, password: Secret("p")))
    }

    @Test(arguments: [503, 429, 498])
    func `a server that asks to be left alone says for how long`(status: Int) async throws {
        let (server, storage) = try scripted { connection, _, _ in
            try connection.answer(status, ["Retry-After": "17", "Content-Type": "text/plain"], "too busy")
        }
        defer { withExtendedLifetime(server) {} }

        let error = await failure { try await storage.store(.text("x"), as: "a", options: StoreOptions()) }

        #expect(error?.code == .throttled)
        #expect(error?.retryAfter == .seconds(17))
        #expect(error?.message.contains("too busy") == true)
    }

    @Test(arguments: [(413, StorageError.Code.full), (507, .full), (500, .failed), (404, .invalidConfiguration)])
    func `a status means what it means`(status: Int, code: StorageError.Code) async throws {
        let (server, storage) = try scripted { connection, method, _ in
            try connection.answer(method == "HEAD" ? 404 : status)
        }
        defer { withExtendedLifetime(server) {} }

        #expect(await failure { try await storage.store(.text("x"), as: "a", options: StoreOptions()) }?.code == code)
    }

    @Test func `a page of HTML is no file, no listing, no success and no token`() async throws {
        let page = "<html><head><title>Please log in</title></head><body>…</body></html>"
        let (server, storage) = try scripted { connection, method, _ in
            try connection.answer(200, ["Content-Type": "text/html"], method == "HEAD" ? "" : page)
        }
        defer { withExtendedLifetime(server) {} }
        var configuration = storage.configuration
        configuration.auth = server.url + "/elsewhere"
        let stranger = try CloudFilesStorage(configuration, password: Secret("p"))

        let errors = [
            await failure { try await storage.open("a") },
            await failure { try await storage.size("a") },
            await failure { try await storage.list("") },
            await failure { try await storage.store(.text("x"), as: "a", options: StoreOptions()) },
            await failure { try await storage.delete("a") },
            await failure { try await stranger.size("a") },
        ]

        for error in errors {
            #expect(error?.code == .failed)
            #expect(error?.message.contains("check the address") == true)
        }
    }

    @Test func `damage that only the answer's checksum shows is removed at once`() async throws {
        let deleted = Mutex(false)
        let (server, storage) = try scripted { connection, method, _ in
            switch method {
            case "PUT": try connection.answer(201, ["Etag": "900150983cd24fb0d6963f7d28e17f72", "X-Trans-Id": "1"])
            case "DELETE":
                deleted.withLock { $0 = true }
                try connection.write("HTTP/1.1 204 No Content\r\nX-Trans-Id: 1\r\n\r\n")
            default: try connection.answer(404)
            }
        }
        defer { withExtendedLifetime(server) {} }

        let error = await failure { try await storage.store(.text("x"), as: "a", options: StoreOptions()) }

        #expect(error?.code == .damaged)
        #expect(deleted.withLock { $0 })
    }

    @Test func `a refused token is renewed once, and then access is denied`() async throws {
        let asked = Mutex(0)
        let (server, storage) = try scripted { connection, _, _ in
            asked.withLock { $0 += 1 }
            try connection.answer(401, [:], "<html><h1>Unauthorized</h1></html>")
        }
        defer { withExtendedLifetime(server) {} }

        let error = await failure { try await storage.open("a") }

        #expect(error?.code == .denied)
        #expect(asked.withLock { $0 } == 2)
    }

    @Test func `a server that doesn't know segmented files keeps no list in place of one`() async throws {
        let (server, storage) = try scripted { connection, method, target in
            guard method == "PUT" else { return try connection.answer(404) }
            // Without the middleware the list is an object like any other, and its checksum is held against the one sent.
            if target.contains("multipart-manifest=put") { return try connection.answer(422) }
            let isName = target.hasSuffix("/name")
            let tag = isName ? "x" : "900150983cd24fb0d6963f7d28e17f72"
            try connection.answer(201, ["Etag": tag, "X-Trans-Id": "1"])
        }
        defer { withExtendedLifetime(server) {} }
        let upload = Upload(id: "u", name: "a")

        _ = try await storage.append(.text("abc"), to: upload, at: 0, options: StoreOptions())
        let error = await failure { try await storage.finish(upload, options: StoreOptions()) }

        #expect(error?.code == .damaged)
    }

    @Test func `a quota that is used up means that there is no room`() async throws {
        let server = try await TestServer.shared("openstack-swift")
        let storage = try CloudFilesStorage.tested(server) { $0.container = "small" }
        try await storage.post(["X-Container-Meta-Quota-Bytes": "1000"])

        let error = await failure { try await storage.store(.bytes(pattern(2000)), as: "a", options: StoreOptions()) }

        #expect(error?.code == .full)
        #expect(try await !storage.exists("a"))
    }

    @Test func `a server that is down is offline, and one that comes back goes on`() async throws {
        let server = try await TestServer.start("openstack-swift")
        let storage = try CloudFilesStorage.tested(server)
        _ = try await storage.store(.text("before"), as: "a", options: StoreOptions())

        try await server.stop()
        let error = await failure { try await storage.open("a") }
        try await server.startAgain()

        #expect(error?.code == .offline)
        #expect(try await storage.open("a").collect() == Array("before".utf8))
    }

    @Test(arguments: [true, false])
    func `a container whose own servers are down isn't a container that doesn't exist`(makes: Bool) async throws {
        let server = try await TestServer.start("openstack-swift")
        let storage = try CloudFilesStorage.tested(server) { $0.createsContainer = makes }
        _ = try await CloudFilesStorage.tested(server).store(.text("x"), as: "first", options: StoreOptions())

        try await server.obey("lose container")
        let error = await failure { try await storage.store(.text("x"), as: "a", options: StoreOptions()) }

        let failure = try #require(error)
        #expect(RetryPolicy().failureClass(of: failure) != .permanent, "\(failure)")
    }

    @Test func `a server that stops amid an upload leaves no half file, and the upload goes on`() async throws {
        let server = try await TestServer.start("openstack-swift")
        let storage = try CloudFilesStorage.tested(server) { $0.timeout = 5 }
        _ = try await storage.store(.text("x"), as: "warm-up", options: StoreOptions())
        let bytes = pattern(8 << 20)
        let upload = Upload(id: "stopped", name: "large")
        let (isUnderWay, underWay) = AsyncStream.makeStream(of: Void.self)
        let (mayGoOn, goOn) = AsyncStream.makeStream(of: Void.self)
        let gated = FileReader(size: 8 << 20) {
            let next = try! FileContent.bytes(bytes).reader().makeAsyncIterator().read
            let count = Shared(0)
            return {
                count.value += 1
                if count.value == 22 {
                    underWay.yield()
                    for await _ in mayGoOn { break }
                }
                return try await next()
            }
        }

        let task = Task {
            try await storage.append(FileContent(.stream(gated)), to: upload, at: 0, options: StoreOptions())
        }
        for await _ in isUnderWay { break }
        try await server.kill()
        goOn.yield()
        guard case .failure = await task.result else { return #expect(Bool(false), "the upload succeeded") }
        try await server.startAgain()
        #expect(try await !storage.exists("large"))
        let held = try await storage.uploadedByteCount(upload)
        let rest = FileContent.bytes(bytes[Int(held)...])
        _ = try await storage.append(rest, to: upload, at: held, options: StoreOptions())
        _ = try await storage.finish(upload, options: StoreOptions())

        #expect(held > 0)
        #expect(try await storage.open("large").collect() == bytes)
    }

    @Test func `a download that is cut is an error, not a short file`() async throws {
        let server = try await TestServer.shared("openstack-swift")
        let proxy = try FaultyProxy(to: server.port)
        let storage = try CloudFilesStorage.tested(server, port: proxy.port)
        _ = try await storage.store(.bytes(pattern(2 << 20)), as: "cut-download", options: StoreOptions(replaces: true))
        proxy.cut(afterReceiving: 1 << 20)

        let error = await failure { try await storage.open("cut-download").collect() }

        #expect(error?.code == .failed)
    }

    @Test func `a server that falls silent is given up`() async throws {
        let server = try await TestServer.shared("openstack-swift")
        let proxy = try FaultyProxy(to: server.port)
        let storage = try CloudFilesStorage.tested(server, port: proxy.port) { $0.timeout = 5 }
        _ = try await storage.store(.text("x"), as: "silent", options: StoreOptions(replaces: true))
        proxy.stall(afterSending: 0)

        let error = await failure { try await storage.size("silent") }
        proxy.heal()

        #expect(error?.code == .timedOut)
    }
}
