import QueuedStorageCore
import QueuedStorageMogileFS
import TestSupport
import Testing

/// What a storage says and leaves when the way to a storage node breaks, or somebody else answers there.
@Suite struct NodeFaultTests {
    /// A server whose nodes are reached through proxies only.
    private func proxied() async throws -> (TestServer, [FaultyProxy]) {
        let server = try await TestServer.start("mogilefs")
        let proxies = try ["node1", "node2"].map { try FaultyProxy(to: try #require(Int(server[$0]))) }
        for (node, proxy) in zip(1..., proxies) { try await server.obey("node-at \(node) \(proxy.port)") }
        return (server, proxies)
    }

    /// A server with the file "stored", whose nodes then answer everything alike.
    private func replaced(
        _ nodes: [Int] = [1, 2],
        by answer: @escaping @Sendable (Connection, _ method: String) throws -> Void
    ) async throws -> (TestServer, ScriptedServer) {
        let server = try await TestServer.start("mogilefs")
        try await MogileFSStorage.on(server).put(pattern(300_000), "stored")
        let stranger = try ScriptedServer { connection in
            while true {
                let (method, _, fields) = try connection.head()
                if let size = fields["content-length"].flatMap({ Int($0) }) { try connection.skip(size) }
                try answer(connection, method)
            }
        }
        for node in nodes { try await server.obey("node-at \(node) \(stranger.port)") }
        return (server, stranger)
    }

    @Test func `a file whose way to one node is cut goes to the next one, whole`() async throws {
        let (server, proxies) = try await proxied()
        let storage = try MogileFSStorage.on(server) { $0.fileClass = "one" }
        proxies[0].cut(afterSending: 1 << 20)

        // The first place that a tracker names is on one node and the other by turns.
        for number in 0..<2 {
            #expect(try await storage.put(pattern(4 << 20), "f\(number)").verifiedBy == .md5)
            #expect(try await storage.open("f\(number)").collect() == pattern(4 << 20))
        }

        #expect(proxies[0].sentByteCount >= 1 << 20)
        #expect(proxies[1].sentByteCount >= 8 << 20)
    }

    @Test func `a file whose way to every node is cut is absent, and can be stored again`() async throws {
        let (server, proxies) = try await proxied()
        let storage = try MogileFSStorage.on(server)
        for proxy in proxies { proxy.cut(afterSending: 1 << 20) }

        let error = try await failure { try await storage.put(pattern(4 << 20), "f") }

        #expect(error.code == .failed, "\(error)")
        #expect(error.message.hasPrefix("The file \"f\" couldn't be stored: of 2 storage nodes, none took it. "))
        #expect(try await !storage.exists("f"))
        #expect(try await storage.leftovers().isEmpty)
        #expect(try await storage.put(pattern(4 << 20), "f").verifiedBy == .md5)
        #expect(try await storage.open("f").collect() == pattern(4 << 20))
    }

    @Test func `a reading that is cut goes on from the other replica, and fails if there is none`() async throws {
        let (server, proxies) = try await proxied()
        let storage = try MogileFSStorage.on(server)
        try await storage.put(pattern(4 << 20), "f")
        for proxy in proxies {
            proxy.cut(afterReceiving: 1 << 20)
            #expect(try await storage.open("f").collect() == pattern(4 << 20))
            proxy.heal()
        }

        for proxy in proxies { proxy.cut(afterReceiving: 1 << 20) }
        let error = try await failure { try await storage.open("f").collect() }

        #expect(error.code == .failed, "\(error)")
        #expect(error.name == "f" && error.message.contains("of its 2 replicas, none could be read"))
        #expect(try await storage.open("f").collect() == pattern(4 << 20))
    }

    @Test func `nodes that ask to be left alone say for how long`() async throws {
        let (server, stranger) = try await replaced { connection, _ in
            try connection.answer(503, ["Retry-After": "17", "Content-Type": "text/plain"])
        }
        defer { withExtendedLifetime(stranger) {} }
        let storage = try MogileFSStorage.on(server)

        for error in [
            try await failure { try await storage.put([1], "f") },
            try await failure { try await storage.open("stored").collect() },
        ] {
            #expect(error.code == .throttled, "\(error)")
            #expect(error.retryAfter == .seconds(17))
            #expect(error.message.contains("503"))
        }
        #expect(try await !storage.exists("f"))
        #expect(try await storage.leftovers().isEmpty)
    }

    @Test func `a page of HTML in place of a node is neither a stored file nor one that is read`() async throws {
        let page = "<html><head><title>Please log in</title></head><body>…</body></html>"
        let (server, stranger) = try await replaced { connection, method in
            try connection.answer(200, ["Content-Type": "text/html"], method == "HEAD" ? "" : page)
        }
        defer { withExtendedLifetime(stranger) {} }
        let storage = try MogileFSStorage.on(server)

        let errors = [
            try await failure { try await storage.put(pattern(1000), "f") },
            try await failure { try await storage.open("stored").collect() },
        ]

        for error in errors { #expect(RetryPolicy().failureClass(of: error) == .transient, "\(error)") }
        #expect(try await !storage.exists("f"))
        #expect(try await storage.leftovers().isEmpty)
    }

    @Test(arguments: [200, 503])
    func `the other node serves while a stranger answers for one`(status: Int) async throws {
        let (server, stranger) = try await replaced([1]) { connection, method in
            try connection.answer(status, ["Content-Type": "text/html"], method == "HEAD" ? "" : "<html></html>")
        }
        defer { withExtendedLifetime(stranger) {} }
        let storage = try MogileFSStorage.on(server)

        #expect(try await storage.open("stored").collect() == pattern(300_000))
    }
}
