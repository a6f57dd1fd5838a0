import FoundationEssentials
import QueuedStorageCore
@testable import QueuedStorageWebDAV
import Synchronization
import TestSupport
import Testing

/// What goes wrong between the storage and a server.
@Suite(.timeLimit(.minutes(5)))
struct WebDAVFaultTests {
    private func code(_ act: () async throws -> some Any) async -> StorageError.Code? {
        let error = await #expect(throws: StorageError.self) { _ = try await act() }
        #expect(error.map { "\($0) \(String(reflecting: $0))".contains("p-s") } == false)
        return error?.code
    }

    @Test(arguments: DAVServer.allCases)
    func `a wrong password is denied, and not repeated`(_ server: DAVServer) async throws {
        let storage = try await server.storage { $0.password = Secret("p-secret-but-wrong") }

        let error = await #expect(throws: StorageError.self) {
            try await storage.store(.text("x"), as: "a", options: StoreOptions())
        }

        #expect(error?.code == .denied)
        #expect(error.map { "\($0)\(storage.fingerprint)\(storage.optionValues)".contains("p-secret") } == false)
        #expect(!String(reflecting: storage.options).contains("p-secret"))
    }

    @Test func `a server that isn't there is offline`() async throws {
        let nobody = try Listener(queue: nil)
        let storage = try WebDAVStorage(WebDAVOptions(host: "127.0.0.1", port: nobody.port, isEncrypted: false))

        #expect(await code { try await storage.store(.text("x"), as: "a", options: StoreOptions()) } == .offline)
        #expect(await code { try await storage.exists("a") } == .offline)
        #expect(await code { try await storage.list("") } == .offline)
    }

    @Test(.timeLimit(.minutes(5)), arguments: DAVServer.allCases, [1000, 500_000, 3_000_000])
    func `a connection that is cut while sending leaves nothing that isn't found and removed`(
        _ server: DAVServer,
        _ count: Int64
    )
        async throws
    {
        let shared = try await server.shared
        let proxy = try FaultyProxy(to: shared.port)
        let storage = try DAVServer.storage(shared, port: proxy.port)
        _ = try await storage.store(.text("x"), as: "first", options: StoreOptions())
        proxy.cut(afterSending: count)

        let failure = await code {
            try await storage.store(.stream(Pattern(size: 8 << 20), size: 8 << 20), as: "a", options: StoreOptions())
        }
        proxy.heal()

        #expect(failure == .failed || failure == .offline)
        #expect(try await storage.list("").files == ["first"])
        // The server may notice the cut only after it was asked.
        while case let leftovers = try await storage.leftovers(), !leftovers.isEmpty {
            for leftover in leftovers { try await storage.remove(leftover) }
        }
        _ = try await storage.store(.stream(Pattern(size: 8 << 20), size: 8 << 20), as: "a", options: StoreOptions())
        #expect(try await storage.size("a") == 8 << 20)
    }

    @Test(arguments: DAVServer.allCases)
    func `what a process that died left is found and removed`(_ server: DAVServer) async throws {
        let storage = try await server.storage()
        _ = try await storage.store(.text("kept"), as: "kept", options: StoreOptions())
        var options = storage.options
        options.directory += "/\(WebDAVStorage.temporaries.joined(separator: "/"))"
        _ = try await WebDAVStorage(options).store(.text("left"), as: "dead", options: StoreOptions())

        let found = try await storage.leftovers()

        #expect(found.map(\.id) == ["dead"])
        #expect(found.first?.byteCount == 4)
        #expect(abs(found.first?.touchedAt?.timeIntervalSinceNow ?? .infinity) < 3600)
        for leftover in found + found { try await storage.remove(leftover) }
        #expect(try await storage.leftovers().isEmpty)
        #expect(try await storage.size("kept") == 4)
    }

    @Test(arguments: DAVServer.allCases)
    func `a connection that is cut while reading is an error, and not the end`(_ server: DAVServer) async throws {
        let shared = try await server.shared
        let proxy = try FaultyProxy(to: shared.port)
        let storage = try DAVServer.storage(shared, port: proxy.port)
        _ = try await storage.store(.stream(Pattern(size: 4 << 20), size: 4 << 20), as: "a", options: StoreOptions())
        proxy.cut(afterReceiving: 1 << 20)

        #expect(await code { try await storage.open("a").collect() } == .failed)
    }

    @Test(arguments: DAVServer.allCases)
    func `a server that stands still times out, and works again`(_ server: DAVServer) async throws {
        let own = try await TestServer.start(server.rawValue)
        let storage = try DAVServer.storage(own, port: own.port) { $0.idleTimeout = .milliseconds(700) }
        _ = try await storage.store(.text("x"), as: "a", options: StoreOptions())
        try await own.pause()

        let failure = await code { try await storage.size("a") }
        try await own.resume()

        #expect(failure == .timedOut)
        #expect(try await storage.size("a") == 1)
    }

    @Test(arguments: [DAVServer.nginx, .wsgidav])
    func `a server that was stopped and started serves again`(_ server: DAVServer) async throws {
        let own = try await TestServer.start(server.rawValue)
        let storage = try DAVServer.storage(own, port: own.port)
        _ = try await storage.store(.text("x"), as: "d/a", options: StoreOptions())
        try await own.stop()

        #expect(await code { try await storage.size("d/a") } == .offline)
        try await own.startAgain()

        #expect(try await storage.open("d/a").collect() == [120])
        _ = try await storage.store(.text("y"), as: "d/b", options: StoreOptions())
        #expect(try await storage.list("d").files == ["a", "b"])
    }

    @Test(arguments: DAVServer.allCases)
    func `a directory that vanished is made again`(_ server: DAVServer) async throws {
        let storage = try await server.storage()
        _ = try await storage.store(.text("x"), as: "d/e/a", options: StoreOptions())
        let again = try WebDAVStorage(storage.options)

        try await again.delete("d/e/a")
        try await again.delete("d/e")
        try await again.delete("d")
        _ = try await storage.store(.text("y"), as: "d/e/b", options: StoreOptions())

        #expect(try await storage.open("d/e/b").collect() == [121])
    }

    @Test func `a file that is too large for the server is told so`() async throws {
        let storage = try await DAVServer.nginx.storage { $0.directory = "/small/" + FileName.randomIdentifier() }

        let failure = await code {
            try await storage.store(.stream(Pattern(size: 8 << 20), size: 8 << 20), as: "a", options: StoreOptions())
        }

        #expect(failure == .full)
        #expect(try await storage.leftovers().isEmpty)
    }

    @Test func `a server's own checksum proves what it has`() async throws {
        let storage = try await DAVServer.wsgidav.storage { $0.directory = "/hashed/" + FileName.randomIdentifier() }

        let stored = try await storage.store(.text("abc"), as: "a", options: StoreOptions())

        #expect(stored.verifiedBy == .sha256)
    }

    @Test func `a server's other checksum undoes the store`() async throws {
        let storage = try await DAVServer.wsgidav.storage { $0.directory = "/damaged/" + FileName.randomIdentifier() }

        #expect(await code { try await storage.store(.text("abc"), as: "a", options: StoreOptions()) } == .damaged)
        #expect(try await !storage.exists("a"))
        #expect(try await storage.leftovers().isEmpty)
    }

    @Test func `a page in place of an answer is no success`() async throws {
        let server = try ScriptedServer { connection in
            while true {
                let head = try connection.head()
                try connection.skip(Int(head.fields["content-length"] ?? "") ?? 0)
                try connection.answer(200, ["Content-Type": "text/html"], "<html><title>Log in</title></html>")
            }
        }
        let storage = try WebDAVStorage(WebDAVOptions(host: "127.0.0.1", port: server.port, isEncrypted: false))

        #expect(await code { try await storage.store(.text("x"), as: "a", options: StoreOptions()) } == .failed)
        #expect(await code { try await storage.exists("a") } == .failed)
        #expect(await code { try await storage.list("") } == .failed)
        #expect(await code { try await storage.delete("a") } == .failed)
    }

    @Test func `a server that asks for patience is obeyed`() async throws {
        let server = try ScriptedServer { connection in
            let head = try connection.head()
            try connection.skip(Int(head.fields["content-length"] ?? "") ?? 0)
            try connection.answer(503, ["Retry-After": "42"])
        }
        let storage = try WebDAVStorage(WebDAVOptions(host: "127.0.0.1", port: server.port, isEncrypted: false))

        let error = await #expect(throws: StorageError.self) { try await storage.size("a") }

        #expect(error?.code == .throttled)
        #expect(error?.retryAfter == .seconds(42))
    }

    @Test func `a full server is told so`() async throws {
        let server = try ScriptedServer { connection in
            while true {
                let head = try connection.head()
                try connection.skip(Int(head.fields["content-length"] ?? "") ?? 0)
                try connection.answer(head.method == "PUT" ? 507 : 201)
            }
        }
        let storage = try WebDAVStorage(WebDAVOptions(host: "127.0.0.1", port: server.port, isEncrypted: false))

        #expect(await code { try await storage.store(.text("x"), as: "a", options: StoreOptions()) } == .full)
    }

    @Test func `a listing that leads out of its directory isn't believed`() async throws {
        let hrefs = [
            "/d/", "/d/good", "/d/..", "/d/%2e%2e", "/d/a%2Fb", "/etc/passwd", "/d/e/f", "http://other/d/also",
            "/d/%FF",
        ]
        let responses = hrefs.map {
            "<D:response><D:href>\($0)</D:href><D:propstat><D:prop><D:resourcetype>"
                + ($0 == "/d/" ? "<D:collection/>" : "")
                + "</D:resourcetype></D:prop><D:status>HTTP/1.1 200 OK</D:status></D:propstat></D:response>"
        }
        let body = "<D:multistatus xmlns:D=\"DAV:\">\(responses.joined())</D:multistatus>"
        let server = try ScriptedServer { connection in
            let head = try connection.head()
            try connection.skip(Int(head.fields["content-length"] ?? "") ?? 0)
            try connection.answer(207, ["Content-Type": "application/xml"], body)
        }
        let storage = try WebDAVStorage(WebDAVOptions(host: "127.0.0.1", port: server.port, isEncrypted: false))

        #expect(try await storage.list("d") == DirectoryListing(directories: [], files: ["also", "good"]))
    }

    @Test func `an answer to the publishing request that is lost is found out`() async throws {
        let bytes = Array("content".utf8)
        let isMoved = Mutex(false)
        let server = try ScriptedServer { connection in
            while true {
                let head = try connection.head()
                try connection.skip(Int(head.fields["content-length"] ?? "") ?? 0)
                let isTemporary = head.target.contains(".qstore")
                let moved = isMoved.withLock { $0 }
                switch head.method {
                case "MOVE":
                    isMoved.withLock { $0 = true }
                    return connection.reset()
                case "PROPFIND" where isTemporary != moved:
                    let property = "<D:getcontentlength>\(bytes.count)</D:getcontentlength>"
                    try connection.answer(207, [:], Self.multistatus(head.target, property))
                case "PROPFIND": try connection.answer(404)
                case "GET": try connection.answer(moved ? 200 : 404, [:], "content")
                default: try connection.answer(201)
                }
            }
        }
        let storage = try WebDAVStorage(WebDAVOptions(host: "127.0.0.1", port: server.port, isEncrypted: false))

        let stored = try await storage.store(.bytes(bytes), as: "a", options: StoreOptions())

        #expect(stored.name == "a")
    }

    private static func multistatus(_ href: String, _ property: String) -> String {
        """
        <D:multistatus xmlns:D="DAV:"><D:response><D:href>\(href)</D:href><D:propstat><D:prop>\(property)</D:prop>\
        <D:status>HTTP/1.1 200 OK</D:status></D:propstat></D:response></D:multistatus>
        """
    }
}
