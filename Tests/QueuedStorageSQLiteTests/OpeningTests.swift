import Foundation
import GRDB
import QueuedStorageCore
import QueuedStorageSQLite
import Synchronization
import TestSupport
import Testing

/// The code of the error that a body throws.
private func code(_ body: () throws -> Void) -> CatalogError.Code? {
    do {
        try body()
        return nil
    } catch {
        return (error as? CatalogError)?.code
    }
}

@Suite struct OpeningTests {
    @Test func `makes its own pool durable, patient and strict`() async throws {
        try await withCatalog { catalog in
            let pragmas = try await catalog.pool.write { db in
                try ["synchronous", "busy_timeout", "foreign_keys"].map { try Int.fetchOne(db, sql: "PRAGMA \($0)") }
            }

            #expect(pragmas == [2, 10_000, 1])
            #expect(try await catalog.read { try String.fetchOne($0, sql: "PRAGMA journal_mode") } == "wal")
        }
    }

    @Test func `makes an application's pool durable and patient, and leaves its tables alone`() async throws {
        try await withTemporaryDirectory { directory in
            let pool = try DatabasePool(path: "\(directory)/app.sqlite")
            var migrator = DatabaseMigrator()
            migrator.registerMigration("app") { try $0.execute(sql: "CREATE TABLE photo (id INTEGER PRIMARY KEY)") }
            try migrator.migrate(pool)

            let catalog = try SQLiteCatalog(pool)

            try await catalog.register(photos, acceptingMove: false)
            _ = try await catalog.record(newFile("a.txt"))
            let pragmas = try await pool.write { db in
                try ["synchronous", "busy_timeout"].map { try Int.fetchOne(db, sql: "PRAGMA \($0)") }
            }
            #expect(pragmas == [2, 10_000])
            let migrations = try await pool.read { [migrator] db in try migrator.appliedIdentifiers(db) }
            #expect(migrations == ["app"])
        }
    }

    @Test func `finds its files again`() async throws {
        try await withTemporaryDirectory { directory in
            let path = "\(directory)/catalog.sqlite"
            let file = try await {
                let catalog = try SQLiteCatalog(path: path)
                try await catalog.register(photos, acceptingMove: false)
                return try await catalog.record(newFile("a.txt"))
            }()

            let catalog = try SQLiteCatalog(path: path, creates: false)

            #expect(try await catalog.file("a.txt", in: "photos") == file)
        }
    }

    @Test func `lets many open one new file at once`() async throws {
        try await withTemporaryDirectory { directory in
            try await withThrowingTaskGroup { group in
                for number in 0..<16 {
                    group.addTask {
                        let catalog = try SQLiteCatalog(path: "\(directory)/catalog.sqlite")
                        try await catalog.register(photos, acceptingMove: false)
                        _ = try await catalog.record(newFile("\(number)"))
                    }
                }
                try await group.waitForAll()
            }

            let catalog = try SQLiteCatalog(path: "\(directory)/catalog.sqlite", creates: false)
            #expect(try await catalog.counts().map(\.counts) == [[.queued: 16]])
        }
    }

    @Test func `waits for who is making the file at this moment`() async throws {
        try await withTemporaryDirectory { directory in
            let path = "\(directory)/catalog.sqlite"
            let holder = try LockHolder(path: path)
            let attempts = Mutex(0)
            let seams = CommitSeams(pause: { attempt in
                attempts.withLock { $0 = attempt }
                if attempt == 2 { try? holder.release() }
            })

            let catalog = try SQLiteCatalog(path: path, seams: seams)

            #expect(attempts.withLock { $0 } == 2)
            try await catalog.register(photos, acceptingMove: false)
        }
    }

    @Test func `says that there is no catalog`() async throws {
        try await withTemporaryDirectory { directory in
            let path = "\(directory)/catalog.sqlite"

            #expect(code { _ = try SQLiteCatalog(path: path, creates: false) } == .missing)
            #expect(!FileManager.default.fileExists(atPath: path))
        }
    }

