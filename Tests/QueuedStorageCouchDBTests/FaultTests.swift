import QueuedStorageCore
import QueuedStorageCouchDB
import TestSupport
import Testing

/// What a storage says and leaves when something on the way fails.
@Suite struct FaultTests {
    @Test func `a server that asks for patience is left alone as long as it asks`() async throws {
        let server = try await TestServer.start("couchdb")
        let storage = try CouchDBStorage.on(server)
        try await server.obey(
            #"fault {"action": "answer", "status": 503, "headers": {"Retry-After": "7"}, "body": "busy"}"#
        )

        let error = try await failure { try await storage.put([1], "f") }

        #expect(error.code == .throttled)
        #expect(error.retryAfter == .seconds(7))
        #expect(error.message.contains("\"f\"") && error.message.contains("503"))
    }

    @Test(arguments: ["PUT /media/f", "GET /media/f", "GET /media/g/content", "GET /media/_all_docs"])
    func `a page of HTML in the answer's place is told from an answer`(request: String) async throws {
        let server = try await TestServer.start("couchdb")
        let storage = try CouchDBStorage.on(server)
        try await storage.put(pattern(1000), "g")
        try await server.obey(
            """
            fault {"match": "\(request)", "action": "answer", "status": 200, "count": 9, "headers": {"Content-Type": \
            "text/html"}, "body": "<html><title>Log in</title></html>"}
            """
        )

        let error = try await failure {
            switch request {
            case "PUT /media/f": _ = try await storage.put([1], "f")
            case "GET /media/f": _ = try await storage.size("f")
            case "GET /media/g/content": _ = try await storage.open("g").collect()
            default: _ = try await storage.list("")
            }
        }

        #expect(error.code == .failed)
        #expect(error.message.contains("proxy"), "\(error)")
    }

    @Test(arguments: [
        (400, "bad_request", StorageError.Code.failed), (401, "unauthorized", .denied), (403, "forbidden", .denied),
        (413, "attachment_too_large", .notSupported), (429, "too_many_requests", .throttled),
        (500, "internal_server_error", .failed), (412, "precondition_failed", .failed), (404, "other", .failed),
    ])
    func `an answer has its meaning`(status: Int, error: String, code: StorageError.Code) async throws {
        let server = try await TestServer.start("couchdb")
        let storage = try CouchDBStorage.on(server)
        try await server.obey(
            #"fault {"match": "PUT", "action": "answer", "status": \#(status), "body": "{\"error\": \"\#(error)\", \"reason\": \"so it is\"}"}"#
        )

        let failed = try await failure { try await storage.put([1], "f") }

        #expect(failed.code == code)
        #expect(failed.message.contains("\(status)") && failed.message.contains("so it is"), "\(failed)")
        #expect(failed.name == "f")
    }

    @Test func `a disk that is full at the server is told`() async throws {
        let server = try await TestServer.start("couchdb")
        let storage = try CouchDBStorage.on(server)
        try await server.obey(
            #"fault {"match": "PUT", "action": "answer", "status": 500, "body": "{\"error\": \"error\", \"reason\": \"{file_write,enospc}\"}"}"#
        )

        #expect(try await failure { try await storage.put([1], "f") }.code == .full)
    }

