import QueuedStorageMogileFS
import QueuedStorageTesting
import TestSupport
import Testing

@Suite struct `MogileFS storage on stand-ins for trackers and real storage nodes` {
    /// One for all, as connections are kept.
    private static let storage = Task { try MogileFSStorage.on(try await TestServer.shared("mogilefs")) }

    @Test(arguments: StorageRequirement.all)
    func meets(_ requirement: StorageRequirement) async throws {
        try await requirement.check(try await Self.storage.value)
    }

    @Test func `what it can do stands in the table of remotes`() async throws {
        let storage = try await Self.storage.value

        let seen = try await StorageAbilities.observe(storage).row("MogileFS")
        let written = try AbilityTable.row("MogileFS")
        #expect(seen == written)
    }
}
