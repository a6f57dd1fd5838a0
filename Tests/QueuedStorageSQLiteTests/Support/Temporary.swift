import Foundation
import QueuedStorageCore
import QueuedStorageSQLite
import TestSupport

/// Makes a catalog with a storage `photos`, and hands it over.
func withCatalog<Value>(
    seams: CommitSeams = CommitSeams(),
    _ body: (SQLiteCatalog) async throws -> Value
) async throws -> Value {
    try await withTemporaryDirectory { directory in
        let catalog = try SQLiteCatalog(path: "\(directory)/catalog.sqlite", seams: seams)
        try await catalog.register(photos, acceptingMove: false)
        return try await body(catalog)
    }
}

let photos = StorageRegistration(alias: "photos", localID: "local", remoteFingerprint: "remote")

/// A file that is to be recorded.
func newFile(_ name: String, size: Int64 = 3, replaces: Bool = false, dueAt: Date? = .distantPast) -> NewFile {
    NewFile(
        storage: "photos",
        name: name,
        staged: StagedFile(place: "staging/T/\(name)", size: size),
        replaces: replaces,
        dueAt: dueAt
    )
}

extension ClaimRequest {
    /// All jobs of `photos`.
    static func photos(limit: Int = 100, token: String = "token", now: Date = Date()) -> ClaimRequest {
        ClaimRequest(
            storages: ["photos"],
            tasks: ["photos": ["Transfer"]],
            limit: limit,
            leases: ["photos": Lease(token: token, bootID: "boot", until: 1000)],
            now: now
        )
    }
}
