import Glibc
import QueuedStorageCore
import TestSupport
import Testing

@testable import QueuedStorageDatabase

/// What goes wrong between a storage and a real server, and what is said of it.
@Suite struct PostgresFaultTests {
    private func options(_ change: (inout PostgresOptions, TestServer) -> Void) async throws -> PostgresOptions {
        let server = try await TestServer.shared("postgres")
        var options = try await PostgresOptions.test(server)
        change(&options, server)
        return options
    }

    /// The error, which must have no password in it.
    private func error(_ options: PostgresOptions) async throws -> StorageError {
        let storage = try DatabaseStorage(postgres: options)
        let error = try #require(await failure { try await storage.exists("a.txt") })
        let server = try await TestServer.shared("postgres")
        for secret in [server["password"], server["readerPassword"], "a wrong secret"] {
            #expect(!"\(error)".contains(secret))
        }
        return error
    }

    @Test func `says that the password is wrong`() async throws {
        let error = try await error(options { options, _ in options.password = Secret("a wrong secret") })

        #expect(error.code == .denied)
        #expect(error.message.contains("check user and password"))
        #expect(error.message.contains("28P01"))
    }

    @Test func `says that a password is wanted`() async throws {
        let error = try await error(options { options, _ in options.password = nil })

        #expect(error.code == .denied)
    }

    @Test func `says that there is no such user or database`() async throws {
        #expect(try await error(options { options, _ in options.user = "nobody-of-that-name" }).code == .denied)
        let database = try await error(options { options, _ in options.database = "none" })
        #expect(database.code == .invalidConfiguration)
        #expect(database.message.contains("3D000"))
    }

    @Test func `says that nobody is there, which counts as no attempt`() async throws {
        #expect(try await error(options { options, _ in options.port = 1 }).code == .offline)
        #expect(try await error(options { options, _ in options.host = "host.invalid" }).code == .offline)
    }

    @Test func `trusts the authority that it is told to, and no other`() async throws {
        let right = try await options { options, server in
            (options.tls, options.rootCertificates) = (.verifyFull, server["ca"])
        }
        #expect(try await !DatabaseStorage(postgres: right).exists("a.txt"))

        let wrong = try await error(
            options { options, server in (options.tls, options.rootCertificates) = (.verifyFull, server["wrongCA"]) }
        )
        let other = try await error(
            options { options, server in
                (options.host, options.tls, options.rootCertificates) = ("localhost", .verifyFull, server["ca"])
            }
        )
        let system = try await error(options { options, _ in options.tls = .verifyFull })

        for error in [wrong, other, system] { #expect(error.code == .invalidConfiguration, "\(error)") }
        #expect(other.message.contains("does not match host name"))
    }

    @Test func `says what a user may not do`() async throws {
        let server = try await TestServer.shared("postgres")
        let table = "files_\(FileName.randomSuffix())"
        let owner = try await DatabaseStorage(postgres: .test(server), table: table)
        try await owner.store([1], as: "a.txt")
        try await server.obey("sql GRANT SELECT ON \"\(table)\", \"\(table)_chunk\" TO reader")
        let reader = try await DatabaseStorage(
            postgres: options { options, server in
                (options.user, options.password) = (server["reader"], Secret(server["readerPassword"]))
            },
            table: table
        )

        #expect(try await reader.bytes("a.txt") == [1])
        let error = await failure { try await reader.store([2], as: "b.txt") }
        #expect(error?.code == .denied)
        #expect(error?.message.contains("b.txt") == true)
    }

    @Test func `takes the password from a password file, as libpq does`() async throws {
        let server = try await TestServer.shared("postgres")
        // The environment is the whole process's, so that it is another one's.
        let facts = (port: server.port, user: server["user"], password: server["password"])
        try await withTemporaryDirectory { directory in
            let path = directory + "/pgpass"
            try FileSystemText.write("127.0.0.1:\(facts.port):*:\(facts.user):\(facts.password)\n", to: path)
            chmod(path, 0o600)
            await #expect(processExitsWith: .success) {
                [path = path as String, port = facts.port as Int, user = facts.user as String] in
                let options = PostgresOptions(host: "127.0.0.1", port: port, database: "files", user: user)
                setenv("PGPASSFILE", "/nowhere", 1)
                let error = await failure { try await DatabaseStorage(postgres: options).exists("a") }
                setenv("PGPASSFILE", path, 1)
                let isFound = try await DatabaseStorage(postgres: options).exists("a")
                guard error?.code == .denied, !isFound else { exit(1) }
            }
        }
    }