    @Test func `an attachment beyond the server's limit is refused, and not tried again`() async throws {
        let server = try await TestServer.start("couchdb")
        let storage = try CouchDBStorage.on(server)
        try await server.obey(#"limit {"bytes": 1000}"#)

        #expect(try await failure { try await storage.put(pattern(50_000), "f") }.code == .notSupported)
        #expect(try await !storage.exists("f"))
    }

    @Test(arguments: CouchDBStorage.Authentication.allCases)
    func `a wrong password is denied, and not shown`(authentication: CouchDBStorage.Authentication) async throws {
        let server = try await TestServer.shared("couchdb")
        let storage = try CouchDBStorage.on(server, password: "not-this-one") { $0.authentication = authentication }

        let error = try await failure { try await storage.put([1], "f") }

        #expect(error.code == .denied)
        #expect(!"\(error)\(storage.optionValues)\(storage.fingerprint)".contains("not-this-one"))
        #expect(try await failure { try await storage.list("") }.code == .denied)
    }

    @Test func `a session that has expired is begun anew`() async throws {
        let server = try await TestServer.start("couchdb")
        let storage = try CouchDBStorage.on(server) { $0.authentication = .session }
        try await storage.put([1], "f")

        try await server.obey("expire")
        try await storage.put(pattern(100_000), "g")
        try await server.obey("expire")

        #expect(try await storage.open("g").collect() == pattern(100_000))
        #expect(try await storage.list("").files == ["f", "g"])
    }

    @Test(arguments: Version.allCases)
    func `a database that isn't there is a mistake in the configuration, unless it may be made`(
        version: Version
    ) async throws {
        let server = try await TestServer.start("couchdb")
        let missing = try CouchDBStorage.on(server, version) { $0.database = "absent/too" }
        let making = try CouchDBStorage.on(server, version) { configuration in
            configuration.database = "absent/too"
            configuration.createsDatabase = true
        }

        for error in [
            try await failure { try await missing.put([1], "f") }, try await failure { try await missing.exists("f") },
            try await failure { try await missing.open("f") }, try await failure { try await missing.list("") },
            try await failure { try await missing.delete("f") },
        ] {
            #expect(error.code == .invalidConfiguration)
            #expect(error.message.contains("createsDatabase"))
        }
        try await making.put([1], "f")
        #expect(try await missing.open("f").collect() == [1])
    }

    @Test func `a server that is silent is given up`() async throws {
        let server = try await TestServer.start("couchdb")
        let storage = try CouchDBStorage.on(server) { $0.timeout = 1 }
        try await server.obey(#"fault {"action": "stall"}"#)

        #expect(try await failure { try await storage.size("f") }.code == .timedOut)
        try await server.obey("heal")
    }

    @Test func `a server that is down is offline, and serves again when it is back`() async throws {
        let server = try await TestServer.start("couchdb")
        let storage = try CouchDBStorage.on(server)
        try await storage.put([1], "f")

        try await server.stop()
        #expect(try await failure { try await storage.open("f") }.code == .offline)
        #expect(try await failure { try await storage.put([1], "g") }.code == .offline)

        try await server.startAgain()
        #expect(try await storage.open("f").collect() == [1])
    }

    @Test(arguments: [10, 100_000, 2_999_000])
    func `a connection that breaks while a file is sent leaves nothing, and the next attempt sends it all`(
        count: Int64
    ) async throws {
        let server = try await TestServer.start("couchdb")
        let proxy = try FaultyProxy(to: server.port)
        let storage = try CouchDBStorage.on(server, port: proxy.port)
        let large = pattern(3_000_000)
        try await storage.put([1], "warm")
        // The question whether the name is free passes.
        proxy.cut(afterSending: 600 + count)

        _ = try await failure { try await storage.put(large, "f") }

        proxy.heal()
        #expect(try await !storage.exists("f"))
        #expect(try await storage.put(large, "f").verifiedBy == .md5)
        #expect(try await storage.open("f").collect() == large)
    }

    @Test func `a connection that breaks while a file is read shows`() async throws {
        let server = try await TestServer.start("couchdb")
        let proxy = try FaultyProxy(to: server.port)
        let storage = try CouchDBStorage.on(server, port: proxy.port)
        try await storage.put(pattern(3_000_000), "f")
        proxy.cut(afterReceiving: 2_000_000)

        let error = try await failure { try await storage.open("f").collect() }

        #expect(error.code == .failed)
        #expect(try await storage.open("f").collect() == pattern(3_000_000))
    }

    @Test func `TLS is checked: by the authority's file, and for the host`() async throws {
        let server = try await TestServer.shared("couchdb")
        let port = server["portTLS"]
        let trusted = try CouchDBStorage.on(server) { configuration in
            configuration.server = "https://127.0.0.1:\(port)"
            configuration.ca = server["ca"]
        }
        let unknown = try CouchDBStorage.on(server) { $0.server = "https://127.0.0.1:\(port)" }
        let otherHost = try CouchDBStorage.on(server) { configuration in
            configuration.server = "https://localhost:\(port)"
            configuration.ca = server["ca"]
        }

        try await trusted.put(pattern(50_000), "encrypted")
        #expect(try await trusted.open("encrypted").collect() == pattern(50_000))
        #expect(try await failure { try await unknown.exists("f") }.code == .denied)
        #expect(try await failure { try await otherHost.exists("f") }.code == .denied)
    }
}
