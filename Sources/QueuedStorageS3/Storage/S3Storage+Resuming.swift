internal import FoundationEssentials
public import QueuedStorageCore
internal import QueuedStorageTransport

/// An upload in parts: the server keeps each part that it has, and the journal what we know of them.
extension S3Storage: ResumableStorage {
    /// The size from which files are sent in parts.
    public var resumableFrom: Int64 { options.multipartFrom }

    /// Counts the parts that the server has and that are as we sent them, from the beginning up to the first gap; a last
    /// part that is too small to be followed by another one is left out.
    public func uploadedByteCount(_ upload: Upload) async throws -> Int64 {
        let name = try validated(upload.name)
        return try await resumed(upload, name)?.followable.reduce(0) { $0 + $1.size } ?? 0
    }

    /// Sends parts; each one is noted in the journal once the server has it.
    public func append(
        _ content: FileContent,
        to upload: Upload,
        at offset: Int64,
        options: StoreOptions
    ) async throws -> Int64 {
        let name = try validated(upload.name)
        let reader = try await blocking { try content.reader() }
        var record = try await resumed(upload, name)
        if record == nil, offset == 0 {
            let headers = objectHeaders(for: name, options.contentType ?? content.contentType)
            let key = try location.key(name)
            // A server's upload is for one name for ever: what was sent under another one is given up.
            try await abandon(upload)
            record = UploadRecord(key: key, uploadID: try await begin(key, name, headers))
            try await keep(record, in: upload, name)
        }
        guard var record, record.followable.reduce(0, { $0 + $1.size }) == offset else {
            throw StorageError(
                .failed,
                name: name,
                "The upload of the file \(FileName.quoted(name)) doesn't end at byte \(offset); it is asked anew how far it is."
            )
        }
        let first = record.followable.count + 1
        let known = record.parts.filter { $0.key >= first }
        record.parts = record.parts.filter { $0.key < first }
        var source = PartReader(reader)
        var hash: FileHash?
        var end = offset
        var noted = record.parts.count
        do {
            try await send(
                &source,
                record.uploadID,
                record.key,
                name,
                from: first,
                known: known,
                options,
                &hash
            ) { part in
                record.parts[part.number] = part
                end += part.size
                // A long list isn't written anew for each part; what isn't noted is sent again.
                if record.parts.count - noted > record.parts.count / 64 {
                    noted = record.parts.count
                    try await upload.journal.write(record.text)
                }
            }
        } catch {
            // What arrived until then counts, also if the task was cancelled.
            let text = record.text
            if record.parts.count > noted { await Task { try? await upload.journal.write(text) }.value }
            throw error
        }
        try await upload.journal.write(record.text)
        return end
    }

    /// Makes the object of the parts that the journal has.
    public func finish(_ upload: Upload, options: StoreOptions) async throws -> StoredObject {
        let name = try validated(upload.name)
        guard var record = try await record(of: upload), record.key == (try location.key(name)) else {
            throw StorageError(.notFound, name: name, "The upload of the file \(FileName.quoted(name)) isn't known.")
        }
        if record.parts.isEmpty {
            // An empty file has one empty part.
            record.parts[1] = try await sendEmpty(record, name)
        }
        var parts = record.beginning
        guard parts.count == record.parts.count else {
            throw StorageError(.failed, name: name, "The upload of the file \(FileName.quoted(name)) isn't whole.")
        }
        parts.sort { $0.number < $1.number }
        var stored = try await complete(record.uploadID, record.key, name, parts, replaces: options.replaces)
        try? await upload.journal.write("")
        if options.computesSHA256 { stored.sha256 = try await open(name, range: nil).sha256() }
        return stored
    }

    /// Makes the server forget the parts.
    public func abandon(_ upload: Upload) async throws {
        guard let record = try await record(of: upload) else { return }
        try await abort(record.uploadID, record.key, upload.name)
        try await upload.journal.write("")
    }

    private func record(of upload: Upload) async throws -> UploadRecord? {
        try await upload.journal.read().flatMap { UploadRecord($0) }
    }

    /// Keeps a new upload in the journal, or leaves none.
    private func keep(_ record: UploadRecord?, in upload: Upload, _ name: String) async throws {
        guard let record else { return }
        do {
            try await upload.journal.write(record.text)
        } catch {
            await Task { try? await self.abort(record.uploadID, record.key, name) }.value
            throw error
        }
    }

    /// What is known of an upload and was found at the server; nil if there is nothing to go on with.
    private func resumed(_ upload: Upload, _ name: String) async throws -> UploadRecord? {
        guard let record = try await record(of: upload), record.key == (try location.key(name)) else { return nil }
        return try await verified(record, name)
    }

    /// The record with those parts only that the server has, with the size and the tag that we noted; nil if the server
    /// doesn't know the upload.
    private func verified(_ record: UploadRecord, _ name: String) async throws -> UploadRecord? {
        var found = UploadRecord(key: record.key, uploadID: record.uploadID)
        var marker: String?
        repeat {
            var query = [(name: "uploadId", value: record.uploadID)]
            if let marker { query.append(("part-number-marker", marker)) }
            let page: XMLTree
            do {
                page = try await client.document(
                    S3Request("GET", record.key, verb: "resumed", name: name, query: query)
                )
            } catch let error as StorageError where error.code == .notFound {
                return nil
            }
            for node in page.all("Part") {
                guard let number = node["PartNumber"].flatMap({ Int($0.text) }), let part = record.parts[number],
                    node["Size"].flatMap({ Int64($0.text) }) == part.size,
                    node["ETag"].map({ unquoted($0.text) }) == part.etag
                else { continue }
                found.parts[number] = part
            }
            let next = page["IsTruncated"]?.text == "true" ? page["NextPartNumberMarker"]?.text : nil
            guard next == nil || next != marker else {
                throw StorageError(
                    .failed,
                    name: name,
                    "The parts of an upload can't be listed: the same page comes for ever."
                )
            }
            marker = next
        } while marker != nil
        return found
    }

    private func sendEmpty(_ record: UploadRecord, _ name: String) async throws -> SentPart {
        let seal = ContentSeal([], nil)
        var request = S3Request(
            "PUT",
            record.key,
            verb: "stored",
            name: name,
            query: [("partNumber", "1"), ("uploadId", record.uploadID)],
            headers: seal.headers
        )
        request.expectsETag = true
        let md5 = seal.md5.hexadecimal
        return SentPart(number: 1, size: 0, md5: md5, etag: try await client.send(request).etag ?? md5)
    }
}

extension UploadRecord {
    /// The parts from the first one on that another part may follow.
    fileprivate var followable: ArraySlice<SentPart> { beginning.prefix { $0.size >= S3Storage.minPartSize } }
}
