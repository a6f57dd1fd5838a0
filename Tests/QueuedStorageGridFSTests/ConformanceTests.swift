import QueuedStorageTesting
import TestSupport
import Testing

@Suite struct ConformanceTests {
    @Test(arguments: StorageRequirement.all)
    func `in GridFS, it`(_ requirement: StorageRequirement) async throws {
        try await requirement.check(TestBucket().storage())
    }

    @Test func `does what the table of remotes says`() async throws {
        let seen = try await StorageAbilities.observe(TestBucket().storage())

        #expect(try AbilityTable.row("GridFS") == seen.row("GridFS"))
    }
}
