import QueuedStorageCore
import QueuedStorageMogileFS
import TestSupport
import Testing

/// What a storage says and leaves when trackers or storage nodes fail.
@Suite struct FaultTests {
    @Test func `another tracker serves when one is down, and that one again when it is back`() async throws {
        let server = try await TestServer.start("mogilefs")
        let storage = try MogileFSStorage.on(server) { $0.retryTrackerAfter = 0 }
        try await storage.put([1], "a")

        for tracker in [1, 2] {
            try await server.obey("stop-tracker \(tracker)")
            for number in 0..<3 { try await storage.put([2], "b\(tracker)-\(number)") }
            #expect(try await storage.open("a").collect() == [1])
            try await server.obey("start-tracker \(tracker)")
        }

        try await server.obey("stop-tracker 1")
        try await server.obey("stop-tracker 2")
        let error = try await failure { try await storage.size("a") }
        #expect(error.code == .offline)
        #expect(error.message.contains(server["tracker1"]) && error.message.contains(server["tracker2"]))
        // Both failed not long ago, and are asked all the same.
        try await server.obey("start-tracker 2")
        #expect(try await storage.size("a") == 1)
    }

    @Test func `a tracker that says nothing is given up for another one`() async throws {
        let server = try await TestServer.start("mogilefs")
        let storage = try MogileFSStorage.on(server) { $0.timeout = 1 }
        try await server.obey("pause-tracker 1")

        // Whichever is asked first, all are answered; the silent one once at most.
        for _ in 0..<5 { #expect(try await !storage.exists("a")) }

        try await server.obey("pause-tracker 2")
        #expect(try await failure { try await storage.size("a") }.code == .timedOut)
        try await server.obey("resume-tracker 1")
        try await server.obey("resume-tracker 2")
    }

    @Test(arguments: ["create_open", "create_close", "rename"], ["cut", "lose"])
    func `a tracker that is lost while a file is stored leaves it whole or absent`(
        command: String,
        action: String
    ) async throws {
        let server = try await TestServer.start("mogilefs")
        let storage = try MogileFSStorage.on(server)
        try await server.obey(#"fault {"command": "\#(command)", "action": "\#(action)"}"#)

        do {
            _ = try await storage.put(pattern(100_000), "f")
            #expect(try await storage.open("f").collect() == pattern(100_000))
        } catch let error as StorageError {
            #expect(error.code == .failed)
            #expect(action == "cut")
            #expect(try await !storage.exists("f"))
        }
        #expect(try await storage.leftovers().isEmpty)
        try await storage.put([1], "f", replaces: true)
    }

    @Test(arguments: ["file_info", "get_paths", "list_keys", "delete"], ["cut", "lose"])
    func `what can be asked twice is asked of the next tracker`(command: String, action: String) async throws {
        let server = try await TestServer.start("mogilefs")
        let storage = try MogileFSStorage.on(server)
        try await storage.put([1], "f")
        try await server.obey(#"fault {"command": "\#(command)", "action": "\#(action)"}"#)

        #expect(try await storage.open("f").collect() == [1])
        #expect(try await storage.list("").files == ["f"])
        try await storage.delete("f")
        #expect(try await !storage.exists("f"))
    }

    @Test func `the other replica is read while a node is down`() async throws {
        let server = try await TestServer.start("mogilefs")
        let storage = try MogileFSStorage.on(server)
        for number in 0..<4 { try await storage.put(pattern(1000), "f\(number)") }

        for node in [1, 2] {
            try await server.obey("stop-node \(node)")
            for number in 0..<4 {
                #expect(try await storage.open("f\(number)").collect() == pattern(1000))
                #expect(try await storage.open("f\(number)", range: 10..<20).collect() == Array(pattern(1000)[10..<20]))
                _ = try await storage.modifiedAt("f\(number)")
            }
            try await server.obey("start-node \(node)")
        }
        try await server.obey("stop-node 1")
        try await server.obey("stop-node 2")
        #expect(try await failure { try await storage.open("f0") }.code == .offline)
    }

    @Test func `the next node takes a file while one is down`() async throws {
        let server = try await TestServer.start("mogilefs")
        let storage = try MogileFSStorage.on(server)
        for node in [1, 2] {
            try await server.obey("stop-node \(node)")
            for number in 0..<3 {
                #expect(try await storage.put(pattern(300_000), "f\(node)-\(number)").verifiedBy == .md5)
            }
            try await server.obey("start-node \(node)")
        }
        try await server.obey("stop-node 1")
        try await server.obey("stop-node 2")

        let error = try await failure { try await storage.put([1], "g") }

        #expect(error.code == .offline)
        #expect(try await !storage.exists("g"))
        #expect(try await storage.leftovers().isEmpty)
    }

    @Test func `a replica that is too short is passed over, and told if there is no other`() async throws {
        let server = try await TestServer.start("mogilefs")
        let storage = try MogileFSStorage.on(server)
        try await storage.put(pattern(1000), "two")
        try await MogileFSStorage.on(server) { $0.fileClass = "one" }.put(pattern(1000), "one")
        try await server.obey("truncate two")
        try await server.obey("truncate one")

        #expect(try await storage.open("two").collect() == pattern(1000))
        #expect(try await storage.open("two", range: 990..<1000).collect() == Array(pattern(1000)[990...]))
        let error = try await failure { try await storage.open("one") }
        #expect(error.code == .failed)
        #expect(error.message.contains("another size"))
    }

    @Test(arguments: [
        ("ERR no_devices No+devices", StorageError.Code.full), ("ERR unreg_class Class", .invalidConfiguration),
        ("ERR unreg_domain Domain", .invalidConfiguration), ("ERR db gone+away", .failed),
        ("ERR failure failure", .failed), ("HTTP/1.1 400 Bad Request", .failed), ("OK ", .failed),
    ])
    func `a refusal has its meaning`(line: String, code: StorageError.Code) async throws {
        let server = try await TestServer.start("mogilefs")
        let storage = try MogileFSStorage.on(server)
        try await server.obey(#"fault {"command": "create_open", "action": "answer", "line": "\#(line)", "count": 2}"#)

        let error = try await failure { try await storage.put([1], "f") }

        #expect(error.code == code, "\(error)")
        #expect(error.name == "f" && error.message.hasPrefix("The file \"f\" couldn't be stored: "))
    }

    @Test func `a domain that isn't registered is a mistake in the configuration`() async throws {
        let storage = try MogileFSStorage.on(try await TestServer.shared("mogilefs")) { $0.domain = "absent" }

        for error in [
            try await failure { try await storage.put([1], "f") }, try await failure { try await storage.open("f") },
            try await failure { try await storage.list("") }, try await failure { try await storage.delete("f") },
        ] {
            #expect(error.code == .invalidConfiguration)
            #expect(error.message.contains("option domain"))
        }
    }

    @Test func `a store that is cancelled while the tracker is silent leaves nothing`() async throws {
        let server = try await TestServer.start("mogilefs")
        let storage = try MogileFSStorage.on(server, trackers: [server.port])
        try await storage.put([1], "warm")
        let (isSent, sent) = AsyncStream.makeStream(of: Void.self)
        try await server.obey("pause-tracker 1")
        let task = Task {
            sent.finish()
            return try await storage.put(pattern(1000), "f")
        }
        for await _ in isSent {}
        task.cancel()

        await #expect(throws: CancellationError.self) { try await task.value }
        try await server.obey("resume-tracker 1")
        #expect(try await !storage.exists("f"))
        #expect(try await storage.leftovers().isEmpty)
    }
}
