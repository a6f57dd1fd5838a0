public import QueuedStorageCore

// swift-format-ignore: AllPublicDeclarationsHaveDocumentation
extension CloudFilesStorage: ResumableStorage {
    /// Twice a segment: less is sent again sooner than it is put together.
    public var resumableFrom: Int64 { Int64(configuration.segmentSize) * 2 }

    public func uploadedByteCount(_ upload: Upload) async throws -> Int64 {
        try Self.checkIdentifier(upload.id)
        var record = try await UploadRecord(upload.journal)
        guard !record.segments.isEmpty else { return 0 }
        // What the journal knows is what was read here; what the server lists is what it has.
        let listed = try await listed(upload.id)
        let held = record.segments.enumerated().prefix { index, segment in
            let entry = listed[segmentObject(upload.id, index)]
            return entry?.byteCount == segment.size && entry?.hash == segment.md5
        }
        if held.count < record.segments.count {
            record.segments.removeSubrange(held.count...)
            try await record.write(to: upload.journal)
        }
        return record.byteCount
    }

    public func append(
        _ content: FileContent,
        to upload: Upload,
        at offset: Int64,
        options: StoreOptions
    ) async throws -> Int64 {
        try Self.checkIdentifier(upload.id)
        let record = try await UploadRecord(upload.journal)
        guard record.byteCount == offset else {
            throw StorageError(
                .failed,
                name: upload.name,
                """
                The upload \(FileName.quoted(upload.id)) has \(record.byteCount) bytes, so that none belong at \(offset).
                """
            )
        }
        let reader = try await blocking { try content.reader() }
        let appended = try await append(ContentSource(reader, Digests()), to: upload, record, options)
        return appended.byteCount
    }

    public func finish(_ upload: Upload, options: StoreOptions) async throws -> StoredObject {
        try Self.checkIdentifier(upload.id)
        try FileName.validate(upload.name)
        let target = try target(upload.name)
        return try await gate.pass(target.name) { try await publish(upload, as: target, options) }
    }

    public func abandon(_ upload: Upload) async throws {
        try Self.checkIdentifier(upload.id)
        // Segments of a file that is there are the file's.
        if try await !isPublished(upload) { try await removeUpload(upload.id) }
        // What no longer is is as good as unknown, whether or not the journal can still be written.
        try? await UploadRecord().write(to: upload.journal)
    }
}
