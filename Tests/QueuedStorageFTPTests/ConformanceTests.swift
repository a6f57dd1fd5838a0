import QueuedStorageFTP
import QueuedStorageTesting
import Synchronization
import TestSupport
import Testing

/// What every storage must do, on every server.
@Suite struct ConformanceTests {
    /// One storage a server for all checks, so that they share its connections.
    private static let storages = Mutex<[ServerKind: FTPStorage]>([:])

    private func storage(_ kind: ServerKind) async throws -> FTPStorage {
        let fresh = try await kind.storage("conformance")
        return Self.storages.withLock { storages in
            if let known = storages[kind] { return known }
            storages[kind] = fresh
            return fresh
        }
    }

    /// Every requirement on every server; but where a server can only append, nothing is held surely of a file that more
    /// may still come to.
    static let all = ServerKind.allCases.flatMap { kind in
        StorageRequirement.all.filter { kind != .old || $0.name != "keeps the upload when its last piece fails" }
            .map { (kind, $0) }
    }

    @Test(arguments: all)
    func `an FTP storage does what every storage must`(
        _ kind: ServerKind,
        _ requirement: StorageRequirement
    ) async throws {
        try await requirement.check(try await storage(kind))
    }

    @Test func `the table of remotes says what FTP can do`() async throws {
        let seen = try await StorageAbilities.observe(ServerKind.plain.storage("abilities"))

        #expect(try AbilityTable.row("FTP to ProFTPD") == seen.row("FTP to ProFTPD"))
    }
}