    @Test func `says that a database has no catalog`() async throws {
        try await withTemporaryDirectory { directory in
            let path = "\(directory)/app.sqlite"
            try DatabasePool(path: path).close()

            #expect(code { _ = try SQLiteCatalog(path: path, creates: false) } == .notACatalog)
        }
    }

    @Test func `says that a file isn't a database`() async throws {
        try await withTemporaryDirectory { directory in
            let path = "\(directory)/catalog.sqlite"
            try String(repeating: "no database. ", count: 1000).write(toFile: path, atomically: true, encoding: .utf8)

            #expect(code { _ = try SQLiteCatalog(path: path) } == .notACatalog)
        }
    }

    @Test func `says that newer software made the catalog`() async throws {
        try await withTemporaryDirectory { directory in
            let path = "\(directory)/catalog.sqlite"
            try await SQLiteCatalog(path: path).write { db in
                try db.execute(sql: "INSERT INTO qstore_migration (version, appliedAt) VALUES (99, 0)")
            }

            #expect(code { _ = try SQLiteCatalog(path: path) } == .newerSchema)
        }
    }

    @Test func `says that the directory isn't there`() async throws {
        try await withTemporaryDirectory { directory in
            #expect(code { _ = try SQLiteCatalog(path: "\(directory)/none/catalog.sqlite") } == .unavailable)
        }
    }

    @Test func `refuses a pool that can't write, or enforces no foreign keys`() async throws {
        try await withTemporaryDirectory { directory in
            let path = "\(directory)/catalog.sqlite"
            _ = try SQLiteCatalog(path: path)
            var readonly = Configuration()
            readonly.readonly = true
            var loose = Configuration()
            loose.foreignKeysEnabled = false

            for configuration in [readonly, loose] {
                let pool = try DatabasePool(path: path, configuration: configuration)
                #expect(code { _ = try SQLiteCatalog(pool) } == .unavailable)
            }
        }
    }

    @Test func `says that the file can't be written`() async throws {
        try await withTemporaryDirectory { directory in
            // The superuser may write everywhere but where the kernel keeps its own files.
            let path = geteuid() == 0 ? "/sys/kernel/catalog.sqlite" : "\(directory)/catalog.sqlite"
            if geteuid() != 0 {
                try DatabasePool(path: path).close()
                try FileManager.default.setAttributes([.posixPermissions: 0o444], ofItemAtPath: path)
            }

            #expect(code { _ = try SQLiteCatalog(path: path) } == .unavailable)
        }
    }

    @Test func `says that another process keeps the database locked`() async throws {
        try await withTemporaryDirectory { directory in
            let path = "\(directory)/catalog.sqlite"
            var configuration = Configuration()
            configuration.busyMode = .timeout(0.01)
            let catalog = try SQLiteCatalog(DatabasePool(path: path, configuration: configuration))
            try await catalog.register(photos, acceptingMove: false)
            let other = try DatabaseQueue(path: path)

            try await other.writeWithoutTransaction { db in try db.execute(sql: "CREATE TABLE app (x)") }
            let holder = try LockHolder(path: path)
            await #expect(throws: CatalogError.self) { _ = try await catalog.record(newFile("a.txt")) }
            try holder.release()

            _ = try await catalog.record(newFile("a.txt"))
        }
    }
}

/// Another connection that holds the write lock.
private final class LockHolder: Sendable {
    private let connection: DatabaseQueue

    init(path: String) throws {
        var configuration = Configuration()
        configuration.allowsUnsafeTransactions = true
        connection = try DatabaseQueue(path: path, configuration: configuration)
        try connection.writeWithoutTransaction { try $0.execute(sql: "BEGIN IMMEDIATE") }
    }

    func release() throws { try connection.writeWithoutTransaction { try $0.execute(sql: "ROLLBACK") } }
}
