import QueuedStorageCore
import TestSupport
import Testing

@testable import QueuedStorageGridFS

/// What goes wrong between a storage and a server, and what is said of it.
@Suite struct FaultTests {
    /// The error of a look at the server, which must have no password in it.
    private func error(_ change: (inout GridFSOptions) -> Void) async throws -> StorageError {
        let bucket = try await TestBucket()
        let storage = try bucket.storage(change)
        let error = try #require(await failure { try await storage.exists("a.txt") })
        for secret in [bucket.server["password"], "a wrong secret"] { #expect(!"\(error)".contains(secret)) }
        return error
    }

    @Test func `says that user or password is wrong, or missing`() async throws {
        for change: @Sendable (inout GridFSOptions) -> Void in [
            { $0.password = Secret("a wrong secret") }, { $0.user = "nobody" }, { $0.user = nil },
        ] {
            let error = try await error(change)
            #expect(error.code == .denied, "\(error)")
        }
    }

    @Test func `says that nobody is there, which counts as no attempt`() async throws {
        #expect(try await error { $0.hosts = ["127.0.0.1:1"] }.code == .offline)
        #expect(try await error { $0.hosts = ["host.invalid"] }.code == .offline)
    }

    @Test(arguments: [
        (50, StorageError.Code.timedOut), (14031, .full), (13, .denied), (8000, .denied), (462, .throttled),
        (10107, .failed),
        (91, .failed),
    ])
    func `knows the server's codes, and keeps nothing of the file`(_ number: Int, _ code: StorageError.Code)
        async throws
    {
        let server = try await TestServer.start("mongodb")
        let bucket = try await TestBucket(server)
        let storage = try bucket.storage()
        try await storage.store([1], as: "a.txt")
        try await server.obey("fail insert \(number)")

        let error = await failure { try await storage.store(pattern(6 << 20), as: "b.bin") }

        #expect(error?.code == code)
        #expect(error?.message.contains("\(number)") == true)
        #expect(error?.message.contains("b.bin") == true)
        #expect(error?.retryAfter == (code == .throttled ? .seconds(5) : nil))
        try await bucket.obey("counts", "1", "1")
    }

    @Test func `keeps nothing of a file when the line breaks in the midst of it`() async throws {
        let server = try await TestServer.start("mongodb")
        let bucket = try await TestBucket(server)
        let storage = try bucket.storage()
        try await storage.store([1], as: "a.txt")
        try await server.obey("drop insert")

        let error = await failure { try await storage.store(pattern(6 << 20), as: "b.bin") }

        #expect(error?.code == .failed)
        try await bucket.obey("counts", "1", "1")
    }

    @Test func `waits no longer than it is told to for a server that doesn't answer`() async throws {
        let server = try await TestServer.start("mongodb")
        let bucket = try await TestBucket(server)
        let storage = try bucket.storage { $0.socketTimeout = .milliseconds(300) }
        #expect(try await !storage.exists("a.txt"))
        // A look is sent once more when it isn't answered.
        for _ in 0..<2 { try await server.obey("hang find") }

        let error = await failure { try await storage.exists("a.txt") }

        #expect(error?.code == .timedOut)
        #expect(try await !storage.exists("a.txt"))
    }

    @Test func `says that the server is gone, and goes on when it is back`() async throws {
        let server = try await TestServer.start("mongodb")
        let storage = try await TestBucket(server).storage { $0.serverSelectionTimeout = .milliseconds(700) }
        try await storage.store([1], as: "a.txt")
        try await server.stop()

        let errors = [
            await failure { try await storage.bytes("a.txt") }, await failure { try await storage.bytes("a.txt") },
        ]

        #expect([.offline, .failed].contains(errors[0]?.code))
        #expect(errors[1]?.code == .offline)
        try await server.startAgain()
        #expect(try await storage.bytes("a.txt") == [1])
        try await server.stop()
        try await server.obey("forget")
        try await server.startAgain()
        // Not even the indexes are there any more, which the storage notices.
        #expect(try await !storage.exists("a.txt"))
        try await storage.store([2], as: "a.txt")
        #expect(try await storage.bytes("a.txt") == [2])
    }

    @Test func `lets no more connections be than it is told to`() async throws {
        let bucket = try await TestBucket()
        let proxy = try FaultyProxy(to: bucket.server.port)
        let storage = try bucket.storage(port: proxy.port) { $0.connectionLimit = 3 }

        try await withThrowingTaskGroup(of: Void.self) { group in
            for number in 0..<40 { group.addTask { try await storage.store([1], as: "\(number)") } }
            try await group.waitForAll()
        }

        // One or two more watch the server.
        #expect(proxy.connectionCount <= 3 + 2)
        #expect(try await storage.list("").files.count == 40)
    }
}
