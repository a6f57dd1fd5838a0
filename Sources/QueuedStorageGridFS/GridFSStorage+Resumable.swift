import FoundationEssentials
public import QueuedStorageCore

// swift-format-ignore: AllPublicDeclarationsHaveDocumentation
extension GridFSStorage: ResumableStorage {
    public func uploadedByteCount(_ upload: Upload) async throws -> Int64 {
        guard let id = try await id(of: upload) else { return 0 }
        let name = upload.name
        let (isPublished, count) = try await act("resumed", name) { session in
            (try bucket.isPublished(id, session), try bucket.contiguousCount(of: id, session))
        }
        // What an attempt published before it died isn't an upload any more.
        if isPublished { return 0 }
        try await removeChunks(of: id, from: count)
        guard count > 0 else { return 0 }
        let last = try await act("resumed", name) { try bucket.chunks(of: id, count - 1..<count, $0) }
        return (count - 1) * Int64(Self.chunkSize) + Int64(last.first?.bytes.count ?? 0)
    }

    public func append(
        _ content: FileContent,
        to upload: Upload,
        at offset: Int64,
        options: StoreOptions
    ) async throws -> Int64 {
        let name = upload.name
        let id = try await begin(upload, at: offset)
        let number = offset / Int64(Self.chunkSize)
        let rest = Int(offset % Int64(Self.chunkSize))
        let last = try await act("stored", name) { session in
            let (count, last) = try bucket.extent(of: id, session)
            guard count == number + (rest > 0 ? 1 : 0), last == count - 1 else { throw Self.wrongOffset(offset) }
            guard rest > 0 else { return [UInt8]() }
            let bytes = try bucket.chunks(of: id, number..<number + 1, session).first?.bytes ?? []
            guard bytes.count == rest else { throw Self.wrongOffset(offset) }
            return bytes
        }
        let reader = try await blocking { try content.reader() }
        let pieces = ContentPieces(
            reader,
            pieceSize: Self.chunkSize,
            number: number,
            prefix: last,
            hash: running.take(upload.id, at: offset)
        )
        var sent: Int64 = 0
        if rest > 0, let first = try await pieces.next(upTo: 1).first {
            guard
                try await act(
                    "stored",
                    name,
                    { session in
                        try bucket.extend(Chunk(number: first.number, bytes: first.bytes), of: id, session)
                    }
                )
            else { throw writtenByOthers(upload) }
            sent = Int64(first.bytes.count - rest)
            options.progress?(sent)
        }
        let before = sent
        do {
            sent += try await send(pieces, to: id, of: name) { options.progress?(before + $0) }
        } catch let error as StorageError where error.code == .alreadyExists {
            throw writtenByOthers(upload)
        }
        running.keep(upload.id, await pieces.checksum(), at: offset + sent)
        _ = try await pieces.total()
        return offset + sent
    }

    public func finish(_ upload: Upload, options: StoreOptions) async throws -> StoredObject {
        try FileName.validate(upload.name)
        let name = try resolve(upload.name)
        guard let id = try await id(of: upload), case .objectID(let object) = id else { throw unknown(upload) }
        let length = try await uploadedByteCount(upload)
        guard length > 0 else { throw unknown(upload) }
        let hash = running.take(upload.id, at: length)
        var new = NewFile(id: object, name: name, length: length, chunkSize: Self.chunkSize)
        new.metadata = Self.metadata(hash?.bytes(.sha256), options.contentType)
        do {
            try await publish(&new, replacing: options.replaces, next: nil)
        } catch {
            running.keep(upload.id, hash, at: length)
            throw error
        }
        await removeUnread()
        return StoredObject(
            name: name,
            size: length,
            sha256: options.computesSHA256 ? new.metadata["sha256"]?.string : nil
        )
    }

    public func abandon(_ upload: Upload) async throws {
        running.forget(upload.id)
        if let id = try await id(of: upload) { try await removeUnpublished(id) }
    }

    // MARK: Uploads

    /// The identifier that the file of an upload is to have; nil if none was noted yet.
    private func id(of upload: Upload) async throws -> BSON? {
        try await upload.journal.read().flatMap { ObjectID(hexadecimal: $0) }.map { .objectID($0) }
    }

    /// Finds the upload's identifier, or notes one before the first chunk is written.
    private func begin(_ upload: Upload, at offset: Int64) async throws -> BSON {
        if let id = try await id(of: upload) {
            // Of an attempt that published it, nothing is appended to.
            if try await !act("stored", upload.name, { try bucket.isPublished(id, $0) }) { return id }
        }
        guard offset == 0 else {
            throw StorageError(
                .failed,
                name: upload.name,
                "The upload \(FileName.quoted(upload.id)) has no bytes, so that none belong at \(offset)."
            )
        }
        try await makeIndexes(upload.name)
        let id = ObjectID.make()
        try await upload.journal.write(id.bytes.hexadecimal)
        return .objectID(id)
    }

    private static func wrongOffset(_ offset: Int64) -> MongoFailure {
        MongoFailure(.failed, "its upload doesn't end at byte \(offset), so that nothing belongs there")
    }

    private func writtenByOthers(_ upload: Upload) -> StorageError {
        StorageError(
            .failed,
            name: upload.name,
            "The upload \(FileName.quoted(upload.id)) is being written by somebody else."
        )
    }

    private func unknown(_ upload: Upload) -> StorageError {
        StorageError(.notFound, name: upload.name, "The upload \(FileName.quoted(upload.id)) isn't known.")
    }
}

// swift-format-ignore: AllPublicDeclarationsHaveDocumentation
extension GridFSStorage: LeftoverStorage {
    /// Finds chunks that belong to no file.
    ///
    /// Other programs' uploads that are under way look the same: mind their age.
    public func leftovers() async throws -> [Leftover] {
        await removeUnread()
        return try await act("looked up", "") { try bucket.orphans($0) }.map { id, count in
            let document: BSONDocument = ["_id": id]
            guard case .objectID(let object) = id else {
                return Leftover(id: document.bytes.hexadecimal, purpose: "\(count) chunks of \(id)")
            }
            return Leftover(
                id: document.bytes.hexadecimal,
                purpose: "\(count) chunks of \(object.bytes.hexadecimal)",
                touchedAt: object.date
            )
        }
    }

    public func remove(_ leftover: Leftover) async throws {
        guard let id = Self.id(of: leftover) else {
            throw StorageError(.invalidName, "\(FileName.quoted(leftover.id)) is no left-over of this storage.")
        }
        try await removeUnpublished(id)
    }

    private static func id(of leftover: Leftover) -> BSON? {
        let digits = Array(leftover.id.utf8)
        guard digits.count.isMultiple(of: 2) else { return nil }
        let bytes = stride(from: 0, to: digits.count, by: 2).compactMap {
            UInt8(String(decoding: digits[$0..<$0 + 2], as: UTF8.self), radix: 16)
        }
        return try? bytes.withUnsafeBytes { try BSONDocument($0) }["_id"]
    }
}
