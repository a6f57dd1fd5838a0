package import QueuedStorageCore

/// Asks a storage for what its server may lie about; each answer is one of the storage's own errors, or holds what it must.
package func interrogate(_ storage: any Storage, _ name: String = "a.txt") async throws {
    let questions: [() async throws -> Void] = [
        {
            let listing = try await storage.list("")
            try holdComponents(listing.files + listing.directories)
        },
        { try hold(try await storage.size(name) >= 0, "a file has a negative size") },
        { _ = try await storage.exists(name) },
        { _ = try await storage.modifiedAt(name) },
        { _ = try await storage.createdAt(name) },
        { _ = try await storage.open(name, range: nil).collect(upTo: 1 << 20) },
        { _ = try await storage.open(name, range: 1..<3).collect(upTo: 1 << 20) },
        { _ = try await (storage as? any ChecksumStorage)?.checksum(name) },
        { _ = try await (storage as? any LeftoverStorage)?.leftovers() },
    ]
    for question in questions {
        do {
            try await question()
        } catch is StorageError {}
    }
}
