import QueuedStorageCore
import QueuedStorageDatabase
import QueuedStorageTesting
import TestSupport
import Testing

@Suite struct ConformanceTests {
    @Test(arguments: StorageRequirement.all)
    func `in SQLite, it`(_ requirement: StorageRequirement) async throws {
        try await withTemporaryDirectory { directory in
            try await requirement.check(DatabaseStorage(sqlite: directory + "/files.sqlite"))
        }
    }

    @Test func `SQLite does what the table of remotes says`() async throws {
        try await withDatabase(.sqlite) { database in
            let seen = try await StorageAbilities.observe(database.storage())
            #expect(try AbilityTable.row("SQLite") == seen.row("SQLite"))
        }
    }

    @Test func `PostgreSQL does what the table of remotes says, unless it is told to sync nothing`() async throws {
        let server = try await TestServer.start("postgres")
        // The tests' servers don't sync, so that tests are fast.
        #expect(try await !DatabaseStorage(postgres: .test(server)).isDurable)
        try await server.obey("sql ALTER SYSTEM SET fsync = on")
        try await server.stop()
        try await server.startAgain()

        let seen = try await StorageAbilities.observe(DatabaseStorage(postgres: .test(server)))

        #expect(try AbilityTable.row("PostgreSQL") == seen.row("PostgreSQL"))
        try await server.obey("sql ALTER ROLE owner SET synchronous_commit = off")
        #expect(try await !DatabaseStorage(postgres: .test(server)).isDurable)
    }

    @Test(arguments: StorageRequirement.all)
    func `in PostgreSQL, it`(_ requirement: StorageRequirement) async throws {
        try await requirement.check(DatabaseStorage(postgres: .test()))
    }
}
