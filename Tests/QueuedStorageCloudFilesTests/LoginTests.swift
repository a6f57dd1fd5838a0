import Foundation
@testable import QueuedStorageCloudFiles
import QueuedStorageCore
import QueuedStorageTransport
import Synchronization
import TestSupport
import Testing

@Suite struct `Logging in` {
    /// Gives out tokens, one after the other, when the test lets it.
    private final class Counting: Authentication {
        let count = Mutex(0)
        private let gate: AsyncStream<Void>
        private let opening: AsyncStream<Void>.Continuation

        init() { (gate, opening) = AsyncStream.makeStream(of: Void.self) }

        func allow() { opening.yield() }

        func login() async throws -> Login {
            for await _ in gate { break }
            let number = count.withLock { count in
                count += 1
                return count
            }
            return Login(token: Secret("token \(number)"), storageURL: "http://x")
        }
    }

    @Test func `one new token serves all who were refused together`() async throws {
        let authentication = Counting()
        let session = Session(authentication)
        authentication.allow()
        let old = try await session.login()

        let renewed = try await withThrowingTaskGroup(of: String.self) { group in
            for _ in 0..<50 { group.addTask { try await session.renewed(old).login.token.value } }
            authentication.allow()
            return try await group.reduce(into: Set<String>()) { $0.insert($1) }
        }

        #expect(renewed == ["token 2"])
        #expect(authentication.count.withLock { $0 } == 2)
        #expect(try await session.renewed(old).number == 2)
        #expect(authentication.count.withLock { $0 } == 2)
    }

    @Test func `who is cancelled waits no longer for a token, and the others get theirs`() async throws {
        let authentication = Counting()
        let session = Session(authentication)

        let patient = Task { try await session.login().number }
        let cancelled = Task { try await session.login().number }
        cancelled.cancel()

        await #expect(throws: CancellationError.self) { try await cancelled.value }
        authentication.allow()
        #expect(try await patient.value == 1)
    }

    @Test func `a token that the server forgot is renewed for all at once`() async throws {
        let server = try await TestServer.start("openstack-swift")
        let storage = try CloudFilesStorage.tested(server)
        _ = try await storage.store(.text("a"), as: "a", options: StoreOptions())
        let first = try await storage.account.session.login().number

        try await server.obey("forget-tokens")
        try await withThrowingTaskGroup(of: Void.self) { group in
            for number in 0..<20 {
                group.addTask {
                    let content = stream(pattern(3 << 20), size: number.isMultiple(of: 2) ? 3 << 20 : nil)
                    _ = try await storage.store(content, as: "b\(number)", options: StoreOptions())
                }
            }
            try await group.waitForAll()
        }

        #expect(try await storage.account.session.login().number == first + 1)
        #expect(try await storage.open("b7").collect() == pattern(3 << 20))
    }

    @Test func `a wrong key is an error for good, and isn't repeated in it`() async throws {
        let server = try await TestServer.shared("openstack-swift")
        let storage = try CloudFilesStorage.tested(server, password: "wrong-key-4711")

        let error = await failure { try await storage.open("a") }

        #expect(error?.code == .denied)
        #expect(error?.message.contains("The user \"test:tester\" couldn't log in") == true)
        #expect(error.map { "\($0)" }?.contains("wrong-key-4711") == false)
    }

    @Test func `who may not use the container is told so`() async throws {
        let server = try await TestServer.shared("openstack-swift")
        let storage = try CloudFilesStorage.tested(server, user: server["reader"], password: server["readerPassword"])

        let stored = await failure { try await storage.store(.text("x"), as: "a", options: StoreOptions()) }
        let opened = await failure { try await storage.open("a") }

        #expect(stored?.code == .denied)
        #expect(stored?.message.contains("403") == true)
        #expect(opened?.code == .denied)
    }

    @Test func `Keystone's password, project and catalog lead to the account`() async throws {
        let server = try await TestServer.shared("openstack-keystone-stub")
        func storage(
            password: String? = nil,
            _ change: (inout CloudFilesStorage.Configuration) -> Void = { _ in }
        ) throws -> CloudFilesStorage {
            try CloudFilesStorage.tested(server, password: password) { configuration in
                configuration.auth = server["keystone"]
                configuration.userDomain = server["userDomain"]
                configuration.project = server["project"]
                configuration.projectDomain = server["projectDomain"]
                configuration.region = server["region"]
                change(&configuration)
            }
        }
        let good = try storage()

        _ = try await good.store(.text("through Keystone"), as: "k", options: StoreOptions())

        #expect(try await good.open("k").collect() == Array("through Keystone".utf8))
        #expect(await failure { try await storage(password: "wrong").size("k") }?.code == .denied)
        let elsewhere = await failure { try await storage { $0.region = "west" }.size("k") }
        #expect(elsewhere?.code == .invalidConfiguration)
        #expect(elsewhere?.message.contains("regions are north, south") == true)
        let unscoped = await failure { try await storage { $0.project = nil }.size("k") }
        #expect(unscoped?.message.contains("set \"project\"") == true)
        let internally = await failure { try await storage { $0.interface = .internal }.size("k") }
        #expect(internally?.code == .offline)
        let wrongPath = await failure { try await storage { $0.auth = server["keystone"] + "/nowhere/v3" }.size("k") }
        #expect(wrongPath?.code == .invalidConfiguration)
        for error in [elsewhere, unscoped, internally] {
            #expect(error.map { "\($0)" }?.contains(server["password"]) == false)
        }
    }

    @Test func `a key that a server repeats is left out of the error`() async throws {
        let server = try ScriptedServer { connection in
            _ = try connection.head()
            try connection.answer(400, ["Content-Type": "text/plain"], "you said hunter2-key, which I don't like")
        }
        var configuration = CloudFilesStorage.Configuration(container: "c", auth: server.url, user: "u")
        configuration.timeout = 5
        let storage = try CloudFilesStorage(configuration, password: Secret("hunter2-key"))

        let error = try #require(await failure { try await storage.size("a") })

        #expect(!"\(error)".contains("hunter2-key"))
        #expect(error.message.contains("you said •••"))
    }
}
