internal import Crypto
internal import FoundationEssentials
public import QueuedStorageCore
internal import QueuedStorageTransport

extension CloudFilesStorage {
    /// Content up to this size is read before it is sent, so that its MD5 goes along and the server refuses damage.
    static let inMemorySize: Int64 = 1 << 20

    /// The header field by which an object tells which attempt stored it.
    static let attemptField = "X-Object-Meta-Qstore-Attempt"
}

// swift-format-ignore: AllPublicDeclarationsHaveDocumentation
extension CloudFilesStorage: DurableStorage {
    public func store(_ content: FileContent, as name: String, options: StoreOptions) async throws -> StoredObject {
        try Task.checkCancellation()
        try FileName.validate(name)
        let target = try target(name)
        return try await gate.pass(target.name) {
            let old = options.replaces ? try await segments(of: target, failed("stored", target.name)) : nil
            let stored = try await storeAlone(content, as: target, options)
            // What was replaced is gone already; what it was made of may stay behind, and is found later then.
            if let old { try? await remove(old, failed("stored", target.name)) }
            return stored
        }
    }

    private func storeAlone(
        _ content: FileContent,
        as target: Target,
        _ options: StoreOptions
    ) async throws -> StoredObject {
        let reader = try await blocking { try content.reader() }
        var options = options
        options.contentType = options.contentType ?? content.contentType
        let digests = options.computesSHA256 ? Digests(.md5, .sha256) : Digests(.md5)
        let source = ContentSource(reader, digests)
        let buffered = reader.size == nil ? Int64(configuration.segmentSize) : Self.inMemorySize
        guard reader.size ?? 0 <= buffered else {
            let size = reader.size ?? 0
            if size > configuration.maxObjectSize { return try await storeSegmented(source, as: target, options) }
            return try await put(UploadBody(source, size: size), of: source, as: target, options)
        }
        let head = try await source.take(buffered + 1)
        if source.byteCount > buffered {
            guard reader.size == nil else { throw wrongSize(target, reader.size, "more") }
            // How much is still to come nobody knows; what is too large for one object shows only at its end.
            source.putBack(head)
            return try await storeSegmented(source, as: target, options)
        }
        guard reader.size == nil || reader.size == source.byteCount else {
            throw wrongSize(target, reader.size, "\(source.byteCount)")
        }
        return try await put(UploadBody(head), of: source, as: target, options, md5: source.checksum(.md5).value)
    }

    private func wrongSize(_ target: Target, _ size: Int64?, _ found: String) -> StorageError {
        StorageError(
            .damaged,
            name: target.name,
            "\(failed("stored", target.name)): it was said to have \(size ?? 0) bytes, and had \(found)."
        )
    }
}

// MARK: - One object

extension CloudFilesStorage {
    /// Puts a body, and compares the checksum that the server computed.
    private func put(
        _ body: UploadBody,
        of source: ContentSource,
        as target: Target,
        _ options: StoreOptions,
        md5: String? = nil
    ) async throws -> StoredObject {
        let attempt = FileName.randomIdentifier()
        var request = Account.Request("PUT", path(target.object), body: body)
        request.headers = headers(options, attempt: attempt)
        request.headers["ETag"] = md5
        request.progress = options.progress
        do {
            try await sendToItsEnd(request, body) { [self] answer in
                try await accept(answer, as: target)
                try await check(answer.etag, source.checksum(.md5).value, target)
            } undo: { [self] in
                try await discardObject(target)
            }
        } catch {
            guard source.byteCount == body.size, await isStored(error, target, attempt, source) else { throw error }
        }
        return StoredObject(
            name: target.name,
            size: body.size,
            sha256: options.computesSHA256 ? source.checksum(.sha256).value : nil,
            verifiedBy: .md5
        )
    }

