import FoundationEssentials
public import QueuedStorageCore

// swift-format-ignore: AllPublicDeclarationsHaveDocumentation
extension GridFSStorage: ExclusiveStorage, DurableStorage, RetryingStorage {
    public func store(_ content: FileContent, as name: String, options: StoreOptions) async throws -> StoredObject {
        try await storeFirstFree(content, name, options, next: nil)
    }

    package func store(
        _ content: FileContent,
        as name: String,
        options: StoreOptions,
        whenTaken next: @Sendable (String) async throws -> String
    ) async throws -> StoredObject {
        try await withoutActuallyEscaping(next) { try await storeFirstFree(content, name, options, next: $0) }
    }

    private func storeFirstFree(
        _ content: FileContent,
        _ name: String,
        _ options: StoreOptions,
        next: (@Sendable (String) async throws -> String)?
    ) async throws -> StoredObject {
        try Task.checkCancellation()
        try FileName.validate(name)
        var (name, key) = (name, try resolve(name))
        await removeUnread()
        let reader = try await blocking { try content.reader() }
        // Asked first, so that a large content isn't read in vain.
        if !options.replaces, reader.size ?? .max > Int64(Self.chunkSize) {
            while try await exists(key) {
                guard let next else { throw taken(name) }
                name = try await next(name)
                key = try resolve(name)
            }
        }
        try await makeIndexes(name)
        let pieces = ContentPieces(reader, pieceSize: Self.chunkSize)
        var new = NewFile(id: .make(), name: key, length: 0, chunkSize: Self.chunkSize)
        do {
            try await send(pieces, to: .objectID(new.id), of: name, progress: options.progress)
            let (length, sha256) = try await pieces.total()
            new.length = length
            new.metadata = Self.metadata(sha256, options.contentType ?? content.contentType)
            try Task.checkCancellation()
            try await publish(&new, replacing: options.replaces, next: next)
        } catch {
            // They are left over if the server can't be reached any more.
            try? await removeUnpublished(.objectID(new.id))
            throw error
        }
        return StoredObject(
            name: new.name,
            size: new.length,
            sha256: options.computesSHA256 ? new.metadata["sha256"]?.string : nil
        )
    }
}

// MARK: - Parts of it

extension GridFSStorage {
    static func metadata(_ sha256: [UInt8]?, _ contentType: String?) -> BSONDocument {
        var metadata: BSONDocument = [:]
        metadata["sha256"] = sha256.map { .string($0.hexadecimal) }
        metadata["contentType"] = contentType.map { .string($0) }
        return metadata
    }

    /// Makes the indexes before the first chunk is written, unless this storage did so already.
    func makeIndexes(_ name: String) async throws {
        guard !hasIndexes.value else { return }
        try await act("stored", name) { try bucket.makeIndexes($0) }
        hasIndexes.value = true
    }

    /// Sends chunks, reading the next ones while some are on their way.
    ///
    /// - Returns: How many bytes were sent.
    @discardableResult
    func send(
        _ pieces: ContentPieces,
        to id: BSON,
        of name: String,
        progress: (@Sendable (Int64) -> Void)?
    ) async throws -> Int64 {
        var batch = try await pieces.next(upTo: Self.batchSize)
        var byteCount: Int64 = 0
        while !batch.isEmpty {
            try Task.checkCancellation()
            async let next = pieces.next(upTo: Self.batchSize)
            let chunks = batch.map { Chunk(number: $0.number, bytes: $0.bytes) }
            try await act("stored", name) { try bucket.insert(chunks, of: id, $0) }
            byteCount += chunks.reduce(0) { $0 + Int64($1.bytes.count) }
            progress?(byteCount)
            batch = try await next
        }
        return byteCount
    }

    /// Shows a file under its name, or the next one if it is taken.
    func publish(
        _ new: inout NewFile,
        replacing: Bool,
        next: (@Sendable (String) async throws -> String)?
    ) async throws {
        while true {
            if try await publish(&new, replacing: replacing) { return }
            guard !replacing, let next else { throw taken(new.name) }
            new.name = try resolve(try await next(new.name))
        }
    }

