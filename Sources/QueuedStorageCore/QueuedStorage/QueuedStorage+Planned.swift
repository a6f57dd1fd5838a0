import Logging

// A transfer that never said how it ended may have published its bytes under the name that was planned for it; somebody
// else may have put a file there before. The bytes tell them apart, so their checksum has to be known before the last of
// them is removed here.
extension QueuedStorage {
    /// The SHA-256 of the bytes that were to get a remote name; nil if nobody can find it out any more.
    ///
    /// - Throws: ``StorageError`` with ``StorageError/Code/failed`` if it will be known in a moment.
    func plannedSHA256(_ job: TransferJob) async throws -> String? {
        if let sha256 = job.plannedObject?.sha256 { return sha256 }
        guard let file = job.file, file.hasLocal else { return nil }
        if file.state != .deleting, file.generation == job.generation {
            let found = try await localSHA256(file.name, place: file.place)
            // What has the name may be a later content by now; who put it there has noted what was there before.
            guard try await catalog.file(id: file.id)?.generation == file.generation else { throw unknownYet(file) }
            return found?.sha256
        }
        // Whoever deletes or replaces the file is about to note it.
        guard file.generation == job.generation + 1, file.state == .deleting || (file.replaces && file.place != nil)
        else { return nil }
        throw unknownYet(file)
    }

    private func unknownYet(_ file: StoredFile) -> StorageError {
        StorageError(
            .failed,
            name: file.name,
            "the former content of \"\(file.name)\" hasn't been compared with what lies on the remote yet"
        )
    }

    /// Notes the checksum of bytes that are about to be removed or replaced here, if it will be needed.
    ///
    /// - Parameter file: The file, as it is after its deletion or replacement.
    /// - Throws: ``CatalogError`` if the catalog can't be asked or told; bytes that can't be read have no checksum.
    func noteFormerSHA256(_ file: StoredFile) async throws {
        let generation = file.generation - 1
        guard file.state == .deleting || file.replaces,
            try await catalog.lacksSHA256(file.id, generation: generation),
            // A replacement has a place, under which the former content never was.
            let found = try await localSHA256(file.name, place: file.state == .deleting ? file.place : nil)
        else { return }
        try await catalog.note(sha256: found.sha256, size: found.size, of: file.id, generation: generation)
    }

    /// The size and the SHA-256 of local bytes; nil if they can't be read.
    func localSHA256(_ name: String, place: String?) async throws -> (size: Int64, sha256: String)? {
        let local = local
        do {
            let reader = try await blocking { try local.contentNow(of: name, place: place).reader(range: nil) }
            guard let size = reader.size else { return nil }
            return (size, try await reader.sha256())
        } catch let error as StorageError {
            logger.warning(
                "local bytes could not be read for their checksum",
                metadata: ["storage": "\(alias)", "name": "\(name)", "error": "\(error)"]
            )
            return nil
        }
    }
}