    /// Sends a request whose content, once all of it is on its way, can't be called back.
    ///
    /// Who cancels before ends it: the server drops what isn't whole. Afterwards it is waited for, and undone; the
    /// transport's time-outs end the wait.
    private func sendToItsEnd(
        _ request: Account.Request,
        _ body: UploadBody,
        accept: @escaping @Sendable (TransportResponse) async throws -> Void,
        undo: @escaping @Sendable () async throws -> Void
    ) async throws {
        try Task.checkCancellation()
        // No child of this task, as cancelling it would end the request.
        let sending = Task {
            try await accept(try await send(request, needing: configuration.container))
        }
        try await withTaskCancellationHandler {
            try await sending.value
        } onCancel: {
            if !body.isHandedOver { sending.cancel() }
        }
        guard Task.isCancelled else { return }
        try? await Task { try await undo() }.value
        throw CancellationError()
    }

    /// The header fields of a new object.
    func headers(_ options: StoreOptions, attempt: String) -> HeaderFields {
        var headers: HeaderFields = [:]
        if !options.replaces { headers["If-None-Match"] = "*" }
        headers["Content-Type"] = options.contentType ?? "application/octet-stream"
        headers[Self.attemptField] = attempt
        for (key, value) in configuration.metadata.sorted(by: { $0.key < $1.key }) {
            headers["X-Object-Meta-\(key)"] = value
        }
        return headers
    }

    /// Refuses every answer but the one that says that the object is there, and ours.
    func accept(_ answer: TransportResponse, as target: Target) async throws {
        let failed = failed("stored", target.name)
        switch answer.status {
        case 201 where answer.isSwifts || answer.etag != nil: try await answer.discard()
        case 404:
            try? await answer.discard()
            throw missingContainer(failed)
        case 202:
            // The server took a later one, and forgets ours.
            throw StorageError(
                .alreadyExists,
                name: target.name,
                "\(failed): somebody else stored a file of this name at the same moment."
            )
        case 412:
            try? await answer.discard()
            throw StorageError(.alreadyExists, name: target.name, "\(failed): the name is taken.")
        default: throw await answer.swiftFailure(failed, name: target.name)
        }
    }

    private func check(_ theirs: String?, _ ours: String, _ target: Target) async throws {
        guard theirs != ours else { return }
        try? await discardObject(target)
        throw StorageError(
            .damaged,
            name: target.name,
            """
            \(failed("stored", target.name)): the server's checksum is \(theirs ?? "missing") where ours is \(ours), so \
            that it was removed there; it is to be sent again.
            """
        )
    }

    private func discardObject(_ target: Target) async throws {
        let answer = try await account.send(Account.Request("DELETE", path(target.object)))
        try await answer.discard()
    }

    /// Finds out whether content that was sent to its end is stored, though no answer says so, or only that of a request
    /// that was repeated over another connection: that the name is taken.
    ///
    /// What was cancelled is removed then.
    private func isStored(_ error: any Error, _ target: Target, _ attempt: String, _ source: ContentSource) async
        -> Bool
    {
        let isCancelled = error is CancellationError || Task.isCancelled
        let isUncertain =
            (error as? StorageError).map { [.failed, .timedOut, .alreadyExists].contains($0.code) } ?? false
        guard isCancelled || isUncertain else { return false }
        let md5 = source.checksum(.md5).value
        // Not a child of the task that was cancelled, but waited for; the transport's time-outs end it.
        return await Task {
            guard let headers = try? await head(target, failed("stored", target.name)),
                headers[Self.attemptField] == attempt
            else { return false }
            guard isCancelled else { return headers["Etag"]?.filter { $0 != "\"" } == md5 }
            try? await discardObject(target)
            return false
        }.value
    }
}

// MARK: - Content of any size

extension CloudFilesStorage {
    /// Stores content in segments that nobody can go on with.
    private func storeSegmented(
        _ source: ContentSource,
        as target: Target,
        _ options: StoreOptions
    ) async throws -> StoredObject {
        let upload = Upload(id: FileName.randomIdentifier(), name: target.name)
        do {
            try await append(source, to: upload, UploadRecord(name: target.name), options)
            if let size = source.size, source.byteCount != size {
                throw wrongSize(target, size, "\(source.byteCount)")
            }
            var stored = try await publish(upload, as: target, options)
            stored.sha256 = options.computesSHA256 ? source.checksum(.sha256).value : nil
            return stored
        } catch {
            // Waited for, though the task may be cancelled; what can't be removed now is found later.
            await Task { try? await abandon(upload) }.value
            throw error
        }
    }
}