    /// Shows a file under its name.
    ///
    /// - Returns: False if the name is taken.
    private func publish(_ new: inout NewFile, replacing: Bool) async throws -> Bool {
        let file = new
        let revisions = try await act("stored", file.name) { session in
            try checkWhole(file, session)
            return try bucket.revisions(file.name, session)
        }
        guard replacing || revisions.isEmpty else { return false }
        // The newest one is what readers get, though a clock may be behind.
        let newest = revisions.map(\.uploadedAt).max() ?? .min
        new.uploadedAt = max(Int64(Date().timeIntervalSince1970 * 1000), newest == .min ? .min : newest + 1)
        if let created = revisions.map({ $0.metadata["createdAt"]?.date ?? $0.uploadedAt }).min() {
            new.metadata["createdAt"] = .date(created)
        }
        let shown = new
        if !replacing || !revisions.contains(where: \.ownsName) {
            do {
                try await act("stored", shown.name, isCancellable: false) { session in
                    try bucket.publish(shown, ownsName: true, session)
                    try checkShown(shown, session)
                }
                try await removeOlder(revisions, than: shown)
                return true
            } catch let error as StorageError where error.code == .alreadyExists {
                if !replacing { return false }
            }
        }
        // Somebody has the name for themselves: the new one is seen before the old one goes, and only then gets the name.
        try await act("stored", shown.name, isCancellable: false) { session in
            try bucket.publish(shown, ownsName: false, session)
            try checkShown(shown, session)
        }
        try await takeOver(shown)
        return true
    }

    /// Removes what a file replaces, and makes the name its own.
    private func takeOver(_ new: NewFile) async throws {
        while true {
            let revisions = try await act("stored", new.name, isCancellable: false) {
                try bucket.revisions(new.name, $0)
            }
            try await removeOlder(revisions, than: new)
            do {
                // If it isn't there, somebody replaced it already, and that is fine.
                _ = try await act("stored", new.name, isCancellable: false) { try bucket.ownName(new, $0) }
                return
            } catch let error as StorageError where error.code == .alreadyExists {
                guard let owner = revisions.first(where: \.ownsName), Self.isOlder(new, than: owner) else { continue }
                // Somebody replaced it with something newer: this one is the old one.
                try await act("stored", new.name, isCancellable: false) { try bucket.unpublish(.objectID(new.id), $0) }
                return try await removeChunks(of: .objectID(new.id))
            }
        }
    }

    /// Removes the revisions that are older than a file.
    private func removeOlder(_ revisions: [Revision], than new: NewFile) async throws {
        for revision in revisions where revision.id != .objectID(new.id) && !Self.isOlder(new, than: revision) {
            try await remove(revision, of: new.name)
        }
    }

    private static func isOlder(_ new: NewFile, than revision: Revision) -> Bool {
        if revision.uploadedAt != new.uploadedAt { return new.uploadedAt < revision.uploadedAt }
        guard case .objectID(let id) = revision.id else { return false }
        return new.id.bytes.lexicographicallyPrecedes(id.bytes)
    }

    /// Looks whether all chunks are there.
    private func checkWhole(_ new: NewFile, _ session: MongoSession) throws {
        let (count, last) = try bucket.extent(of: .objectID(new.id), session)
        let wanted = (new.length + Int64(new.chunkSize) - 1) / Int64(new.chunkSize)
        guard count == wanted, last == wanted - 1 else {
            throw MongoFailure(.failed, "its chunks were removed by somebody else meanwhile, or aren't all there")
        }
    }

    /// Looks once more, as who removes left-overs may have begun before the file was shown.
    private func checkShown(_ new: NewFile, _ session: MongoSession) throws {
        do {
            try checkWhole(new, session)
        } catch {
            try? bucket.unpublish(.objectID(new.id), session)
            throw error
        }
    }

    /// Removes the chunks of what isn't shown.
    func removeUnpublished(_ id: BSON) async throws {
        if try await act("removed", "", isCancellable: false, { try bucket.isPublished(id, $0) }) { return }
        try await removeChunks(of: id)
    }
}
