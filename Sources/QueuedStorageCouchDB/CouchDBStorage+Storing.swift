public import QueuedStorageCore
import FoundationEssentials
import QueuedStorageTransport

// swift-format-ignore: AllPublicDeclarationsHaveDocumentation
extension CouchDBStorage: RetryingStorage {
    /// Content up to this size goes into the document itself, where CouchDB takes it without a multipart body.
    private static let inlineSize: Int64 = 16 << 10
    /// Content from this size on isn't sent before it is known that the name is free.
    private static let largeSize: Int64 = 256 << 10

    public func store(_ content: FileContent, as name: String, options: StoreOptions) async throws -> StoredObject {
        try await store(content, as: name, options: options) { [self] in throw taken($0) }
    }

    package func store(
        _ content: FileContent,
        as name: String,
        options: StoreOptions,
        whenTaken next: @Sendable (String) async throws -> String
    ) async throws -> StoredObject {
        var name = try checked(name)
        try Task.checkCancellation()
        let contentType = options.contentType ?? content.contentType ?? ""
        if !options.replaces, (content.size ?? .max) >= Self.largeSize {
            while try await find(name, couldNot("stored", name)) != nil { name = try checked(try await next(name)) }
        }
        let content = try await RepeatableContent(content)
        // The document stands before the bytes, and has the checksums by which the server judges them.
        let digests = try await content.digests()
        for _ in 0..<Self.maxConflicts {
            let failed = couldNot("stored", name)
            let old = options.replaces ? try await find(name, failed) : nil
            var document = NewDocument(
                size: content.size,
                digests: digests,
                contentType: Self.isFieldValue(contentType) ? contentType : "application/octet-stream",
                created: old?.created
            )
            document.revision = old?.revision
            guard let revision = try await put(document, content, digests, name, failed, options.progress) else {
                if !options.replaces { name = try checked(try await next(name)) }
                continue
            }
            let isProven = try await verify(name, revision, content.size, digests, failed)
            return StoredObject(
                name: name,
                size: content.size,
                sha256: document.sha256,
                verifiedBy: isProven ? .md5 : nil
            )
        }
        throw contention(couldNot("stored", name), name)
    }

    private func checked(_ name: String) throws -> String {
        try FileName.validate(name)
        return try resolve(name)
    }

    private func taken(_ name: String) -> StorageError {
        StorageError(.alreadyExists, name: name, "\(couldNot("stored", name)): the name is taken.")
    }

    /// Whether a text can be a header field's value.
    private static func isFieldValue(_ text: String) -> Bool {
        !text.isEmpty && text.utf8.allSatisfy { (0x20...0x7E).contains($0) }
    }

    /// Makes the document with its bytes, in one request.
    ///
    /// - Returns: Its revision; nil if somebody else's document has the name, or has changed.
    private func put(
        _ document: NewDocument,
        _ content: RepeatableContent,
        _ digests: Digests,
        _ name: String,
        _ failed: String,
        _ progress: (@Sendable (Int64) -> Void)?
    ) async throws -> String? {
        var call = Database.Call("PUT", DocumentIDs.path(ids.id(name)))
        // CouchDB 1.x answers before the bytes are on the disk, unless it is told to wait; later ones always wait.
        call.headers["X-Couch-Full-Commit"] = "true"
        let sent = Shared(false)
        if content.size <= Self.inlineSize {
            let json = try document.json(with: try await content.reader().collect())
            call.headers["Content-Type"] = "application/json"
            call.body = { .bytes(json) }
            call.progress = { if $0 >= json.count { sent.value = true } }
        } else {
            let json = try document.json(followedBy: couchDigest(digests))
            let body = MultipartBody(json, content, contentType: document.contentType)
            call.headers["Content-Type"] = body.contentType
            call.body = { .stream(try body.reader(), size: body.size) }
            call.progress = { count in
                if count >= body.size { sent.value = true }
                progress?(min(max(0, count - body.contentOffset), content.size))
            }
        }
        let answer: Answer
        do {
            answer = try await database.ask(call, failed, name: name)
        } catch {
            // Where no old file is lost by it, what the server may have made of the request is taken back.
            if sent.value, document.revision == nil { await withdraw(document.upload, name, failed) }
            throw error
        }
        if answer.status == 409 {
            // The request goes out twice if its connection broke off: the other document may be the one of the first time.
            let there = try await find(name, failed)
            return there?.upload == document.upload ? there?.revision : nil
        }
        guard answer.isSuccess else { throw answer.failure(failed, name: name) }
        struct Made: Decodable { var rev: String }
        let revision = try answer.json(Made.self, failed, name: name).rev
        progress?(content.size)
        return revision
    }

    /// Compares what the server says of the bytes with what was read.
    ///
    /// - Returns: Whether its MD5 is the one of the bytes; false if it can't tell, as of bytes that it compressed.
    /// - Throws: `StorageError` with `damaged` if they are other bytes, which are removed then.
    private func verify(
        _ name: String,
        _ revision: String,
        _ size: Int64,
        _ digests: Digests,
        _ failed: String
    ) async throws -> Bool {
        let query = "?att_encoding_info=true&rev=" + revision.percentEncoded()
        // The file is there, and whole; that the server doesn't tell more now leaves the proof to others.
        guard let stored = try? await find(name, failed, query: query) else { return false }
        let isSame = !(stored.content?.hasDigestOfContent ?? false) || stored.content?.digest == couchDigest(digests)
        guard stored.content?.length == size, isSame else {
            _ = try? await remove(stored.id, revision, failed, name)
            throw StorageError(
                .damaged,
                name: name,
                "\(failed): the server has other bytes than those that were sent, by their number or their MD5."
            )
        }
        return stored.content?.hasDigestOfContent == true
    }

    /// Deletes what a request made whose answer never came.
    private func withdraw(_ upload: String, _ name: String, _ failed: String) async {
        // Also for a task that is cancelled.
        await Task { [self] in
            guard let document = try? await find(name, failed), document.upload == upload else { return }
            _ = try? await remove(document.id, document.revision, failed, name)
        }.value
    }
}
