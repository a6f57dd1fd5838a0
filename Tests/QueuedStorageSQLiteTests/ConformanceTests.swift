import QueuedStorageSQLite
import QueuedStorageTesting
import TestSupport
import Testing

@Suite struct ConformanceTests {
    @Test(arguments: CatalogRequirement.all)
    func meets(_ requirement: CatalogRequirement) async throws {
        try await withTemporaryDirectory { directory in
            try await requirement.check { try SQLiteCatalog(path: "\(directory)/catalog.sqlite") }
        }
    }
}
