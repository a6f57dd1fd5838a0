import QueuedStorageCouchDB
import QueuedStorageTesting
import TestSupport
import Testing

@Suite struct `CouchDB storage on a stand-in for CouchDB` {
    /// One for all, as connections are kept.
    private static let storages = Task {
        let server = try await TestServer.shared("couchdb")
        return [
            "1.7": try CouchDBStorage.on(server, .one),
            "2.3": try CouchDBStorage.on(server, .two) { $0.authentication = .session },
            "3.3": try CouchDBStorage.on(server, .three) { $0.prefix = "files:" },
        ]
    }

    @Test(arguments: StorageRequirement.all, ["1.7", "2.3", "3.3"])
    func meets(_ requirement: StorageRequirement, on version: String) async throws {
        try await requirement.check(try #require(try await Self.storages.value[version]))
    }

    @Test func `what it can do stands in the table of remotes`() async throws {
        let storage = try #require(try await Self.storages.value["3.3"])

        let seen = try await StorageAbilities.observe(storage).row("CouchDB")
        let written = try AbilityTable.row("CouchDB")
        #expect(seen == written)
    }
}
