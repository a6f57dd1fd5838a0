import QueuedStorageTesting
import TestSupport
import Testing

@Suite(.timeLimit(.minutes(5)))
struct WebDAVAbilityTests {
    @Test func `can do what the table of remotes says`() async throws {
        let seen = try await StorageAbilities.observe(DAVServer.nginx.storage())

        let (row, said) = (seen.row("WebDAV"), try AbilityTable.row("WebDAV"))
        #expect(said == row)
    }
}
