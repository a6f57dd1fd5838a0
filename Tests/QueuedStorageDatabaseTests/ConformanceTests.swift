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

    @Test(arguments: Kind.allCases)
    func `does what the table of remotes says`(_ kind: Kind) async throws {
        try await withDatabase(kind) { database in
            let name = kind == .sqlite ? "SQLite" : "PostgreSQL"
            let seen = try await StorageAbilities.observe(database.storage())
            #expect(try AbilityTable.row(name) == seen.row(name))
        }
    }

    @Test(arguments: StorageRequirement.all)
    func `in PostgreSQL, it`(_ requirement: StorageRequirement) async throws {
        try await requirement.check(DatabaseStorage(postgres: .test()))
    }
}