    @Test(arguments: [
        ("53100", StorageError.Code.full), ("57014", .timedOut), ("40001", .failed), ("25006", .failed),
        ("42501", .denied),
        ("53300", .throttled), ("22P05", .invalidName), ("XX001", .damaged),
    ])
    func `knows the server's codes, and keeps nothing of the file`(_ state: String, _ code: StorageError.Code)
        async throws
    {
        let server = try await TestServer.shared("postgres")
        let table = "files_\(FileName.randomSuffix())"
        let storage = try await DatabaseStorage(postgres: .test(server), table: table, chunkSize: 64 << 10)
        try await storage.store([1], as: "a.txt")
        // The server fails at the third chunk, with this code.
        try await server.obey(
            "sql CREATE FUNCTION \"\(table)_fail\"() RETURNS trigger LANGUAGE plpgsql AS "
                + "$f$ BEGIN RAISE EXCEPTION 'no' USING ERRCODE = '\(state)'; END $f$"
        )
        try await server.obey(
            "sql CREATE TRIGGER fail BEFORE INSERT ON \"\(table)_chunk\" FOR EACH ROW WHEN (NEW.number = 80) "
                + "EXECUTE FUNCTION \"\(table)_fail\"()"
        )

        let error = await failure { try await storage.store(pattern(6 << 20), as: "b.bin") }

        #expect(error?.code == code)
        #expect(error?.message.contains(state) == true)
        #expect(error?.retryAfter == (code == .throttled ? .seconds(5) : nil))
        #expect(try await storage.leftovers().isEmpty)
        #expect(try await !storage.exists("b.bin"))
    }

    @Test func `waits no longer than it is told to for a server that stands still`() async throws {
        let server = try await TestServer.start("postgres")
        var options = try await PostgresOptions.test(server)
        (options.connectTimeout, options.statementTimeout) = (.milliseconds(300), .milliseconds(300))
        let storage = try DatabaseStorage(postgres: options)
        #expect(try await !storage.exists("a.txt"))
        try await server.pause()

        // One connection is there already, and another one is yet to be made.
        let fresh = try DatabaseStorage(postgres: options)
        let connecting = await failure { try await fresh.exists("a.txt") }
        let asking = await failure { try await storage.exists("a.txt") }
        let task = Task { try await storage.exists("a.txt") }
        task.cancel()
        let cancelled = await task.result

        #expect(connecting?.code == .offline)
        #expect(asking?.code == .timedOut)
        guard case .failure(let error) = cancelled else { Issue.record("it answered"); return }
        #expect(error is CancellationError)
        try await server.resume()
        #expect(try await !storage.exists("a.txt"))
    }

    @Test func `goes on with a server that was started anew`() async throws {
        let server = try await TestServer.start("postgres")
        let storage = try await DatabaseStorage(postgres: .test(server), chunkSize: 64 << 10)
        let (bytes, upload) = (pattern(9 << 20), Upload(id: "one", name: "a.bin"))
        let content = FileContent.stream(Interrupted(bytes: bytes, at: 6 << 20) { try await server.stop() })

        let broken = await failure { try await storage.append(content, to: upload, at: 0, options: StoreOptions()) }
        let offline = await failure { try await storage.uploadedByteCount(upload) }
        try await server.startAgain()
        let held = try await storage.uploadedByteCount(upload)

        #expect([.failed, .offline].contains(broken?.code))
        #expect(offline?.code == .offline)
        #expect(held >= 4 << 20)
        _ = try await storage.append(.bytes(bytes[Int(held)...]), to: upload, at: held, options: StoreOptions())
        _ = try await storage.finish(upload, options: StoreOptions())
        #expect(try await storage.bytes("a.bin") == bytes)
    }

    @Test func `keeps what is complete when the server is killed`() async throws {
        let server = try await TestServer.start("postgres")
        let storage = try await DatabaseStorage(postgres: .test(server))
        try await storage.store(pattern(3 << 20), as: "a.bin")
        let content = FileContent.stream(Interrupted(bytes: pattern(9 << 20), at: 6 << 20) { try await server.kill() })
        _ = await failure { try await storage.store(content, as: "b.bin", options: StoreOptions()) }

        try await server.startAgain()

        #expect(try await storage.bytes("a.bin") == pattern(3 << 20))
        #expect(try await !storage.exists("b.bin"))
        for leftover in try await storage.leftovers() { try await storage.remove(leftover) }
        try await server.obey("assert (SELECT count(*) FROM \"storedFile\") = 1")
    }

    @Test func `lets no more connections be than it is told to`() async throws {
        let server = try await TestServer.shared("postgres")
        let proxy = try FaultyProxy(to: server.port)
        var options = try await PostgresOptions.test(server, port: proxy.port)
        options.connectionLimit = 3
        let storage = try DatabaseStorage(postgres: options, table: "files_\(FileName.randomSuffix())")

        try await withThrowingTaskGroup(of: Void.self) { group in
            for number in 0..<40 { group.addTask { try await storage.store([1], as: "\(number)") } }
            try await group.waitForAll()
        }

        #expect(proxy.connectionCount <= 3)
        #expect(try await storage.list("").files.count == 40)
    }
}

/// Bytes in the midst of which something happens.
private struct Interrupted: AsyncSequence, Sendable {
    let bytes: [UInt8]
    let at: Int
    let happens: @Sendable () async throws -> Void

    init(bytes: [UInt8], at: Int, _ happens: @escaping @Sendable () async throws -> Void) {
        (self.bytes, self.at, self.happens) = (bytes, at, happens)
    }

    struct AsyncIterator: AsyncIteratorProtocol {
        let content: Interrupted
        var position = 0

        mutating func next() async throws -> [UInt8]? {
            if position == content.at { try await content.happens() }
            guard position < content.bytes.count else { return nil }
            defer { position += 1 << 20 }
            return Array(content.bytes[position..<Swift.min(position + 1 << 20, content.bytes.count)])
        }
    }

    func makeAsyncIterator() -> AsyncIterator { AsyncIterator(content: self) }
}
