import QueuedStorageCloudFiles
import QueuedStorageCore
import QueuedStorageTesting
import TestSupport
import Testing

@Suite struct `Cloud Files storage on OpenStack Swift` {
    /// One for all, as a login costs more than a check.
    private static let storage = Task { try CloudFilesStorage.tested(try await TestServer.shared("openstack-swift")) }

    @Test(arguments: StorageRequirement.all)
    func meets(_ requirement: StorageRequirement) async throws {
        try await requirement.check(try await Self.storage.value)
    }

    @Test func `the table of remotes says what is seen`() async throws {
        let server = try await TestServer.shared("openstack-swift")
        let storage = try CloudFilesStorage.tested(server, temporaryURLKey: Secret("k")) { $0.segmentSize = 2 << 20 }
        let name = "OpenStack Swift"

        #expect(try await StorageAbilities.observe(storage).row(name) == AbilityTable.row(name))
    }
}
